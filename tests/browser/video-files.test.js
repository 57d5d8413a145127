// Video files as they really come: lying on their side, broken off, empty, huge, in codecs that are not here; and turned phones.
import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withPage } from './helper.js';
import { every, facts, opened, options, saved, says, show, TIMES, timesOf, written } from './video-helper.js';

withPage();

/** Boxes of an MP4 file, those inside of containers too: `{ type, at, size }`, `at` where the type stands. */
function boxes(bytes, from = 0, to = bytes.length) {
  const found = [];
  for (let at = from; at + 8 <= to;) {
    const long = bytes.readUInt32BE(at) === 1;
    const size = long ? Number(bytes.readBigUInt64BE(at + 8)) : bytes.readUInt32BE(at) || to - at;
    const type = bytes.toString('latin1', at + 4, at + 8);
    found.push({ type, at: at + 4, size });
    if (['moov', 'trak', 'mdia', 'minf', 'stbl'].includes(type)) found.push(...boxes(bytes, at + 8, at + size));
    at += size;
  }
  return found;
}
const box = (bytes, type) => boxes(bytes).find((one) => one.type === type);

/** The index before the pictures, as in files for the web. */
function indexFirst(bytes) {
  const copy = Buffer.from(bytes);
  const moov = box(copy, 'moov');
  const mdat = box(copy, 'mdat');
  for (const { type, at } of boxes(copy)) {
    if (type !== 'stco') continue;
    for (let i = 0; i < copy.readUInt32BE(at + 8); i++) copy.writeUInt32BE(copy.readUInt32BE(at + 12 + 4 * i) + moov.size, at + 12 + 4 * i);
  }
  return Buffer.concat([copy.subarray(0, mdat.at - 4), copy.subarray(moov.at - 4, moov.at - 4 + moov.size), copy.subarray(mdat.at - 4, moov.at - 4)]);
}

/** Lies on its side, as phones write what was filmed upright: to be turned clockwise by 90 degrees. */
function turned(bytes, height) {
  const copy = Buffer.from(bytes);
  const { at } = box(copy, 'tkhd');
  const matrix = at + 4 + (copy[at + 4] === 1 ? 52 : 40);
  [0, 0x10000, 0, -0x10000, 0, 0, height * 0x10000, 0, 0x40000000].forEach((value, i) => copy.writeInt32BE(value, matrix + 4 * i));
  return copy;
}

