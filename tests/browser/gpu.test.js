// WebGPU as real adapters have it: measured and remembered, refusing, failing, computing wrongly. The boxes are always right.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, open, server, weights, withPage } from './helper.js';

withPage();

const options = { skip: weights() ? false : 'no weights' };

/**
 * A page whose adapter has no description, as browsers tell it, and says that it is real (so that it is timed) or not; keeps
 * devices and buffers. Null without WebGPU.
 */
async function adapter(t, { real }) {
  const page = await open(browser, server.address);
  const there = await page.evaluate(async (real) => {
    if (!(await navigator.gpu?.requestAdapter())) return false;
    const told = { description: '', vendor: 'acme', architecture: 'gen-1', device: '', isFallbackAdapter: !real };
    for (const [name, value] of Object.entries(told)) Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => value });
    globalThis.devices = [];
    globalThis.buffers = new Set();
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      const device = await request.apply(this, given);
      globalThis.devices.push(device);
      return device;
    };
    const { createBuffer } = GPUDevice.prototype;
    GPUDevice.prototype.createBuffer = function (...given) {
      const buffer = createBuffer.apply(this, given);
      // Burn's own tensors have no label: it keeps their memory for later ones.
      if (buffer.label) globalThis.buffers.add(buffer);
      return buffer;
    };
    const { destroy } = GPUBuffer.prototype;
    GPUBuffer.prototype.destroy = function () {
      globalThis.buffers.delete(this);
      return destroy.call(this);
    };
    globalThis.found = (result) => ({ device: result.device, boxes: result.detections.map(({ label }) => label) });
    return true;
  }, real);
  if (there) return page;
  t.skip('no WebGPU adapter here');
  return null;
}

test('auto measures once for an adapter, a network and a size, and remembers', options, async (t) => {
  const page = await adapter(t, { real: true });
  if (!page) return;
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const load = async (device, size, fetch) => {
      const detector = await Detector.load({ device, worker: false, size, fetch });
      const early = { ...detector.info.device, ran: (await detector.detect('/samples/cat.jpg')).device };
      await detector.tuned;
      const result = await detector.detect('/samples/cat.jpg');
      const { kind, gpu, measured, reason, remember, tuning, memory } = detector.info.device;
      detector.dispose();
      return { kind, gpu, measured, reason, remember, tuning, memory, ran: result.device, early };
    };
    const seen = { first: await load('auto', 64), again: await load('auto', 64) };
    localStorage.setItem('ghostdet.auto', `${seen.first.remember.replace(/=.*/, '=webgpu/half-4096-8x2')}\n${localStorage.getItem('ghostdet.auto')}`);
    seen.told = await load('auto', 64);
    seen.asked = await load('webgpu', 64);
    let pipelines = 0;
    const { createComputePipeline } = GPUDevice.prototype;
    GPUDevice.prototype.createComputePipeline = function (...given) {
      pipelines++;
      return createComputePipeline.apply(this, given);
    };
    const slow = async (...given) => {
      while (!pipelines) await new Promise((resolve) => setTimeout(resolve, 10));
      seen.early = pipelines;
      return fetch(...given);
    };
    seen.askedAgain = await load('webgpu', 64, slow);
    seen.pipelines = pipelines;
    return seen;
  });
  const { first, again, told, asked, askedAgain } = seen;
  t.diagnostic(JSON.stringify(first));
  assert.equal(first.gpu, 'acme gen-1');
  assert.deepEqual([first.early.pending, first.early.ran], [true, 'cpu'], 'the CPU answers at once');
  assert.equal(again.early.pending, false);
  assert.ok(first.measured.cpu > 0 && first.measured.webgpu > 0);
  assert.match(first.remember, /^acme gen-1, \d.* kB at 64=(cpu|webgpu\/.*)$/);
  assert.equal(first.ran, first.kind);
  assert.equal(again.kind, first.kind);
  assert.equal(again.measured, null);
  assert.deepEqual([told.kind, told.ran, told.tuning, told.measured], ['webgpu', 'webgpu', 'half-4096-8x2', null]);
  assert.ok(told.memory > 1e6, `${told.memory} bytes on the GPU`);
  assert.equal(asked.kind, 'webgpu');
  assert.ok(asked.remember.endsWith(`=webgpu/${asked.tuning}`));
  assert.deepEqual([askedAgain.tuning, askedAgain.remember], [asked.tuning, null]);
  assert.ok(seen.early >= 10, `${seen.early} shaders of ${seen.pipelines} are compiled while the weights come in`);
  assert.equal(await page.evaluate(() => globalThis.buffers.size), 0, 'all memory is given back');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

