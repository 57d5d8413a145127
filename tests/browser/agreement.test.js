// The same photos on every executor: CPU and WebGPU in the browser, and the command line.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, open, root, server, weights, withPage } from './helper.js';

withPage();

/** Detections in the page on `device`, for the samples. */
const inPage = (page, device, names) =>
  page.evaluate(async ([device, names]) => {
    const { Detector } = await import('/lib/index.js');
    const detector = await Detector.load({ device });
    const found = {};
    for (const name of names) {
      const { detections, device: place } = await detector.detect(`/samples/${name}.jpg`, { conf: 0.2 });
      if (place !== device.split('/')[0]) throw new Error(`ran on ${place}: ${detector.info.device.reason}`);
      found[name] = detections.map(({ classId, score, box }) => [classId, score, box.x, box.y, box.x + box.width, box.y + box.height]);
    }
    detector.dispose();
    return found;
  }, [device, names]);

function onCommandLine(names) {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  const files = names.map((name) => join(root, 'www', 'samples', `${name}.jpg`));
  const arguments_ = ['detect', ...files, '--device', 'cpu', '--conf', '0.2', '--json'];
  const lines = execFileSync(join(target, 'release', 'ghostdet'), arguments_, { encoding: 'utf8' }).trim().split('\n');
  const found = lines.map((line) => JSON.parse(line).detections.map((d) => [d.class, d.score, ...d.box]));
  return Object.fromEntries(names.map((name, index) => [name, found[index]]));
}

function iou([, , ax1, ay1, ax2, ay2], [, , bx1, by1, bx2, by2]) {
  const side = (a1, a2, b1, b2) => Math.max(0, Math.min(a2, b2) - Math.max(a1, b1));
  const both = side(ax1, ax2, bx1, bx2) * side(ay1, ay2, by1, by2);
  return both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both);
}

/** Every box of each side has its like on the other; boxes right at the threshold may be missing. */
function same(a, b, what, least = 0.99, scores = 0.01) {
  for (const [from, to] of [[a, b], [b, a]]) {
    for (const box of from) {
      const like = to.filter((other) => other[0] === box[0]).sort((x, y) => iou(y, box) - iou(x, box))[0];
      const found = like && iou(like, box) > least;
      if (!found && box[1] < 0.2 + scores) continue;
      assert.ok(found, `${what}: ${box} has no like, nearest ${like}`);
      assert.ok(Math.abs(like[1] - box[1]) < scores, `${what}: scores ${box[1]} and ${like[1]}`);
    }
  }
}

const names = ['astronaut', 'lifeboat', 'coffee', 'cat'];
test('WebGPU, CPU and command line find the same', { skip: weights() ? false : 'no weights' }, async (t) => {
  const page = await open(browser, server.address);
  const adapter = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
  const cpu = await inPage(page, 'cpu', names);
  assert.ok(names.some((name) => cpu[name].length), 'something is found');
  const native = onCommandLine(names);
  // Browsers decode JPEG a little differently: the pixels are not the same.
  for (const name of names) same(cpu[name], native[name], `${name}, page and command line`, 0.97, 0.03);
  const [float, int16] = [await inPage(page, 'cpu/float', names), await inPage(page, 'cpu/int16', names)];
  for (const name of names) same(float[name], int16[name], `${name}, float and int16`);
  assert.notDeepEqual(float, int16, 'they are not the same to the last bit');
  if (!adapter) return t.diagnostic('no WebGPU adapter here');
  const gpu = await inPage(page, 'webgpu', names);
  for (const name of names) same(cpu[name], gpu[name], `${name}, CPU and WebGPU`);
  const ops = await inPage(page, 'webgpu/burn-ops', names);
  for (const name of names) same(cpu[name], ops[name], `${name}, CPU and Burn's operations`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('raw maps on WebGPU are those of the CPU', async (t) => {
  const page = await open(browser, server.address);
  const most = await page.evaluate(async () => {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) return null;
    await import('/lib/index.js');
    const { openChannel } = await import('/lib/channel.js');
    const channel = await openChannel();
    await channel.warm();
    const most = {};
    // Weights that the threads of a subgroup or of a workgroup load for each other.
    const shared = adapter.features.has('subgroups') ? [`webgpu/full-4096-4x2-rows-shared${adapter.info.subgroupMinSize}`] : [];
    shared.push('webgpu/full-4096-4x2-rows-staged');
    for (const model of ['yolov5n', 'yolov5n-ghost', 'yolov5n-ghost-backbone']) {
      for (const device of ['webgpu', 'webgpu/half-4096-4x2', ...shared]) {
        const timer = await channel.call('timer', { model, nc: 3, size: 96, device });
        most[`${model} on ${device}`] = [...(await channel.call('deviation', timer))];
      }
    }
    channel.close();
    return most;
  });
  if (!most) return t.skip('no WebGPU adapter here');
  for (const [model, [difference, largest]] of Object.entries(most)) {
    t.diagnostic(`${model}: largest difference ${difference.toExponential(1)} of values up to ${largest.toFixed(1)}`);
    assert.ok(largest > 1, 'the maps are not empty');
    // Halves keep 11 bits of every activation and weight.
    assert.ok(difference < (model.includes('half') ? 5e-3 * largest : 1e-3), `${model}: ${difference}`);
  }
  await page.context().close();
});

test('networks are timed on this device', async () => {
  const page = await open(browser, server.address);
  const measured = await page.evaluate(async () => {
    const { measure } = await import('/lib/index.js');
    return measure(['yolov5n', 'yolov5n-ghost'], { nc: 5, size: 64, rounds: 3 });
  });
  assert.deepEqual(measured.map(({ model }) => model), ['yolov5n', 'yolov5n-ghost']);
  assert.ok(measured.every(({ milliseconds, best }) => milliseconds >= best && best > 0));
  await page.context().close();
});
