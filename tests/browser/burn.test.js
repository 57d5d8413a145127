// Burn's module: when it is fetched, what runs in it, and that the CPU goes on when it fails.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, open, root, server, weights, withPage } from './helper.js';

withPage();

const options = { skip: weights() ? false : 'no weights' };

/** A page that notes when which module is asked for; null without WebGPU. `real`: its adapter claims to be no software. */
async function withAdapter(t, { real = false } = {}) {
  const page = await open(browser, server.address);
  page.asked = [];
  page.on('request', (request) => page.asked.push(new URL(request.url()).pathname));
  const there = await page.evaluate(async (real) => {
    if (!(await navigator.gpu?.requestAdapter())) return false;
    const told = { description: '', vendor: 'acme', architecture: 'gen-1', device: '', isFallbackAdapter: false };
    for (const [name, value] of Object.entries(real ? told : {})) {
      Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => value });
    }
    return true;
  }, real);
  if (there) return page;
  t.skip('no WebGPU adapter here');
  return null;
}

const isBurn = (path) => path.includes('/pkg/burn/');

test('the module is fetched only where a GPU is wanted', options, async (t) => {
  const page = await withAdapter(t);
  if (!page) return;
  const look = (device) => page.evaluate(async (device) => {
    const { Detector } = await import('/lib/index.js');
    const detector = await Detector.load({ device, worker: false, size: 96 });
    await detector.tuned;
    await detector.detect('/samples/cat.jpg');
    const { kind, backend, executor, reason } = detector.info.device;
    detector.dispose();
    return { kind, backend, executor, reason };
  }, device);
  const [cpu, auto] = [await look('cpu'), await look('auto')];
  assert.deepEqual([cpu.kind, cpu.backend, cpu.executor], ['cpu', 'wasm', 'simd']);
  assert.equal(auto.reason, 'WebGPU runs in software here');
  assert.deepEqual(page.asked.filter(isBurn), [], 'neither the CPU nor a software adapter needs it');
  const gpu = await look('webgpu');
  assert.deepEqual([gpu.kind, gpu.backend, gpu.executor], ['webgpu', 'burn-wgpu', 'fused']);
  assert.equal(page.asked.filter(isBurn).length, 2, 'the bindings and the module');
  const ops = await look('webgpu/burn-ops');
  assert.deepEqual([ops.kind, ops.backend, ops.executor], ['webgpu', 'burn-wgpu', 'burn-ops']);
  assert.equal(page.asked.filter(isBurn).length, 2, 'once');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the CPU answers while the module is on its way', options, async (t) => {
  const page = await withAdapter(t, { real: true });
  if (!page) return;
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/pkg/burn/*', async (route) => {
    await held;
    await route.continue();
  });
  const early = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    globalThis.detector = await Detector.load({ device: 'auto', worker: false, size: 96 });
    const { device, detections } = await detector.detect('/samples/cat.jpg', { conf: 0.1 });
    return { device, boxes: detections.length, ...detector.info.device };
  });
  assert.deepEqual([early.device, early.pending, early.reasonCode], ['cpu', true, 'starting']);
  assert.ok(early.boxes > 0);
  release();
  const late = await page.evaluate(async () => {
    await detector.tuned;
    return detector.info.device;
  });
  assert.equal(late.pending, false);
  assert.ok(late.measured.webgpu > 0, late.reason);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a module that is not there leaves the CPU', options, async (t) => {
  const page = await withAdapter(t, { real: true });
  if (!page) return;
  await page.route('**/pkg/burn/*', (route) => route.fulfill({ status: 404, body: 'not found' }));
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const auto = await Detector.load({ device: 'auto', worker: false, size: 64 });
    await auto.tuned;
    const { device } = await auto.detect('/samples/cat.jpg');
    const asked = await Detector.load({ device: 'webgpu', worker: false, size: 64 }).then(() => 'loaded', (error) => `${error.code}: ${error.message}`);
    return { device, reason: auto.info.device.reason, asked };
  });
  assert.deepEqual(seen, {
    device: 'cpu',
    reason: "Burn's WebGPU module is not built yet",
    asked: "device: Burn's WebGPU module is not built yet",
  });
  await page.context().close();
});

test('a shader that fails validation leads to the CPU', options, async (t) => {
  const page = await withAdapter(t);
  if (!page) return;
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const load = (device) => Detector.load({ device, worker: false, size: 96 });
    const { createShaderModule } = GPUDevice.prototype;
    const damage = function (given) {
      return createShaderModule.call(this, { ...given, code: `${given.code}\nfn broken() -> f32 { return vec2<f32>(); }` });
    };
    GPUDevice.prototype.createShaderModule = damage;
    const refused = await load('webgpu').then(() => 'loaded', (error) => error.code);
    GPUDevice.prototype.createShaderModule = createShaderModule;
    const [detector, cpu] = [await load('webgpu'), await load('cpu')];
    GPUDevice.prototype.createShaderModule = damage;
    detector.size = cpu.size = 160;
    const look = async (one) => {
      const { device, detections } = await one.detect('/samples/cat.jpg', { conf: 0.1 });
      return { device, boxes: detections };
    };
    return { refused, got: await look(detector), expected: await look(cpu), reason: detector.info.device.reason };
  });
  assert.equal(seen.refused, 'device');
  assert.ok(seen.expected.boxes.length > 0);
  assert.deepEqual(seen.got, seen.expected);
  assert.match(seen.reason, /^WebGPU failed: .*the GPU refused/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a module that stops in the middle of a run leads to the CPU', options, async (t) => {
  const page = await withAdapter(t);
  if (!page) return;
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const load = (device) => Detector.load({ device, worker: false, size: 96 });
    const [detector, cpu] = [await load('webgpu'), await load('cpu')];
    const look = async (one) => {
      const { device, detections } = await one.detect('/samples/cat.jpg', { conf: 0.1 });
      return { device, boxes: detections };
    };
    const before = await look(detector);
    const { submit } = GPUQueue.prototype;
    GPUQueue.prototype.submit = () => {
      throw new WebAssembly.RuntimeError('unreachable');
    };
    const after = await look(detector);
    GPUQueue.prototype.submit = submit;
    const again = await load('webgpu').then(() => 'loaded', (error) => `${error.code}: ${error.message}`);
    return { before, after, expected: await look(cpu), reason: detector.info.device.reason, again };
  });
  assert.equal(seen.before.device, 'webgpu');
  assert.ok(seen.expected.boxes.length > 0);
  assert.deepEqual(seen.after, seen.expected);
  assert.match(seen.reason, /^WebGPU failed: Burn's module stopped: unreachable/);
  assert.match(seen.again, /^device: Burn's module stopped/);
  await page.context().close();
});

/** Networks with the rarer modules, other activations, another number of channels (tests/golden/parse2.json), by their names. */
const RARER = [
  'transformer_leaky_many', 'c3spp_leaky_head', 'mixconv_repeat_leaky', 'dwconvtranspose_head', 'convtranspose_head_relu', 'tiny3_leaky',
  'nn_rows_inplace', 'nn_batchnorm_source', 'activation_prelu', 'activation_hardswish', 'activation_csp', 'gray', 'stride64',
  'other_resizing', 'fractional_stride',
];

test('fused kernels and plain operations compute the same as the CPU', async (t) => {
  const page = await withAdapter(t);
  if (!page) return;
  const golden = JSON.parse(readFileSync(join(root, 'tests', 'golden', 'parse2.json'), 'utf8'));
  const models = golden.cases.filter(({ name }) => RARER.includes(name)).map(({ name, cfg }) => [name, JSON.stringify(cfg)]);
  assert.equal(models.length, RARER.length);
  const look = ([model, device]) => page.evaluate(async ([model, device]) => {
    await import('/lib/index.js');
    const { openChannel } = await import('/lib/channel.js');
    const channel = await openChannel();
    await channel.warm();
    const timer = await channel.call('timer', { model, nc: 3, size: 64, device });
    const result = [...(await channel.call('deviation', timer)), await channel.call('time', timer)];
    channel.close();
    return result;
  }, [model, device]);
  for (const device of ['webgpu', 'webgpu/burn-ops']) {
    for (const [name, model] of [['yolov5n-ghost-backbone', 'yolov5n-ghost-backbone'], ...models]) {
      const [difference, largest, milliseconds] = await look([model, device]);
      t.diagnostic(`${device}, ${name}: largest difference ${difference.toExponential(1)} of values up to ${largest.toFixed(1)}, ${milliseconds.toFixed(0)} ms`);
      assert.ok(largest > 0.1 && difference < 1e-3 * Math.max(1, largest), `${device}, ${name}`);
    }
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
