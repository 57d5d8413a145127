// What the package makes of results: drawings, labels, tables, zips; and every frame of a video.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { toCoco, toCsv, toYolo } from '../../www/lib/formats.js';
import { placeLabels } from '../../www/lib/labels.js';
import { zip } from '../../www/lib/zip.js';
import { browser, open, server, withPage } from './helper.js';

withPage();

const detection = (classId, label, x, y, width, height, score = 0.5) => ({ classId, label, score, box: { x, y, width, height } });
const result = { name: 'a, "b".jpg', width: 200, height: 100, detections: [detection(2, 'car', 50, 20, 100, 40, 0.87654)] };

test('YOLO, CSV and COCO say the same box', () => {
  assert.equal(toYolo(result), '2 0.500000 0.400000 0.500000 0.400000\n');
  assert.equal(toYolo(result, { scores: true }), '2 0.500000 0.400000 0.500000 0.400000 0.8765\n');
  assert.equal(toYolo({ ...result, detections: [] }), '');
  const [head, line] = toCsv([result]).split('\n');
  assert.equal(head.split(',').length, 10);
  assert.equal(line, '"a, ""b"".jpg",,2,car,0.8765,50,20,100,40,');
  assert.match(toCsv([{ ...result, name: 'v.webm', time: 1.25 }]), /v\.webm,1\.25,2,car/);
  const coco = toCoco([{ ...result, detections: [] }, result], ['person', 'bus', 'car']);
  assert.deepEqual(coco.images.map(({ id, file_name }) => [id, file_name]), [[1, 'a, "b".jpg'], [2, 'a, "b".jpg']]);
  assert.deepEqual(coco.annotations, [
    { id: 1, image_id: 2, category_id: 3, score: 0.8765, iscrowd: 0, bbox: [50, 20, 100, 40], area: 4000 },
  ]);
  assert.deepEqual(coco.categories[2], { id: 3, name: 'car' });
});

test('names in a CSV file become no formulas, numbers stay numbers', () => {
  const lines = (name, label, x = 5) => toCsv([{ name, width: 9, height: 9, detections: [detection(0, label, x, 1, 2, 3)] }]).split('\n')[1];
  assert.equal(lines('=1+2.jpg', '@SUM(A1)'), "'=1+2.jpg,,0,'@SUM(A1),0.5,5,1,2,3,");
  assert.equal(lines('+a.jpg', '-2+3'), "'+a.jpg,,0,'-2+3,0.5,5,1,2,3,");
  assert.equal(lines('\tb.jpg', '=HYPERLINK("http://x","y")'), `'\tb.jpg,,0,"'=HYPERLINK(""http://x"",""y"")",0.5,5,1,2,3,`);
  assert.equal(lines('a-b=c.jpg', 'e@f', -1.5), 'a-b=c.jpg,,0,e@f,0.5,-1.5,1,2,3,');
});

test('another program opens the zip', async () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) & 255);
  const files = [{ name: 'labels/图.txt', data: 'hello\n' }, { name: 'a.bin', data: bytes }, { name: 'a.bin', data: 'second' }];
  const path = join(mkdtempSync(join(tmpdir(), 'ghostdet-')), 'all.zip');
  writeFileSync(path, Buffer.from(await zip(files).arrayBuffer()));
  const script = 'import sys, zipfile, json; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None;'
    + 'print(json.dumps([[n, len(z.read(n)), z.read(n)[:6].hex()] for n in z.namelist()]))';
  const listed = JSON.parse(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }));
  assert.deepEqual(listed.map(([name, length]) => [name, length]), [['labels/图.txt', 6], ['a.bin', 70_000], ['a-2.bin', 6]]);
  assert.equal(Buffer.from(listed[0][2], 'hex').toString(), 'hello\n');
  assert.ok(readFileSync(path).length > 70_000);
});

test('labels keep inside and never cover each other', () => {
  const room = { width: 640, height: 480 };
  let placed = 0;
  for (let seed = 1, round = 0; round < 50; round++) {
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const wanted = Array.from({ length: 40 }, () => ({
      box: { x: random() * 660 - 20, y: random() * 500 - 20, width: random() * 200, height: random() * 200 },
      width: 40 + random() * 80, height: 20,
    }));
    const labels = placeLabels(wanted, room).filter(Boolean);
    placed += labels.length;
    for (const [i, a] of labels.entries()) {
      assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= 640 && a.y + a.height <= 480);
      for (const b of labels.slice(i + 1)) {
        assert.ok(a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height);
      }
    }
  }
  assert.ok(placed > 50 * 25, `${placed} labels found a place`);
  assert.equal(placeLabels([{ box: { x: 5, y: 2, width: 50, height: 50 }, width: 30, height: 20 }], room)[0].y, 2);
});