// In the last shader alone, which the raw maps do without; in all that have an activation.
const wrongs = [
  { what: 'the cells', from: 'bitcast<u32>(sum)', to: 'bitcast<u32>(sum * 1.01)', real: false, device: 'webgpu' },
  { what: 'the maps', from: 'exp(', to: 'exp(0.1 + ', real: true, device: 'auto' },
];

for (const { what, from, to, real, device } of wrongs) {
  test(`an adapter that computes ${what} wrongly is found out`, options, async (t) => {
    const page = await adapter(t, { real });
    if (!page) return;
    const seen = await page.evaluate(async ({ from, to, device }) => {
      const { Detector } = await import('/lib/index.js');
      const { createShaderModule } = GPUDevice.prototype;
      let changed = 0;
      GPUDevice.prototype.createShaderModule = function (given) {
        const code = given.code.replaceAll(from, to);
        changed += code !== given.code;
        return createShaderModule.call(this, { ...given, code });
      };
      const said = await Detector.load({ device, worker: false, size: 64 }).then(
        (detector) => detector.tuned.then(() => `${detector.info.device.kind}: ${detector.info.device.reason}`),
        (error) => `${error.code}: ${error.message}`,
      );
      return { changed, said, left: globalThis.buffers.size };
    }, { from, to, device });
    assert.ok(seen.changed > 0);
    assert.match(seen.said, device === 'auto' ? /^cpu: WebGPU failed: .*computes something else/ : /^device: .*computes something else/);
    assert.equal(seen.left, 0, 'its memory is given back');
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test('a driver that fails at a shader leads to the CPU', options, async (t) => {
  const page = await adapter(t, { real: false });
  if (!page) return;
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const load = (device) => Detector.load({ device, worker: false, size: 96 });
    const [detector, cpu] = [await load('webgpu'), await load('cpu')];
    const look = async (one) => globalThis.found(await one.detect('/samples/cat.jpg', { conf: 0.1 }));
    const before = await look(detector);
    const error = new GPUInternalError('the driver gave up');
    globalThis.devices[0].dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }));
    const after = await look(detector);
    return { before, after, expected: await look(cpu), reason: detector.info.device.reason };
  });
  assert.equal(seen.before.device, 'webgpu');
  assert.deepEqual(seen.after, seen.expected);
  assert.match(seen.reason, /^WebGPU failed: GPU: the driver gave up/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a configuration that costs the device is left out alone', options, async (t) => {
  const page = await adapter(t, { real: true });
  if (!page) return;
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const { createShaderModule } = GPUDevice.prototype;
    let failed = 0;
    GPUDevice.prototype.createShaderModule = function (given) {
      if (given.code.includes('staged[') && !failed++) {
        const error = new GPUInternalError('no barriers here');
        setTimeout(() => this.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error })));
      }
      return createShaderModule.call(this, given);
    };
    const load = (device) => Detector.load({ device, worker: false, size: 96 });
    const [detector, cpu] = [await load('webgpu'), await load('cpu')];
    const look = async (one) => globalThis.found(await one.detect('/samples/cat.jpg', { conf: 0.1 }));
    const { kind, tuning } = detector.info.device;
    return { failed, kind, tuning, devices: globalThis.devices.length, found: await look(detector), expected: await look(cpu) };
  });
  assert.ok(seen.failed > 0, 'the way was tried');
  assert.deepEqual([seen.kind, seen.devices, seen.found.device], ['webgpu', 2, 'webgpu']);
  assert.ok(!seen.tuning.includes('staged'), seen.tuning);
  assert.deepEqual(seen.found.boxes, seen.expected.boxes);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a size that the GPU has no memory for runs on the CPU, smaller ones stay', options, async (t) => {
  const page = await adapter(t, { real: false });
  if (!page) return;
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const load = (device) => Detector.load({ device, worker: false, size: 96 });
    const [detector, cpu] = [await load('webgpu'), await load('cpu')];
    const look = async (one, size) => {
      one.size = size;
      const result = globalThis.found(await one.detect('/samples/cat.jpg', { conf: 0.1 }));
      return { ...result, reason: one.info.device.reason };
    };
    const { popErrorScope } = GPUDevice.prototype;
    GPUDevice.prototype.popErrorScope = async function () {
      await popErrorScope.call(this);
      return new GPUOutOfMemoryError('none left');
    };
    const large = [await look(detector, 256), await look(cpu, 256)];
    GPUDevice.prototype.popErrorScope = popErrorScope;
    const small = await look(detector, 96);
    const again = await look(detector, 256);
    return { large, small, again };
  });
  const [{ reason, ...got }, { reason: _, ...expected }] = seen.large;
  assert.deepEqual(got, expected);
  assert.match(reason, /^WebGPU failed: acme gen-1: the GPU refused: .*[Mm]emory/);
  assert.equal(seen.small.device, 'webgpu');
  assert.equal(seen.again.device, 'cpu');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('NaN, or results of another image, lead to the CPU', options, async (t) => {
  const page = await adapter(t, { real: false });
  if (!page) return;
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const load = (device) => Detector.load({ device, worker: false, size: 96 });
    const cpu = await load('cpu');
    const look = async (one) => {
      const result = globalThis.found(await one.detect('/samples/cat.jpg', { conf: 0.1 }));
      return { ...result, reason: one.info.device.reason };
    };
    const seen = { expected: await look(cpu) };
    const { getMappedRange } = GPUBuffer.prototype;
    for (const [name, spoil] of [['numbers', (words) => words.fill(0x7fc00000, 16 + 3 * 512)], ['picture', (words) => words[15]--]]) {
      const detector = await load('webgpu');
      GPUBuffer.prototype.getMappedRange = function (...given) {
        const range = getMappedRange.apply(this, given);
        if (this.label === 'read back') spoil(new Uint32Array(range));
        return range;
      };
      seen[name] = await look(detector);
      GPUBuffer.prototype.getMappedRange = getMappedRange;
      detector.dispose();
    }
    return seen;
  });
  const { reason: _, ...expected } = seen.expected;
  assert.ok(expected.boxes.length > 0);
  for (const [name, said] of [['numbers', /not a number/], ['picture', /another picture/]]) {
    const { reason, ...got } = seen[name];
    assert.deepEqual(got, expected, name);
    assert.match(reason, said);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a worker that stopped says so, and goes on saying so', options, async () => {
  const page = await open(browser, server.address);
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const text = `import '${location.origin}/lib/worker.js';
      import { Engine } from '${location.origin}/lib/engine.js';
      Engine.prototype.run = () => {
        Promise.reject(new WebAssembly.RuntimeError('unreachable'));
        return new Promise(() => {});
      };`;
    const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })), { type: 'module' });
    const detector = await Detector.load({ device: 'cpu', size: 96, worker, warmup: false });
    const code = (promise) => promise.then(() => 'nothing', (error) => error.code);
    const codes = [await code(detector.detect('/samples/cat.jpg')), await code(detector.detect('/samples/cat.jpg'))];
    detector.dispose();
    return codes;
  });
  assert.deepEqual(seen, ['internal', 'internal']);
  await page.context().close();
});

test('where WebGPU was chosen and runs in software, the page names that as the reason', options, async (t) => {
  const page = await open(browser, `${server.address}#detect?device=webgpu&size=96`);
  if (!(await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter())))) return t.skip('no WebGPU adapter here');
  await page.waitForFunction(() => document.body.dataset.ready, null, { timeout: 120_000 });
  assert.match(await page.textContent('#device'), /^WebGPU/);
  await page.locator('#slow').evaluate((details) => (details.open = true));
  await page.waitForFunction(() => /computed by software.*Let the CPU run/.test(document.getElementById('slow-list').textContent), null, { timeout: 20_000 });
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
