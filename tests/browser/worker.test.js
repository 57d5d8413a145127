// Where the network runs: in a worker of the package, from a copy of its file, in the caller's worker, in the page.
import assert from 'node:assert/strict';
import { createServer, request as ask } from 'node:http';
import { test } from 'node:test';
import { browser, open, server, weights, withPage } from './helper.js';

let other;
withPage(
  async () => {
    other = await mirror(server.address);
  },
  async () => other?.close(),
);

const options = { skip: weights() ? false : 'no weights' };

/** The same files at another origin, which lets every page read them. */
async function mirror(address) {
  const proxy = createServer((request, response) => {
    ask(new URL(request.url, address), (answer) => {
      response.writeHead(answer.statusCode, { ...answer.headers, 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' });
      answer.pipe(response);
    }).end();
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (proxy.address());
  return { address: `http://127.0.0.1:${port}`, close: () => proxy.close() };
}

/** Loads from `lib`, looks at a picture, and tells where that ran. */
const look = (page, lib, given = {}) => page.evaluate(async ({ lib, given }) => {
  const { Detector } = await import(lib);
  const detector = await Detector.load({ device: 'cpu', size: 320, ...given });
  const { detections } = await detector.detect('/samples/astronaut.jpg');
  const { worker, workerReason } = detector.info;
  detector.dispose();
  return { worker, workerReason, found: detections.some(({ label, score }) => label === 'person' && score > 0.6) };
}, { lib, given });

test('a worker of its own, and none', options, async () => {
  const page = await open(browser, server.address);
  const [own, none] = [await look(page, '/lib/index.js'), await look(page, '/lib/index.js', { worker: false })];
  assert.deepEqual([own.worker, own.found], ['worker', true]);
  assert.deepEqual([none.worker, none.found], ['page', true]);
  assert.deepEqual(page.errors, []);
});

test('the package at another origin: a worker from a copy of the file', options, async () => {
  const page = await open(browser, server.address);
  // The demo's own policy allows its own origin only; the browser's page around a picture has none.
  await page.goto(`${server.address}samples/cat.jpg`);
  const lib = `${other.address}/lib/index.js`;
  const [copy, none] = [await look(page, lib), await look(page, lib, { worker: false })];
  assert.deepEqual([copy.worker, copy.found], ['blob', true], copy.workerReason);
  assert.deepEqual([none.worker, none.found], ['page', true]);
  assert.deepEqual(page.errors, []);
});

test('where no worker can be started, the page does it', options, async () => {
  for (const line of [
    'delete globalThis.Worker',
    "globalThis.Worker = class { constructor() { throw new DOMException('no', 'SecurityError'); } }",
    "globalThis.Worker = class extends EventTarget { postMessage() { this.dispatchEvent(new ErrorEvent('error', { message: 'blocked' })); } terminate() {} }",
  ]) {
    // The demo loads a network of its own meanwhile, with threads.
    const page = await open(browser, server.address);
    await page.evaluate(line);
    const seen = await look(page, '/lib/index.js');
    assert.deepEqual([seen.worker, seen.found], ['page', true], line);
    assert.ok(seen.workerReason.length > 10, seen.workerReason);
    await page.context().close();
  }
  const page = await open(browser, `${server.address}samples/cat.jpg`);
  await page.route('**/lib/worker.js', (route) => route.fulfill({ status: 404, body: 'gone' }));
  const seen = await look(page, '/lib/index.js');
  assert.deepEqual([seen.worker, seen.found], ['page', true]);
  assert.match(seen.workerReason, /404/);
});

test("inside a worker of the page's", options, async () => {
  const page = await open(browser, server.address);
  const seen = await page.evaluate(async () => {
    const text = `import { Detector, ready, summarize } from '${location.origin}/lib/index.js';
      const file = '/lib/weights/yolov5n-ghost-backbone.safetensors';
      const ways = { plain: {}, inPlace: { worker: false }, absolute: { model: new URL(file, '${location.origin}') } };
      const seen = {};
      for (const [name, options] of Object.entries(ways)) {
        const detector = await Detector.load({ device: 'cpu', size: 320, ...options });
        const { detections } = await detector.detect('${location.origin}/samples/cat.jpg');
        seen[name] = detections[0]?.label;
        detector.dispose();
      }
      await ready();
      seen.parameters = summarize('yolov5n').parameters > 1e6;
      seen.relative = await Detector.load({ model: './a.safetensors' }).catch(({ code }) => code);
      self.postMessage(seen);`;
    const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })), { type: 'module' });
    return new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => resolve({ message });
    });
  });
  // A worker from a blob has no address that a relative one could count from.
  assert.deepEqual(seen, { plain: 'cat', inPlace: 'cat', absolute: 'cat', parameters: true, relative: 'argument' });
});

test("the caller's worker: shared by two detectors, beside messages of its own", options, async () => {
  const page = await open(browser, server.address);
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const text = `import { serve } from '${location.origin}/lib/worker.js';
      serve();
      self.onmessage = ({ data }) => {
        if (!data.mine) return;
        self.postMessage({ mine: data.mine + 1 });
        // The owner's own faults are none of the detectors'.
        Promise.reject(new Error('nobody waits for this'));
        throw new Error('nor for this');
      };`;
    const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })), { type: 'module' });
    const heard = [];
    worker.onmessage = ({ data }) => data.mine && heard.push(data.mine);
    const [one, two] = await Promise.all([64, 320].map((size) => Detector.load({ device: 'cpu', size, worker })));
    worker.postMessage({ mine: 1 });
    const first = await Promise.all([one.detect('/samples/cat.jpg', { conf: 0.01 }), two.detect('/samples/cat.jpg')]);
    one.dispose();
    const second = await two.detect('/samples/cat.jpg');
    worker.postMessage({ mine: 5 });
    two.dispose();
    const three = await Detector.load({ device: 'cpu', size: 320, worker });
    const third = await three.detect('/samples/cat.jpg');
    return { heard, kinds: [one.info.worker, three.info.worker], same: [second, third].every(({ detections }) => JSON.stringify(detections) === JSON.stringify(first[1].detections)) };
  });
  assert.deepEqual(seen, { heard: [2, 6], kinds: ['given', 'given'], same: true });
});

test('a worker that does not serve is told, with what to do', options, async () => {
  const page = await open(browser, server.address);
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const start = (text) => new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })), { type: 'module' });
    const refused = (worker) => Detector.load({ device: 'cpu', worker }).then(() => ({}), ({ code, message }) => ({ code, message }));
    const old = `self.onmessage = ({ data }) => self.postMessage({ ghostdet: 1, client: data.client, id: data.id, result: { version: '0.0.1' } });`;
    return { empty: await refused(start('')), broken: await refused(start('throw new Error("mine")')), old: await refused(start(old)) };
  });
  assert.equal(seen.empty.code, 'unsupported');
  assert.match(seen.empty.message, /import \{ serve \} from 'ghostdet\/worker'/);
  assert.equal(seen.broken.code, 'unsupported');
  assert.match(seen.broken.message, /mine/);
  assert.equal(seen.old.code, 'network');
  assert.match(seen.old.message, /version 0\.0\.1/);
});