test('draw burns boxes into a picture at its size, or lays them over it', async () => {
  const page = await open(browser, `${server.address}#compare`);
  const seen = await page.evaluate(async (result) => {
    const { draw } = await import('./lib/index.js');
    const image = Object.assign(document.createElement('canvas'), { width: 200, height: 100 });
    const paint = image.getContext('2d');
    paint.fillStyle = 'rgb(0 0 255)';
    paint.fillRect(0, 0, 100, 100);
    const pixel = (canvas, x, y) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data];
    const burnt = document.createElement('canvas');
    const labels = draw(burnt, result, { image, colour: () => 'rgb(255 0 0)' });
    const mirrored = document.createElement('canvas');
    draw(mirrored, result, { image, mirror: true, labels: false });
    const over = Object.assign(document.createElement('canvas'), { width: 400, height: 400 });
    draw(over, result, { colour: () => 'rgb(255 0 0)', labels: false });
    let refused = '';
    try {
      draw(over, null);
    } catch (error) {
      refused = error.code;
    }
    return {
      size: [burnt.width, burnt.height], label: labels[0].text, blue: pixel(burnt, 20, 90), edge: pixel(burnt, 50, 50), mirrored: pixel(mirrored, 190, 90),
      over: [over.width, pixel(over, 100, 180), pixel(over, 200, 180)], refused,
    };
  }, result);
  assert.deepEqual(seen.size, [200, 100]);
  assert.equal(seen.label, 'car 0.88');
  assert.deepEqual(seen.blue, [0, 0, 255, 255]);
  assert.deepEqual(seen.edge, [255, 0, 0, 255]);
  assert.deepEqual(seen.mirrored, [0, 0, 255, 255]);
  assert.deepEqual(seen.over, [400, [255, 0, 0, 255], [0, 0, 0, 0]]);
  assert.equal(seen.refused, 'argument');
  await page.context().close();
});

test('every frame of a recording without a duration comes once, in order', async () => {
  const page = await open(browser, `${server.address}#compare`);
  const seen = await page.evaluate(async () => {
    const { everyFrame } = await import('./lib/index.js');
    // A bar of light counts: its place says which frame it is.
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 64 });
    const paint = canvas.getContext('2d');
    const media = canvas.captureStream(0);
    const [track] = media.getVideoTracks();
    const recorder = new MediaRecorder(media, { mimeType: 'video/webm;codecs=vp8' });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopped = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (let i = 0; i < 20; i++) {
      paint.fillStyle = 'black';
      paint.fillRect(0, 0, 320, 64);
      paint.fillStyle = 'white';
      paint.fillRect(i * 16, 0, 16, 64);
      track.requestFrame();
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    recorder.stop();
    await stopped;
    const video = Object.assign(document.createElement('video'), { muted: true, src: URL.createObjectURL(new Blob(parts, { type: 'video/webm' })) });
    const places = [];
    const times = [];
    for await (const { time } of everyFrame(video)) {
      times.push(time);
      paint.drawImage(video, 0, 0);
      const row = paint.getImageData(0, 32, 320, 1).data;
      places.push(Array.from({ length: 20 }, (_, i) => row[4 * (i * 16 + 8)]).findIndex((light) => light > 128));
    }
    const none = Object.assign(document.createElement('video'), { src: URL.createObjectURL(new Blob(['no video'])) });
    const failed = await everyFrame(none).next().then(() => 'nothing', (error) => error.code);
    const stop = new AbortController();
    let before = 0;
    let aborted = '';
    try {
      for await (const _ of everyFrame(video, { signal: stop.signal })) if (++before === 3) stop.abort();
    } catch (error) {
      aborted = error.code;
    }
    return { places, times, failed, before, aborted };
  });
  assert.ok(seen.places.length >= 17 && seen.places.length <= 20, `${seen.places.length} frames`);
  assert.deepEqual(seen.places, [...new Set(seen.places)], 'no frame twice');
  assert.deepEqual(seen.places, seen.places.toSorted((a, b) => a - b), 'in order');
  assert.deepEqual(seen.times, seen.times.toSorted((a, b) => a - b));
  assert.equal(seen.failed, 'picture');
  assert.equal(seen.before, 3);
  assert.equal(seen.aborted, 'aborted');
  await page.context().close();
});
