// Threads on shared memory: the same numbers, and one thread where memory can't be shared.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, open, root, server, weights, withPage } from './helper.js';

const built = existsSync(join(root, 'www/lib/pkg/threads'));
const options = { skip: !built ? 'no modules with threads' : weights() ? false : 'no weights' };

withPage();

/** Raw maps of a striped picture at several sizes, and of a module with its own file's bytes, with `threads`. */
function maps(page, threads) {
  return page.evaluate(async (threads) => {
    await import('/lib/threads.js');
    const { openChannel } = await import('/lib/channel.js');
    const channel = await openChannel();
    try {
      await channel.warm({ threads });
      const bytes = await (await fetch('/weights/yolov5n-ghost-backbone.safetensors')).arrayBuffer();
      const { device } = await channel.call('load', { bytes, device: 'cpu' });
      const sums = [];
      for (const [height, width] of [[320, 320], [64, 320], [320, 320], [32, 32], [416, 96], [640, 640]]) {
        const values = Float32Array.from({ length: height * width * 3 }, (_, i) => ((i * 2654435761) >>> 8) / 2 ** 24);
        for (let round = 0; round < 3; round++) {
          const out = await channel.call('maps', { values, height, width });
          const digest = new Uint32Array(await crypto.subtle.digest('SHA-256', out));
          sums.push([out.length, out.every(Number.isFinite), [...digest].join()]);
        }
      }
      return { device, sums };
    } finally {
      channel.close();
    }
  }, threads);
}

test('threads compute what one computes, to the last bit', options, async () => {
  const page = await open(browser, server.address);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  const [one, two, four] = [await maps(page, 1), await maps(page, 2), await maps(page, 4)];
  assert.equal(one.device.threads, 1);
  assert.equal(two.device.threads, 2);
  assert.equal(four.device.threads, 4);
  assert.match(four.device.adapter, /4 threads/);
  assert.ok(one.sums.every(([, finite]) => finite));
  assert.deepEqual(two.sums, one.sums);
  assert.deepEqual(four.sums, one.sums);
  assert.deepEqual(page.errors, []);
});

test('detections and timers with threads', options, async () => {
  const page = await open(browser, server.address);
  const { one, two, times } = await page.evaluate(async () => {
    const { Detector, measure } = await import('/lib/threads.js');
    const found = async (threads) => {
      const detector = await Detector.load({ device: 'cpu', threads });
      const results = [];
      for (const name of ['cat.jpg', 'cat.jpg']) {
        const { detections } = await detector.detect(`/samples/${name}`);
        results.push(detections);
      }
      const { device } = detector.info;
      detector.dispose();
      return { results, device };
    };
    const [one, two] = [await found(1), await found(2)];
    const times = await measure(['yolov5s-ghost'], { threads: 2, size: 64, rounds: 2 });
    return { one, two, times };
  });
  assert.equal(two.device.threads, 2);
  assert.ok(one.results[0].length > 0);
  assert.deepEqual(two.results, one.results);
  assert.ok(times[0].milliseconds > 0);
  assert.deepEqual(page.errors, []);
});

test('WebGPU works on shared memory', options, async (t) => {
  const page = await open(browser, server.address);
  if (!(await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter())))) return t.skip('no WebGPU adapter here');
  const { cpu, gpu, kind } = await page.evaluate(async () => {
    const { Detector } = await import('/lib/threads.js');
    const found = async (device) => {
      const detector = await Detector.load({ device, threads: 2 });
      const result = await detector.detect('/samples/cat.jpg');
      detector.dispose();
      return result;
    };
    const [cpu, gpu] = [await found('cpu'), await found('webgpu')];
    const boxes = ({ detections }) => detections.map(({ label, box }) => ({ label, sides: Object.values(box) }));
    return { cpu: boxes(cpu), gpu: boxes(gpu), kind: gpu.device };
  });
  assert.equal(kind, 'webgpu');
  assert.ok(cpu.length > 0);
  assert.deepEqual(gpu.map(({ label }) => label), cpu.map(({ label }) => label));
  // The CPU rounds to 16 bits.
  for (const [index, { sides }] of cpu.entries()) {
    for (const [i, side] of sides.entries()) assert.ok(Math.abs(gpu[index].sides[i] - side) < 2, `${gpu[index].sides} and ${sides}`);
  }
  assert.deepEqual(page.errors, []);
});

test('a page that is not isolated gets one thread', options, async () => {
  const page = await open(browser, server.address);
  await page.route('**/*', async (route) => {
    const response = await route.fetch();
    const headers = { ...response.headers() };
    delete headers['cross-origin-opener-policy'];
    delete headers['cross-origin-embedder-policy'];
    await route.fulfill({ response, headers });
  });
  await page.reload();
  const { isolated, threads } = await page.evaluate(async () => {
    const { Detector } = await import('/lib/threads.js');
    const detector = await Detector.load({ device: 'cpu', threads: 'auto' });
    const { threads } = detector.info.device;
    detector.dispose();
    return { isolated: crossOriginIsolated, threads };
  });
  assert.equal(isolated, false);
  assert.equal(threads, 1);
});

test('a number of threads that is none is refused', options, async () => {
  const page = await open(browser, server.address);
  const code = await page.evaluate(async () => {
    const { Detector } = await import('/lib/threads.js');
    return Detector.load({ threads: 0 }).catch((error) => error.code);
  });
  assert.equal(code, 'argument');
});
