// Alpha is left out, never multiplied in: the page, the GPU's path and the command line find the same in pictures that have it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, crc32 } from 'node:zlib';
import { browser, open, server, weights, withPage } from './helper.js';

withPage();

const options = { skip: weights() ? false : 'no weights' };

/** A PNG of RGBA pixels. */
function png(rgba, width, height) {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(checksum(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 6, 0, 0, 0], 8);
  const rows = Buffer.alloc((width * 4 + 1) * height);
  for (let y = 0; y < height; y++) rows.set(rgba.subarray(y * width * 4, (y + 1) * width * 4), y * (width * 4 + 1) + 1);
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function checksum(bytes) {
  if (crc32) return crc32(bytes);
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** The alpha of a pixel, for each picture. */
const ALPHA = {
  opaque: () => 255,
  'left half clear': (x, _y, width) => (x < width / 2 ? 0 : 255),
  'wholly clear': () => 0,
  'half clear': () => 128,
  'a gradient': (x, y, width, height) => Math.round((255 * (x + y)) / (width + height)),
};

test('pictures with alpha give the boxes of the opaque one', options, async (t) => {
  const page = await open(browser, server.address);
  const { text, width, height } = await page.evaluate(async () => {
    const bitmap = await createImageBitmap(await (await fetch('/samples/astronaut.jpg')).blob(), { resizeWidth: 320 });
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    let text = '';
    for (const byte of data) text += String.fromCharCode(byte);
    return { text: btoa(text), width, height };
  });
  const rgba = Buffer.from(text, 'base64');
  const files = Object.entries(ALPHA).map(([name, alpha]) => {
    const own = Buffer.from(rgba);
    for (let i = 0; i < width * height; i++) own[4 * i + 3] = alpha(i % width, Math.floor(i / width), width, height);
    return [name, png(own, width, height).toString('base64')];
  });
  const webgpu = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
  for (const device of webgpu ? ['cpu/float', 'webgpu'] : ['cpu/float']) {
    const seen = await page.evaluate(async ({ device, files }) => {
      const { Detector } = await import('/lib/index.js');
      const detector = await Detector.load({ device, size: 320 });
      const boxes = async (source) => {
        const { detections } = await detector.detect(source);
        return detections.map(({ label, score, box }) => [label, score.toFixed(3), ...Object.values(box).map(Math.round)].join(' '));
      };
      const seen = {};
      for (const [name, text] of files) {
        const blob = new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: 'image/png' });
        const image = Object.assign(new Image(), { src: URL.createObjectURL(blob) });
        await image.decode();
        seen[name] = { file: await boxes(blob), address: await boxes(image.src), element: await boxes(image) };
      }
      detector.dispose();
      return seen;
    }, { device, files });
    const expected = seen.opaque.file;
    t.diagnostic(`${device}: ${expected.join(', ')}`);
    assert.ok(expected.some((line) => line.startsWith('person')));
    for (const [name, ways] of Object.entries(seen)) for (const [way, found] of Object.entries(ways)) assert.deepEqual(found, expected, `${device}, ${name}, ${way}`);
  }
  assert.deepEqual(page.errors, []);
});
