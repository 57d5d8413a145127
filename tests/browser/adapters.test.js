// Odd WebGPU adapters: `auto` runs on the CPU without waiting for them, `webgpu` says what is wrong.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { browser, open, root, server, weights, withPage } from './helper.js';

withPage();

const options = { skip: weights() ? false : 'no weights' };

/** A line that runs in the worker before anything else, and whether WebGPU works all the same. */
const ODD = {
  'no info, as in some versions of Safari': ['delete GPUAdapter.prototype.info;', true],
  'requestAdapter throws': ["GPU.prototype.requestAdapter = () => { throw new Error('boom') };"],
  'requestAdapter rejects': ["GPU.prototype.requestAdapter = () => Promise.reject(new Error('boom'));"],
  'requestAdapter gives null': ['GPU.prototype.requestAdapter = () => Promise.resolve(null);'],
  'requestAdapter gives undefined': ['GPU.prototype.requestAdapter = async () => {};'],
  'requestAdapter never answers': ['GPU.prototype.requestAdapter = () => new Promise(() => {});'],
  'requestDevice never answers': ['GPUAdapter.prototype.requestDevice = () => new Promise(() => {});'],
  'requestDevice rejects': ["GPUAdapter.prototype.requestDevice = () => Promise.reject(new Error('no device'));"],
  'requestDevice throws': ["GPUAdapter.prototype.requestDevice = () => { throw new TypeError('no device') };"],
  'no navigator.gpu': ["Object.defineProperty(Object.getPrototypeOf(navigator), 'gpu', { get: () => undefined });"],
};

/** The adapter shall not look like one of software: `auto` would leave it alone at once. */
const HARDWARE = `for (const key of ['architecture', 'device', 'description', 'vendor']) {
  Object.defineProperty(GPUAdapterInfo.prototype, key, { get: () => 'real' });
}
Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });`;

/** Tries an adapter: most in the worker alone; those that wait, or change the page's objects, in both. */
function tried(name) {
  const [line, works] = ODD[name];
  for (const worker of /info|never/.test(name) ? [true, false] : [true]) {
    test(`${name}, ${worker ? 'in a worker' : 'in the page'}`, options, async (t) => {
      const page = await open(browser, server.address);
      if (!(await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter())))) return t.skip('no WebGPU adapter here');
      const before = `${HARDWARE} ${line}`;
      if (worker) {
        const text = readFileSync(join(root, 'www/lib/worker.js'), 'utf8');
        // Imports run first: the line has to be in one that comes before them.
        // On pages that are isolated a worker needs the headers that the server sends with it.
        const replace = async (route, body) => route.fulfill({ response: await route.fetch({ url: `${server.address}lib/worker.js` }), body });
        await page.route('**/lib/worker.js', (route) => replace(route, `import './odd.js';\n${text}`));
        await page.route('**/lib/odd.js', (route) => replace(route, before));
      } else {
        await page.evaluate(before);
      }
      const seen = await page.evaluate(async (worker) => {
        const { Detector } = await import('/lib/index.js');
        const code = async (promise) => promise.then(() => 'loaded', ({ code, message }) => ({ code, message }));
        const auto = await Detector.load({ device: 'auto', worker, size: 320 });
        const { detections, device } = await auto.detect('/samples/astronaut.jpg');
        const reason = auto.info.device.reason;
        auto.dispose();
        const started = performance.now();
        let second = null;
        const asked = await code(Detector.load({ device: 'webgpu', worker, size: 96 }).then((detector) => (second = detector)));
        const took = performance.now() - started;
        const kind = second?.info.device.kind;
        second?.dispose();
        const third = await Detector.load({ device: 'cpu', worker, size: 96 });
        const after = (await third.detect('/samples/cat.jpg')).device;
        third.dispose();
        return { detections, device, reason, asked, kind, took, after, where: third.info.worker };
      }, worker);
      t.diagnostic(`${seen.reason}; asked for: ${JSON.stringify(seen.asked)}`);
      assert.equal(seen.device, 'cpu');
      assert.ok(seen.detections.some(({ label, score }) => label === 'person' && score > 0.6));
      assert.ok(seen.reason.length > 5);
      assert.equal(seen.where, worker ? 'worker' : 'page');
      if (works) {
        assert.equal(seen.asked, 'loaded');
        assert.equal(seen.kind, 'webgpu');
      } else {
        assert.equal(seen.asked.code, 'device');
        assert.doesNotMatch(seen.asked.message, /vulkan|metal|dx12/i);
        // What never answers is given up in time. Nothing else is timed.
        assert.ok(seen.took < 30_000, `${seen.took} ms`);
      }
      assert.equal(seen.after, 'cpu');
      assert.deepEqual(page.errors, []);
      await page.context().close();
    });
  }
}

const isSilent = (/** @type {string} */ name) => name.endsWith('never answers');
for (const name of Object.keys(ODD).filter((name) => !isSilent(name))) tried(name);
// These only wait.
describe('adapters and devices that never answer', { concurrency: 4 }, () => {
  for (const name of Object.keys(ODD).filter(isSilent)) tried(name);
});
