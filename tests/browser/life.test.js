// The life of detectors: loading, caches, many at once, the end.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, open, root, server, weights, withPage } from './helper.js';

withPage();
const options = { skip: weights() ? false : 'no weights' };

/** A page without the demo's own detector. */
async function blank() {
  const page = await open(browser, `${server.address}samples/cat.jpg`);
  page.asked = [];
  page.on('request', (request) => page.asked.push(new URL(request.url()).pathname));
  await page.route('**/blank.html', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
  await page.goto(`${server.address}blank.html`);
  return page;
}

const ofWeights = (page) => page.asked.filter((path) => path.endsWith('.safetensors')).length;

test('weights are kept under their SHA-256, checked, and fetched anew if they are damaged', options, async () => {
  const page = await blank();
  const load = (given = {}) => page.evaluate(async (given) => {
    const { Detector } = await import('/lib/index.js');
    const steps = [];
    const detector = await Detector.load({ device: 'cpu', size: 64, onProgress: (step) => steps.push(step), ...given });
    detector.dispose();
    return steps;
  }, given);
  const steps = await load();
  assert.equal(ofWeights(page), 1);
  const { bytes, sha256 } = JSON.parse(readFileSync(join(root, 'weights/manifest.json'), 'utf8')).weights[0];
  const loaded = steps.filter(({ stage }) => stage === 'download');
  assert.deepEqual(loaded.at(-1), { stage: 'download', loaded: bytes, total: bytes });
  assert.deepEqual(steps.at(-1), { stage: 'prepare', loaded: 1, total: 1 });
  await load();
  assert.equal(ofWeights(page), 1, 'from Cache Storage');
  await load({ cache: false });
  assert.equal(ofWeights(page), 2, 'asked for anew');
  const key = await page.evaluate(async () => {
    const cache = await caches.open('ghostdet-weights');
    const [{ url }] = await cache.keys();
    await cache.put(url, new Response('damaged'));
    return url;
  });
  assert.ok(key.endsWith(sha256));
  await load();
  assert.equal(ofWeights(page), 3, 'the damaged ones are not taken');
  const wrong = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const model = '/lib/weights/yolov5n-ghost-backbone.safetensors';
    return Detector.load({ device: 'cpu', model, sha256: '0'.repeat(64) }).catch(({ code, message }) => `${code}: ${message}`);
  });
  assert.match(wrong, /^network: http.*SHA-256/);
  await page.context().close();
});

test('a storage that is full, forbidden or not there is no failure', options, async () => {
  for (const line of [
    "Cache.prototype.put = async () => { throw new DOMException('full', 'QuotaExceededError'); }",
    "CacheStorage.prototype.open = async () => { throw new DOMException('no', 'SecurityError'); }",
    "Object.defineProperty(globalThis, 'caches', { value: undefined })",
    "Object.defineProperty(globalThis.crypto, 'subtle', { value: undefined })",
    "Object.defineProperty(globalThis, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })",
  ]) {
    const page = await blank();
    await page.evaluate(line);
    const width = await page.evaluate(async () => {
      const { Detector } = await import('/lib/index.js');
      const detector = await Detector.load({ device: 'cpu', size: 64 });
      return (await detector.detect(new ImageData(9, 8))).width;
    });
    assert.equal(width, 9, line);
    await page.context().close();
  }
});

test('weights, wasm and its JavaScript are asked for once, for the page and several workers', options, async () => {
  const page = await blank();
  await page.evaluate(async () => {
    const { Detector, ready, summarize } = await import('/lib/index.js');
    await Promise.all([ready(), Detector.load({ device: 'cpu', size: 64 }), Detector.load({ device: 'cpu', size: 64 }), Detector.load({ device: 'cpu', size: 64, worker: false })]);
    summarize('yolov5n');
  });
  assert.equal(page.asked.filter((path) => path.endsWith('.wasm')).length, 1);
  assert.equal(ofWeights(page), 1);
  await page.context().close();
});

