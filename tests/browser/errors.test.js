// What goes wrong is told by a code, where it arises.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, open, server, weights, withPage } from './helper.js';

let page;
withPage(async () => {
  page = await open(browser, server.address);
  await page.evaluate(() => {
    globalThis.grey = (width = 64, height = 48) => new ImageData(new Uint8ClampedArray(width * height * 4).fill(120), width, height);
    globalThis.thrown = (promise) => promise.then(
      () => ({ code: 'nothing was thrown' }),
      (error) => ({ name: error.name, code: error.code, message: error.message, cause: String(error.cause) }),
    );
  });
});

const options = { skip: weights() ? false : 'no weights' };

test('network: a download that fails, with its address', options, async () => {
  await page.route('**/page-instead/**', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>App</title>' }));
  await page.route('**/untold/**', (route) => route.fulfill({ contentType: 'application/octet-stream', body: '<!DOCTYPE html>\n<html></html>' }));
  await page.route('**/hung-up/**', (route) => route.abort('connectionreset'));
  await page.route('**/broken-server/**', (route) => route.fulfill({ status: 503, body: 'later' }));
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const seen = {};
    const load = async (name, options) => (seen[name] = await globalThis.thrown(Detector.load({ device: 'cpu', size: 64, cache: false, ...options })));
    const body = (make) => async () => new Response(new ReadableStream({ start: make }), { headers: { 'content-length': '5000' } });
    await load('rejected fetch', { fetch: () => Promise.reject(new TypeError('Failed to fetch')) });
    await load('thrown fetch', { fetch: () => { throw new Error('no'); } });
    await load('broken body', { fetch: body((c) => (c.enqueue(new Uint8Array(1000)), setTimeout(() => c.error(new TypeError('network error')), 20))) });
    await load('cut off', { fetch: body((c) => (c.enqueue(new Uint8Array(1000)), c.close())) });
    await load('404', { model: '/lib/none.safetensors' });
    for (const name of ['page-instead', 'untold', 'hung-up', 'broken-server']) await load(name, { model: `/${name}/a.safetensors` });
    const detector = await Detector.load({ device: 'cpu', size: 64 });
    const detect = async (name, source) => (seen[name] = await globalThis.thrown(detector.detect(source)));
    for (const name of ['page-instead', 'hung-up', 'broken-server']) await detect(`picture, ${name}`, `/${name}/a.jpg`);
    await detect('picture, 404', new URL('/none.jpg', location.href));
    seen.goesOn = (await detector.detect(globalThis.grey())).width;
    detector.dispose();
    return seen;
  });
  const { goesOn, ...errors } = seen;
  for (const [name, { name: kind, code, message }] of Object.entries(errors)) {
    assert.deepEqual([kind, code], ['GhostdetError', 'network'], `${name}: ${message}`);
    assert.match(message, /http:\/\/127\.0\.0\.1:\d+\//, name);
  }
  assert.match(errors['page-instead'].message, /HTML page/);
  assert.match(errors.untold.message, /HTML page/);
  assert.match(errors['cut off'].message, /1000 of 5000 bytes/);
  assert.equal(goesOn, 64);
});

test('network: wasm files that are not there, are pages, are damaged or old', options, async () => {
  const cases = {
    missing: { status: 404, body: 'not found' },
    'a page instead': { contentType: 'text/html', body: '<!doctype html>' },
    'a page with another type': { contentType: 'application/octet-stream', body: '<!doctype html><p>' },
    'no wasm': { contentType: 'application/wasm', body: 'hello, hello, hello' },
    'cut off': { contentType: 'application/wasm', body: Buffer.from('0061736d0100000001', 'hex') },
    'another build': { contentType: 'application/wasm', body: Buffer.from('0061736d01000000', 'hex') },
  };
  for (const [name, answer] of Object.entries(cases)) {
    const other = await open(browser, server.address);
    await other.route('**/ghostdet_wasm_bg.wasm', (route) => route.fulfill(answer));
    const error = await other.evaluate(async () => {
      const { Detector } = await import('/lib/index.js');
      return Detector.load({ device: 'cpu' }).then(() => null, ({ code, message }) => ({ code, message }));
    });
    assert.equal(error?.code, 'network', `${name}: ${error?.message}`);
    await other.context().close();
  }
});

test('a wasm file with a wrong type works', options, async () => {
  for (const contentType of ['text/plain', 'application/octet-stream', '']) {
    const other = await open(browser, server.address);
    await other.route('**/ghostdet_wasm_bg.wasm', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(), 'content-type': contentType } });
    });
    const width = await other.evaluate(async () => {
      const { Detector } = await import('/lib/index.js');
      const detector = await Detector.load({ device: 'cpu', size: 64 });
      return (await detector.detect(new ImageData(40, 30))).width;
    });
    assert.equal(width, 40);
    await other.context().close();
  }
});

