// The golden vectors of modules and networks (tests/golden, written by tools/gen_fixtures.py) on the page's executors.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, open, root, server, withPage } from './helper.js';

const TOLERANCE = 1e-3;

withPage();

/** A safetensors file of the golden folder: `{ key: { dtype, shape, bytes } }`. */
function tensors(name) {
  const file = readFileSync(join(root, 'tests', 'golden', `${name}.safetensors`));
  const start = 8 + Number(file.readBigUInt64LE());
  const entries = Object.entries(JSON.parse(file.subarray(8, start)));
  return Object.fromEntries(entries.map(([key, { dtype, shape, data_offsets: [from, to] }]) =>
    [key, { dtype, shape, bytes: file.subarray(start + from, start + to) }]));
}

/** Tensors as a safetensors file. */
function safetensors(all) {
  const header = {};
  let end = 0;
  for (const [key, { dtype, shape, bytes }] of Object.entries(all)) {
    header[key] = { dtype, shape, data_offsets: [end, (end += bytes.length)] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...Object.values(all).map(({ bytes }) => bytes)]);
}

const floats = (bytes) => Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
const tensor = (shape, values) => ({ dtype: 'F32', shape, bytes: Buffer.from(Float32Array.from(values).buffer) });

/** The tensors below `prefix`, called `to` and the rest. */
const renamed = (all, prefix, to) => Object.fromEntries(Object.entries(all)
  .filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [to + key.slice(prefix.length), value]));

/** Image `n` of `values` of shape (b, c, h, w), channels last. */
function channelsLast(values, [, c, h, w], n) {
  return Array.from({ length: c * h * w }, (_, i) => values[(n * c + (i % c)) * h * w + Math.floor(i / c)]);
}

/** Image `n` of a raw map (b, anchors, y, x, outputs) as the executors have it: y, x, anchors, outputs. */
function cellsFirst(values, [, na, ny, nx, no], n) {
  const at = (cell, anchor) => ((n * na + anchor) * ny * nx + cell) * no;
  return Array.from({ length: ny * nx * na }, (_, i) => at(Math.floor(i / na), i % na))
    .flatMap((start) => values.slice(start, start + no));
}

/**
 * A module as a network: its row, then a Detect row that passes its channels on unchanged (one anchor, and as many
 * classes as make its outputs the module's channels; weights 1 on the diagonal).
 */
function moduleCases() {
  const all = tensors('modules');
  const { cases } = JSON.parse(readFileSync(join(root, 'tests', 'golden', 'modules.json'), 'utf8'));
  return cases.filter(({ row }) => row).map(({ name, row, inputs: [shape], output }) => {
    const channels = output[1];
    const diagonal = Array.from({ length: channels ** 2 }, (_, i) => Number(i % (channels + 1) === 0));
    const yaml = `nc: ${channels - 5}\nch: ${shape[1]}\ndepth_multiple: 1.0\nwidth_multiple: 1.0\nanchors: 1
backbone: [[-1, ${row[0]}, ${row[1]}, ${JSON.stringify(row[2])}]]\nhead: [[[-1], 1, Detect, [nc, anchors]]]\n`;
    const weights = {
      ...renamed(all, `${name}/weights/`, 'model.0.'),
      'model.1.m.0.weight': tensor([channels, channels, 1, 1], diagonal),
      'model.1.m.0.bias': tensor([channels], new Array(channels).fill(0)),
    };
    const [input, expected] = [floats(all[`${name}/input0`].bytes), floats(all[`${name}/output`].bytes)];
    const images = Array.from({ length: shape[0] }, (_, n) => ({
      values: channelsLast(input, shape, n),
      expected: channelsLast(expected, output, n),
    }));
    return { name, yaml, weights: safetensors(weights), height: shape[2], width: shape[3], images };
  });
}

/** Their inputs' sides are no multiples of the stride, which Burn's operations want. */
const NO_MULTIPLE = ['conv_k3s2_odd', 'ghostbottleneck_s2_k5'];

/** The three architectures with hardly any channels. */
function networkCases() {
  return ['yolov5', 'yolov5-ghost', 'yolov5-ghost-backbone'].map((name) => {
    const all = tensors(`net_${name}-tiny-nc3`);
    const values = { nc: 3, depth_multiple: 0.33, width_multiple: 0.03125 };
    let yaml = readFileSync(join(root, 'configs', `${name}.yaml`), 'utf8');
    for (const [key, value] of Object.entries(values)) {
      yaml = yaml.replace(new RegExp(`^${key}: .*`, 'm'), `${key}: ${value}`);
    }
    const { shape, bytes } = all.input_u8;
    const maps = [0, 1, 2].map((level) => [floats(all[`raw${level}`].bytes), all[`raw${level}`].shape]);
    const images = Array.from({ length: shape[0] }, (_, n) => ({
      values: channelsLast(bytes, shape, n).map((byte) => byte / 255),
      expected: maps.flatMap(([map, shape]) => cellsFirst(map, shape, n)),
    }));
    return { name, yaml, weights: safetensors(renamed(all, 'weights/', '')), height: shape[2], width: shape[3], images };
  });
}

/** The raw maps of a case's images on `device`. */
const inPage = (page, device, { yaml, weights, height, width, images }) =>
  page.evaluate(async ({ device, yaml, text, height, width, inputs }) => {
    await import('/lib/index.js');
    const { openChannel } = await import('/lib/channel.js');
    if (!globalThis.channel) await (globalThis.channel = await openChannel()).warm();
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
    const info = await globalThis.channel.call('load', { bytes, yaml, device });
    if (info.device.kind !== device.split('/')[0]) throw new Error(`${info.device.kind}: ${info.device.reason}`);
    const maps = [];
    for (const values of inputs) {
      maps.push([...(await globalThis.channel.call('maps', { values: Float32Array.from(values), height, width }))]);
    }
    return maps;
  }, { device, yaml, text: weights.toString('base64'), height, width, inputs: images.map(({ values }) => values) });

for (const device of ['cpu/float', 'webgpu', 'webgpu/burn-ops']) {
  test(`modules and networks are the golden ones, ${device}`, async (t) => {
    const page = await open(browser, server.address);
    if (device.startsWith('webgpu') && !(await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter())))) {
      return t.skip('no WebGPU adapter here');
    }
    const modules = moduleCases().filter(({ name }) => device !== 'webgpu/burn-ops' || !NO_MULTIPLE.includes(name));
    for (const [what, cases] of [['modules', modules], ['networks', networkCases()]]) {
      let largest = 0;
      for (const one of cases) {
        const maps = await inPage(page, device, one);
        one.images.forEach(({ expected }, image) => {
          assert.equal(maps[image].length, expected.length, one.name);
          const most = Math.max(...expected.map((value, i) => Math.abs(value - maps[image][i])));
          assert.ok(most < TOLERANCE, `${one.name} on ${device}: off by ${most}`);
          largest = Math.max(largest, most);
        });
      }
      assert.ok(cases.length >= (what === 'modules' ? 40 : 3));
      t.diagnostic(`${device}: ${cases.length} ${what}, largest difference ${largest.toExponential(1)}`);
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}