test('fifty at once, and two copies of the package in one page', options, async () => {
  const page = await blank();
  await page.route('**/copy/**', async (route) => route.fulfill({ response: await route.fetch({ url: route.request().url().replace('/copy/', '/lib/') }) }));
  const widths = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const { Detector: Other, GhostdetError } = await import('/copy/index.js');
    const load = async (Kind, index) => {
      const detector = await Kind.load({ device: 'cpu', size: 64, worker: index % 5 > 0 });
      const { width } = await detector.detect(new ImageData(index + 1, 8));
      detector.dispose();
      return width;
    };
    const widths = await Promise.all(Array.from({ length: 50 }, (_, index) => load(Detector, index)));
    widths.push(await load(Other, 50), await load(Other, 51));
    const foreign = await Detector.load({ size: 1 }).catch((error) => error);
    if (foreign instanceof GhostdetError || foreign.name !== 'GhostdetError') throw new Error('the copies are not two');
    return widths;
  });
  assert.deepEqual(widths, Array.from({ length: 52 }, (_, index) => index + 1));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('loaded and disposed of again and again, memory stays as it is', options, async (t) => {
  const page = await blank();
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'JSHeapUsedSize').value;
  };
  await page.evaluate(() => {
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = async (...given) => {
      const made = await instantiate.apply(WebAssembly, given);
      globalThis.memory = (made.instance ?? made).exports.memory;
      return made;
    };
  });
  const rounds = (count, worker) => page.evaluate(async ({ count, worker }) => {
    const { Detector } = await import('/lib/index.js');
    globalThis.bytes ??= await (await fetch('/lib/weights/yolov5n-ghost-backbone.safetensors')).arrayBuffer();
    for (let round = 0; round < count; round++) {
      const detector = await Detector.load({ device: 'cpu', size: 64, worker, model: globalThis.bytes });
      await detector.detect(new ImageData(32, 32));
      detector.dispose();
    }
    return globalThis.memory?.buffer.byteLength ?? 0;
  }, { count, worker });
  const first = await rounds(20, false);
  await rounds(5, true);
  const before = await heap();
  const last = await rounds(180, false);
  await rounds(20, true);
  const after = await heap();
  t.diagnostic(`wasm ${first} -> ${last} bytes, JavaScript ${before} -> ${after} bytes`);
  assert.ok(first > 0);
  assert.equal(last, first, 'the wasm memory does not grow');
  assert.ok(after - before < 2e6, `JavaScript grew by ${after - before} bytes`);
  await page.context().close();
});

test('disposed of by the end of a block, and while something runs', options, async () => {
  const page = await blank();
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => Detector.load({ device: 'cpu', size: 64, warmup: false })));
    const code = (promise) => promise.then(() => 'nothing', (error) => error.code);
    one[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
    await two[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]();
    const running = code(three.detect(new ImageData(64, 64)));
    await new Promise((resolve) => setTimeout(resolve));
    three.dispose();
    three.dispose();
    return [await code(one.detect(new ImageData(8, 8))), await code(two.warmup()), ['disposed', 'nothing'].includes(await running)];
  });
  assert.deepEqual(seen, ['disposed', 'disposed', true]);
  await page.context().close();
});

test('what the package says of itself is true', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'www/lib/package.json'), 'utf8'));
  assert.match(readFileSync(join(root, 'www/lib/version.js'), 'utf8'), new RegExp(`'${version}'`));
  assert.match(readFileSync(join(root, 'Cargo.toml'), 'utf8'), new RegExp(`^version = "${version}"`, 'm'));
  const [first] = JSON.parse(readFileSync(join(root, 'weights/manifest.json'), 'utf8')).weights;
  const shipped = readFileSync(join(root, 'www/lib/shipped.js'), 'utf8');
  for (const value of [first.file, first.sha256, `bytes: ${first.bytes}`]) assert.ok(shipped.includes(value), value);
});