test('aborted: any reason of any signal', options, async () => {
  const seen = await page.evaluate(async () => {
    const { Detector, measure } = await import('/lib/index.js');
    const seen = {};
    const slow = (_, { signal }) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    const deaf = () => new Promise(() => {});
    const reasons = { none: undefined, text: 'enough', error: new RangeError('mine'), number: 0, nothing: null };
    for (const [name, reason] of Object.entries(reasons)) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(reason), 20);
      seen[name] = await globalThis.thrown(Detector.load({ device: 'cpu', fetch: slow, cache: false, signal: stop.signal }));
    }
    seen.timeout = await globalThis.thrown(Detector.load({ device: 'cpu', fetch: slow, cache: false, signal: AbortSignal.timeout(20) }));
    seen.deaf = await globalThis.thrown(Detector.load({ device: 'cpu', fetch: deaf, cache: false, signal: AbortSignal.timeout(20) }));
    seen.before = await globalThis.thrown(Detector.load({ device: 'cpu', signal: AbortSignal.abort('early') }));
    seen.measure = await globalThis.thrown(measure([], { signal: AbortSignal.abort('early') }));
    const detector = await Detector.load({ device: 'cpu', size: 64 });
    seen.detect = await globalThis.thrown(detector.detect(globalThis.grey(), { signal: AbortSignal.abort('early') }));
    const late = await Detector.load({ device: 'cpu', size: 64, fetch: slow });
    seen.picture = await globalThis.thrown(late.detect('/samples/cat.jpg', { signal: AbortSignal.timeout(20) }));
    seen.goesOn = (await detector.detect(globalThis.grey())).width;
    return seen;
  });
  const { goesOn, ...errors } = seen;
  for (const [name, { code, message }] of Object.entries(errors)) assert.equal(code, 'aborted', `${name}: ${message}`);
  assert.match(errors.none.cause, /AbortError/);
  assert.equal(errors.text.cause, 'enough');
  assert.equal(errors.error.cause, 'RangeError: mine');
  assert.match(errors.timeout.cause, /TimeoutError/);
  assert.match(errors.timeout.message, /longer than the signal allows/);
  assert.equal(goesOn, 64);
});

test('unsupported: no WebAssembly, no SIMD, a policy that forbids it', options, async () => {
  const without = {
    'no WebAssembly': 'delete globalThis.WebAssembly',
    'no SIMD': 'WebAssembly.validate = () => false',
  };
  for (const [name, line] of Object.entries(without)) {
    for (const worker of [true, false]) {
      const other = await open(browser, server.address);
      await other.evaluate(line);
      const code = await other.evaluate(async (worker) => {
        const { Detector } = await import('/lib/index.js');
        return Detector.load({ device: 'cpu', worker }).then(() => null, ({ code }) => code);
      }, worker);
      assert.equal(code, 'unsupported', name);
      await other.context().close();
    }
  }
  const strict = await open(browser, server.address);
  await strict.route('**/empty.html', (route) => route.fulfill({
    contentType: 'text/html', body: '<!doctype html>', headers: { 'content-security-policy': "default-src 'self'" },
  }));
  await strict.goto(`${server.address}empty.html`);
  for (const worker of [true, false]) {
    const { code, message } = await strict.evaluate(async (worker) => {
      const { Detector } = await import('/lib/index.js');
      return Detector.load({ device: 'cpu', worker }).then(() => ({}), ({ code, message }) => ({ code, message }));
    }, worker);
    assert.equal(code, 'unsupported', message);
    assert.match(message, /wasm-unsafe-eval/);
  }
  await strict.context().close();
});

test('picture, argument, weights: what was given', options, async () => {
  const seen = await page.evaluate(async () => {
    const { Detector, compare, summarize, ready } = await import('/lib/index.js');
    const thrown = globalThis.thrown;
    const detector = await Detector.load({ device: 'cpu', size: 64 });
    const call = async (action) => action();
    const text = new Blob(['no picture'], { type: 'image/png' });
    const canvas = document.createElement('canvas');
    canvas.width = 0;
    const bitmap = await createImageBitmap(globalThis.grey());
    bitmap.close();
    const picture = [text, new Blob([]), new Image(), document.createElement('video'), canvas, bitmap];
    const sources = [null, undefined, 5, {}, [], { data: new Uint8Array(7), width: 2, height: 2 }, { data: new Float32Array(16), width: 2, height: 2 }];
    const wrong = [
      { modle: 'x' }, { conf: 0.3 }, { model: 5 }, { model: 'yolov9' }, { device: 'gpu0' }, { size: 31 }, { size: 1.5 }, { threads: -1 },
      { worker: 5 }, { worker: {} }, { model: 'http://' },
    ];
    const detects = [{ confidence: 0.3 }, { conf: 2 }, { conf: NaN }, { iou: '1' }, { classes: ['catt'] }, { classes: [80] }, { classes: 'cat' }, { classes: new Set([15]) }, { maxDetections: 0 }];
    const files = [new ArrayBuffer(0), new Uint8Array(100), new Blob(['hello']), new TextEncoder().encode('{"a": 1}'), new Blob(['PK\u0003\u0004 zip'])];
    const before = await thrown(call(() => summarize('yolov5n')));
    await ready();
    return {
      picture: await Promise.all(picture.map((source) => thrown(detector.detect(source)))),
      argument: await Promise.all([
        ...sources.map((source) => thrown(detector.detect(source))),
        ...detects.map((options) => thrown(detector.detect(globalThis.grey(), options))),
        ...wrong.map((options) => thrown(Detector.load({ device: 'cpu', ...options }))),
        thrown(call(() => summarize('yolov5n', { classes: 3 }))),
        thrown(call(() => compare([], null))),
        thrown(detector.stream(new Image()).next()),
        thrown(detector.stream(null).next()),
        before,
      ]),
      weights: await Promise.all(files.map((model) => thrown(Detector.load({ device: 'cpu', model })))),
      rgb: (await detector.detect({ data: new Uint8Array(3 * 50 * 40), width: 50, height: 40 })).width,
    };
  });
  for (const code of ['picture', 'argument', 'weights']) {
    seen[code].forEach((error, index) => assert.equal(error.code, code, `${code} ${index}: ${error.message}`));
  }
  const said = seen.argument.map(({ message }) => message).join('\n');
  assert.match(said, /"modle"; did you mean "model"\?/);
  assert.match(said, /"confidence"; did you mean "conf"\?/);
  assert.match(said, /"catt"; did you mean "cat"\?/);
  assert.match(said, /"yolov9" came with the package .*give the address/);
  assert.match(said, /await ready\(\)/);
  assert.equal(seen.rgb, 50);
});