test('a video that lies on its side is looked at and saved upright', options, async () => {
  const page = await opened();
  // The astronaut lies on her side in a wide picture.
  const bytes = await written(page, { width: 480, height: 320, sideways: true });
  await show(page, turned(bytes, 320));
  assert.deepEqual(await page.evaluate(() => [document.getElementById('video').videoWidth, document.getElementById('video').videoHeight]), [320, 480]);
  const [frames, some] = await every(page);
  assert.equal(frames, TIMES.length);
  assert.ok(some >= TIMES.length - 3, `something in ${some}`);
  const csv = String((await saved(page, '#save-csv')).bytes).trim().split('\n').slice(1);
  const person = csv.map((line) => line.split(',')).find(([, , , label]) => label === 'person');
  const [x, y, width, height] = person.slice(5, 9).map(Number);
  assert.ok(x >= 0 && x + width <= 320.5 && y + height <= 480.5 && height > 200, `${person}`);
  const { size } = await facts(page, (await saved(page, '#save-mp4')).bytes, 'video/mp4');
  assert.deepEqual(size, [320, 480]);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a file that breaks off is looked at as far as it goes', options, async () => {
  const page = await opened();
  const times = Array.from({ length: 60 }, (_, i) => i / 20);
  const whole = { mp4: indexFirst(await written(page, { times })), webm: await written(page, { times, format: 'webm' }) };
  for (const [format, bytes] of Object.entries(whole)) {
    await show(page, bytes.subarray(0, Math.floor(bytes.length * 0.6)), `cut.${format}`);
    await page.click('#every');
    await says(page, /Looked at \d+ frames/);
    const [frames] = (await page.textContent('#status')).match(/\d+/).map(Number);
    assert.ok(frames > 10 && frames < 60, `${format}: ${frames} frames`);
  }
  // Without its index nothing of it can be read.
  const bytes = await written(page);
  await page.setInputFiles('#file', { name: 'early.mp4', mimeType: 'video/mp4', buffer: bytes.subarray(0, Math.floor(bytes.length / 2)) });
  await says(page, /can't play early\.mp4/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('where the decoder gives up, the player goes on with the rest', options, async () => {
  const page = await opened();
  const [mp4, webm] = [await written(page), await written(page, { format: 'webm' })];
  await page.evaluate(() => {
    const { decode } = VideoDecoder.prototype;
    globalThis.decoded = 0;
    VideoDecoder.prototype.decode = function (chunk) {
      if (++globalThis.decoded % 5 === 0) throw new DOMException('the decoder gave up', 'EncodingError');
      return decode.call(this, chunk);
    };
  });
  for (const [bytes, name] of [[mp4, 'clip.mp4'], [webm, 'clip.webm']]) {
    await show(page, bytes, name);
    const before = await page.evaluate(() => globalThis.decoded);
    const [frames, some] = await every(page);
    assert.ok(await page.evaluate((before) => globalThis.decoded > before + 4, before), 'the decoder was used');
    assert.deepEqual(timesOf((await saved(page, '#save-csv')).bytes).map((time) => time.toFixed(2)), TIMES.slice(2).map((time) => time.toFixed(2)));
    assert.deepEqual([frames, some], [TIMES.length, TIMES.length - 2], name);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a file without frames is told', options, async () => {
  const page = await opened();
  // The index counts none.
  const mp4 = Buffer.from(await written(page));
  for (const [type, offset] of [['stts', 8], ['stsc', 8], ['stss', 8], ['stco', 8], ['stsz', 12]]) {
    const found = box(mp4, type);
    if (found) mp4.writeUInt32BE(0, found.at + offset);
  }
  // Tracks, and then nothing.
  const webm = await written(page, { format: 'webm' });
  const none = webm.subarray(0, webm.indexOf(Buffer.from('1f43b675', 'hex')));
  for (const [name, buffer] of [['none.mp4', mp4], ['none.webm', none], ['empty.mp4', Buffer.alloc(0)]]) {
    await page.setInputFiles('#file', { name, mimeType: `video/${name.split('.')[1]}`, buffer });
    await says(page, new RegExp(`can't play ${name.replace('.', '\\.')}`));
    const code = await page.evaluate(async ([text, type]) => {
      const { everyFrame } = await import('./lib/index.js');
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const video = Object.assign(document.createElement('video'), { src: URL.createObjectURL(new Blob([bytes], { type })) });
      return everyFrame(video).next().then(({ done }) => (done ? 'nothing' : 'a frame'), (error) => error.code);
    }, [buffer.toString('base64'), `video/${name.split('.')[1]}`]);
    assert.equal(code, 'picture', name);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a codec that is not here is named', options, async () => {
  const page = await opened();
  const bytes = await written(page);
  // ProRes, as telephones write it when they are asked to, and HEVC.
  for (const [name, codec] of [['apcn', /codec ProRes/], ['hvc1', /codec HEVC/]]) {
    const copy = Buffer.from(bytes);
    copy.write(name, copy.indexOf('avc1', box(copy, 'stsd').at), 'latin1');
    copy.write(name === 'hvc1' ? 'hvcC' : 'free', copy.indexOf('avcC'), 'latin1');
    await page.setInputFiles('#file', { name: `${name}.mov`, mimeType: 'video/quicktime', buffer: copy });
    await says(page, codec);
    assert.match(await page.textContent('#status'), /can't decode .* Convert it to MP4 with H\.264/);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

/** A file of 4.5 GB: behind the video comes a hole, which readers skip. The disk holds none of it. */
function enlarge(path, bytes) {
  const large = 4.5 * 2 ** 30;
  const hole = Buffer.alloc(16);
  const left = BigInt(large - bytes.length);
  if (path.endsWith('mp4')) {
    hole.writeUInt32BE(1);
    hole.write('free', 4, 'latin1');
    hole.writeBigUInt64BE(left, 8);
  } else {
    hole.writeUInt8(0xec);
    hole.writeBigUInt64BE((1n << 56n) | (left - 9n), 1);
  }
  const file = openSync(path, 'w');
  writeSync(file, bytes);
  writeSync(file, hole);
  ftruncateSync(file, large);
  closeSync(file);
}

test('a file of more than 4 GB is read by pieces', options, async () => {
  const page = await opened();
  const folder = mkdtempSync(join(tmpdir(), 'ghostdet-large-'));
  try {
    enlarge(join(folder, 'large.mp4'), await written(page));
    enlarge(join(folder, 'large.webm'), await written(page, { format: 'webm' }));
    await page.setInputFiles('#file', join(folder, 'large.mp4'));
    await page.waitForSelector('#transport:not([hidden])', { timeout: 60_000 });
    const [frames] = await every(page);
    assert.equal(frames, TIMES.length);
    const { bytes } = await saved(page, '#save-mp4');
    assert.ok(bytes.length < 1e6, `${bytes.length} bytes`);
    // Chromium's player reads through such a hole in a WebM file, which takes most of a minute; the library does not.
    await page.evaluate(() => document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'large' })));
    await page.setInputFiles('#large', join(folder, 'large.webm'));
    const read = await page.evaluate(async () => {
      const { openVideo } = await import('./vendor/video.js');
      const [file] = document.getElementById('large').files;
      const started = performance.now();
      const video = await openVideo(file);
      let many = 0;
      for await (const frame of video.frames()) frame.close(), many++;
      video.close();
      return { size: file.size, many, seconds: (performance.now() - started) / 1000 };
    });
    assert.deepEqual([read.size, read.many], [4.5 * 2 ** 30, TIMES.length]);
    assert.ok(read.seconds < 10, `${read.seconds} s`);
    const used = await page.evaluate(() => performance.memory.usedJSHeapSize);
    assert.ok(used < 200e6, `${used} bytes of JavaScript`);
    assert.deepEqual(page.errors, []);
  } finally {
    rmSync(folder, { recursive: true });
    await page.context().close();
  }
});

test('of two files that are opened at once, the later one is shown', options, async () => {
  const page = await opened();
  const [first, second] = [await written(page), await written(page, { width: 480, height: 240, format: 'webm' })];
  await page.evaluate((files) => {
    for (const [name, text] of files) {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name, { type: `video/${name.split('.')[1]}` }));
      document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer }));
    }
  }, [['first.mp4', first.toString('base64')], ['second.webm', second.toString('base64')]]);
  await page.waitForFunction(() => document.getElementById('video').videoWidth === 480 && document.getElementById('video').ended, null, { timeout: 30_000 });
  assert.doesNotMatch(await page.textContent('#status'), /can't/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

/** Where the drawn boxes lie, as parts of the picture's sides: left, top, right, bottom. */
const placed = (page) => page.evaluate(() => {
  const canvas = document.getElementById('boxes');
  const video = document.getElementById('video');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  for (let i = 3; i < data.length; i += 4) {
    if (!data[i]) continue;
    const [x, y] = [((i - 3) / 4) % canvas.width, Math.floor((i - 3) / 4 / canvas.width)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
  }
  // The video is fitted into the stage by its style sheet.
  const scale = Math.min(video.clientWidth / video.videoWidth, video.clientHeight / video.videoHeight);
  const ratio = canvas.width / video.clientWidth;
  const [x, y] = [(video.clientWidth - video.videoWidth * scale) / 2, (video.clientHeight - video.videoHeight * scale) / 2];
  const part = (value, start, length) => Math.round(((value / ratio - start) / length) * 100) / 100;
  const [wide, tall] = [video.videoWidth * scale, video.videoHeight * scale];
  return [part(left, x, wide), part(top, y, tall), part(right, x, wide), part(bottom, y, tall)];
});
const near = (one, other, most, what) => assert.ok(one.every((value, i) => Math.abs(value - other[i]) <= most), `${what}: ${one}, not ${other}`);

test('boxes stay on the picture when the phone is turned', options, async () => {
  const page = await opened({ viewport: { width: 390, height: 844 } });
  await show(page, await written(page, { width: 480, height: 320 }));
  await every(page);
  await page.locator('#seek').evaluate((input) => {
    input.value = input.max;
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await page.waitForFunction(() => Number(document.getElementById('boxes').dataset.drawn) > 0);
  const upright = await placed(page);
  await page.setViewportSize({ width: 844, height: 390 });
  await page.waitForTimeout(400);
  // Labels have the same size on a larger picture: the box itself is below and right of them.
  near((await placed(page)).slice(2), upright.slice(2), 0.03, 'a file');
  await page.context().close();

  // A camera gives pictures of another shape then.
  const other = await opened({ viewport: { width: 390, height: 844 } });
  await other.evaluate(async () => {
    const image = await createImageBitmap(await (await fetch('samples/astronaut.jpg')).blob());
    const canvas = Object.assign(document.createElement('canvas'), { width: 240, height: 320 });
    const paint = () => {
      const side = Math.min(canvas.width, canvas.height);
      canvas.getContext('2d').fillRect(0, 0, canvas.width, canvas.height);
      canvas.getContext('2d').drawImage(image, canvas.width - side, canvas.height - side, side, side);
    };
    setInterval(paint, 50);
    paint();
    window.turn = () => Object.assign(canvas, { width: 320, height: 240 });
    navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(20);
  });
  await other.click('#camera');
  const drawn = () => other.waitForFunction(() => Number(document.getElementById('boxes').dataset.drawn) > 0, null, { timeout: 30_000 });
  await drawn();
  await other.evaluate(() => window.turn());
  await other.setViewportSize({ width: 844, height: 390 });
  await other.waitForFunction(() => document.getElementById('video').videoWidth === 320);
  await other.waitForTimeout(1500);
  await drawn();
  const [left, top, right, bottom] = await placed(other);
  assert.ok(left > -0.02 && top > -0.02 && right < 1.02 && bottom < 1.02 && left > 0.15 && right - left > 0.3, `${[left, top, right, bottom]}`);
  assert.deepEqual(other.errors, []);
  await other.context().close();
});
