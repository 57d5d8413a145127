// A WebGPU device that is lost in the middle: the CPU goes on with right boxes, and says why.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, open, server, weights, withPage } from './helper.js';

withPage();

/** A page that keeps its devices; null where there is no WebGPU. */
async function withDevices(t) {
  const page = await open(browser, server.address);
  const adapter = await page.evaluate(async () => {
    if (!(await navigator.gpu?.requestAdapter())) return false;
    globalThis.devices = [];
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      const device = await request.apply(this, given);
      globalThis.devices.push(device);
      return device;
    };
    return true;
  });
  if (adapter) return page;
  t.skip('no WebGPU adapter here');
  return null;
}

const options = { skip: weights() ? false : 'no weights' };

for (const moment of ['between two pictures', 'while a picture is in the network', 'while a new size is prepared']) {
  test(`the device is lost ${moment}`, options, async (t) => {
    const page = await withDevices(t);
    if (!page) return;
    const seen = await page.evaluate(async (moment) => {
      const { Detector } = await import('/lib/index.js');
      const load = (device) => Detector.load({ device, worker: false, size: 192 });
      const look = async (detector, name) => {
        const { detections, device } = await detector.detect(`/samples/${name}.jpg`, { conf: 0.1 });
        return { detections, device, reason: detector.info.device.reason };
      };
      const [detector, cpu] = [await load('webgpu'), await load('cpu')];
      const seen = { first: await look(detector, 'astronaut') };
      const [device] = globalThis.devices;
      let undo = () => {};
      if (moment.startsWith('between')) {
        device.destroy();
      } else if (moment.includes('in the network')) {
        const map = GPUBuffer.prototype.mapAsync;
        GPUBuffer.prototype.mapAsync = function (...given) {
          const mapped = map.apply(this, given);
          device.destroy();
          return mapped;
        };
        undo = () => (GPUBuffer.prototype.mapAsync = map);
      } else {
        detector.size = cpu.size = 224;
        const push = GPUDevice.prototype.pushErrorScope;
        GPUDevice.prototype.pushErrorScope = function (...given) {
          device.destroy();
          return push.apply(this, given);
        };
        undo = () => (GPUDevice.prototype.pushErrorScope = push);
      }
      seen.second = await look(detector, 'lifeboat');
      undo();
      seen.expected = await look(cpu, 'lifeboat');
      seen.refined = (await detector.refine({ conf: 0.1 })).detections;
      seen.third = await look(detector, 'coffee');
      seen.expectedThird = await look(cpu, 'coffee');
      const fresh = await load('webgpu');
      if (fresh.size !== cpu.size) fresh.size = cpu.size;
      seen.fresh = await look(fresh, 'coffee');
      seen.opened = globalThis.devices.length;
      for (const one of [detector, cpu, fresh]) one.dispose();
      return seen;
    }, moment);
    t.diagnostic(seen.second.reason);
    assert.equal(seen.first.device, 'webgpu');
    assert.equal(seen.second.device, 'cpu');
    assert.match(seen.second.reason, /^WebGPU failed: .*lost/);
    assert.ok(seen.expected.detections.length > 0, 'there is something to find');
    assert.deepEqual(seen.second.detections, seen.expected.detections);
    assert.deepEqual(seen.refined, seen.expected.detections);
    assert.deepEqual(seen.third.detections, seen.expectedThird.detections);
    // Whoever asks for WebGPU afterwards gets a new device.
    assert.ok(seen.opened >= 2);
    assert.equal(seen.fresh.device, 'webgpu');
    assert.equal(seen.fresh.detections.length, seen.expectedThird.detections.length);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test('a device that is lost while loading, and under a timer, is an error of kind device', options, async (t) => {
  const page = await withDevices(t);
  if (!page) return;
  const codes = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const { InlineChannel } = await import('/lib/channel.js');
    const code = (promise) => promise.then(() => 'nothing', (error) => error.code);
    const channel = new InlineChannel();
    await channel.warm();
    const timer = await channel.call('timer', { model: 'yolov5n', nc: 2, size: 64, device: 'webgpu' });
    await channel.call('time', timer);
    globalThis.devices[0].destroy();
    const codes = [await code(channel.call('time', timer))];
    channel.close();
    const submit = GPUQueue.prototype.submit;
    GPUQueue.prototype.submit = function (...given) {
      globalThis.devices.at(-1).destroy();
      return submit.apply(this, given);
    };
    codes.push(await code(Detector.load({ device: 'webgpu', worker: false, size: 64 })));
    GPUQueue.prototype.submit = submit;
    return codes;
  });
  assert.deepEqual(codes, ['device', 'device']);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a device that was lost is found again', options, async (t) => {
  const page = await withDevices(t);
  if (!page) return;
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const detector = await Detector.load({ device: 'webgpu', worker: false, size: 96 });
    const look = async () => {
      const { device, detections } = await detector.detect('/samples/cat.jpg', { conf: 0.1 });
      return [device, detections.length];
    };
    const seen = [await look()];
    globalThis.devices[0].destroy();
    seen.push(await look());
    const now = performance.now.bind(performance);
    performance.now = () => now() + 60_000;
    seen.push(await look(), await look());
    detector.dispose();
    return { seen, opened: globalThis.devices.length };
  });
  const found = seen.seen[0][1];
  assert.ok(found > 0);
  assert.deepEqual(seen.seen, [['webgpu', found], ['cpu', found], ['webgpu', found], ['webgpu', found]]);
  assert.equal(seen.opened, 2);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a run that was stopped leaves nothing to refine', options, async () => {
  const page = await open(browser, server.address);
  const seen = await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    const detector = await Detector.load({ device: 'cpu', size: 320 });
    const code = (promise) => promise.then(() => 'nothing', (error) => error.code);
    await detector.detect('/samples/cat.jpg');
    const stop = new AbortController();
    const picture = await (await fetch('/samples/astronaut.jpg')).blob();
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (...given) {
      post.apply(this, given);
      if (given[0].op === 'run') stop.abort();
    };
    const seen = [await code(detector.detect(picture, { signal: stop.signal })), await code(detector.refine({}))];
    Worker.prototype.postMessage = post;
    seen.push((await detector.detect(picture, { conf: 0.2 })).detections.length > 0);
    detector.dispose();
    return seen;
  });
  assert.deepEqual(seen, ['aborted', 'argument', true]);
  await page.context().close();
});
