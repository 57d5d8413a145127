// On WebGPU a picture goes to the GPU as a bitmap: its pixels are not read, and the boxes are the CPU's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, open, server, weights, withPage } from './helper.js';

withPage();

/**
 * The photo, handed over in several ways, on WebGPU and on the CPU; how many pixels were read in between; `spoil` makes the
 * GPU refuse bitmaps.
 */
const look = (page, spoil) =>
  page.evaluate(async (spoil) => {
    const { Detector } = await import('/lib/index.js');
    let read = 0;
    for (const { prototype } of [OffscreenCanvasRenderingContext2D, CanvasRenderingContext2D]) {
      const get = prototype.getImageData;
      prototype.getImageData = function (x, y, width, height, ...rest) {
        if (width * height > 1) read += width * height;
        return get.call(this, x, y, width, height, ...rest);
      };
    }
    if (spoil) {
      const copy = GPUQueue.prototype.copyExternalImageToTexture;
      // A level that the texture lacks: a validation error, told later, as a driver's would be.
      GPUQueue.prototype.copyExternalImageToTexture = function (source, target, size) {
        return copy.call(this, source, { ...target, texture: target.texture, mipLevel: 9 }, size);
      };
    }
    const image = new Image();
    image.src = '/samples/astronaut.jpg';
    await image.decode();
    const canvas = new OffscreenCanvas(image.width / 2, image.height / 2);
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    const sources = {
      address: '/samples/astronaut.jpg', image, canvas, blob: await (await fetch('/samples/astronaut.jpg')).blob(),
      bitmap: await createImageBitmap(image),
    };
    const found = {};
    for (const device of ['webgpu', 'cpu']) {
      const detector = await Detector.load({ device, worker: false, size: 192 });
      found[device] = {};
      read = 0;
      for (const [name, source] of Object.entries(sources)) {
        const result = await detector.detect(source, { conf: 0.1 });
        if (result.device !== device) throw new Error(`ran on ${result.device}: ${detector.info.device.reason}`);
        found[device][name] = { size: [result.width, result.height], boxes: result.detections };
      }
      found[device].read = read;
      detector.dispose();
    }
    return found;
  }, spoil);

for (const spoil of [false, true]) {
  const title = spoil ? 'a GPU that refuses bitmaps is given pixels' : 'bitmaps give the same boxes, unread';
  test(title, { skip: weights() ? false : 'no weights' }, async (t) => {
    const page = await open(browser, server.address);
    if (!(await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter())))) return t.skip('no WebGPU adapter here');
    const { webgpu, cpu } = await look(page, spoil);
    assert.equal(webgpu.read === 0, !spoil, `${webgpu.read} pixels were read`);
    assert.ok(cpu.read > 0, 'reading is noticed');
    for (const name of ['address', 'image', 'canvas', 'blob', 'bitmap']) {
      const [got, expected] = [webgpu[name], cpu[name]];
      assert.deepEqual(got.size, expected.size, name);
      assert.ok(expected.boxes.length > 0, name);
      assert.equal(got.boxes.length, expected.boxes.length, name);
      for (const [index, { classId, score, box }] of got.boxes.entries()) {
        const like = expected.boxes[index];
        assert.equal(classId, like.classId, name);
        assert.ok(Math.abs(score - like.score) < 0.01, `${name}: ${score}, ${like.score}`);
        for (const key of ['x', 'y', 'width', 'height']) assert.ok(Math.abs(box[key] - like.box[key]) < 2, `${name}: ${key}`);
      }
    }
  });
}

test('pixels that the page may not read are refused, and the detector goes on', { skip: weights() ? false : 'no weights' }, async (t) => {
  const page = await open(browser, server.address);
  if (!(await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter())))) return t.skip('no WebGPU adapter here');
  // The demo's own policy lets in no pictures of other origins; the browser's page around a picture has none.
  await page.goto(`${server.address}samples/cat.jpg`);
  // Another origin that allows nothing.
  const other = server.address.replace('127.0.0.1', 'localhost');
  const seen = await page.evaluate(async (other) => {
    const { Detector } = await import('/lib/index.js');
    const detector = await Detector.load({ device: 'webgpu', worker: false, size: 96 });
    const image = new Image();
    image.src = `${other}samples/astronaut.jpg`;
    await image.decode();
    const code = await detector.detect(image).then(() => 'taken', (error) => error.code);
    const { device } = await detector.detect('/samples/astronaut.jpg');
    detector.dispose();
    return { code, device };
  }, other);
  assert.deepEqual(seen, { code: 'picture', device: 'webgpu' });
});
