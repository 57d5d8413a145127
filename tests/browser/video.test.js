// Video files whose frames are decoded and written by the bundled library: every frame at its own time, saved with its boxes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withPage } from './helper.js';
import { every, facts, opened, options, saved, says, show, TIMES, timesOf, written } from './video-helper.js';

withPage();

for (const format of ['mp4', 'webm']) {
  test(`every frame of a ${format} file keeps its own time, and is saved with its boxes`, options, async () => {
    const page = await opened();
    const original = await written(page, { format });
    await show(page, original, `clip.${format}`);
    const [frames, some] = await every(page);
    assert.equal(frames, TIMES.length);
    assert.ok(some >= TIMES.length - 3 && some <= TIMES.length - 2, `something in ${some}`);
    // Steps go from frame to frame.
    for (const [button, time] of [['#on', TIMES[1]], ['#on', TIMES[2]], ['#on', TIMES[3]], ['#back', TIMES[2]]]) {
      await page.click(button);
      await page.waitForFunction((time) => Math.abs(document.getElementById('video').currentTime - time) < 0.0021, time, { timeout: 5000 });
    }
    const times = timesOf((await saved(page, '#save-csv')).bytes);
    assert.equal(times.length, some);
    for (const time of times) assert.ok(TIMES.some((one) => Math.abs(one - time) < 0.0011), `${time}`);
    const runs = await page.evaluate(() => document.body.dataset.runs);
    const before = await facts(page, original, `video/${format}`);
    for (const into of ['mp4', 'webm']) {
      const { name, bytes } = await saved(page, `#save-${into}`);
      assert.equal(name, `clip-boxes.${into}`);
      const { codec, frames: after, size, duration } = await facts(page, bytes, `video/${into}`);
      assert.match(codec, into === 'mp4' ? /^(avc1|vp09|av01)/ : /^(vp09|vp8|av01)/);
      assert.deepEqual(size, [320, 320]);
      assert.deepEqual(after.map(({ time }) => Math.round(time * 1000)), TIMES.map((time) => Math.round(time * 1000)));
      assert.ok(Math.abs(duration - before.duration) < 0.05, `${duration} s, not ${before.duration}`);
      const boxes = after.map(({ coloured }, i) => coloured > before.frames[i].coloured + 300);
      assert.equal(boxes.filter(Boolean).length, some, JSON.stringify(after.map(({ coloured }, i) => [before.frames[i].coloured, coloured])));
      assert.deepEqual(boxes.slice(0, 2), [false, false]);
    }
    assert.equal(await page.evaluate(() => document.body.dataset.runs), runs, 'the network did not run again');
    // Boxes of another overlap are others: the file has those that the settings ask for.
    await page.locator('#iou').fill('0.9');
    await saved(page, '#save-webm');
    assert.ok(Number(await page.evaluate(() => document.body.dataset.runs)) >= Number(runs) + TIMES.length, 'it ran again');
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test('saving runs the network where it has not seen every frame; tracks, lines and counts are in the picture', options, async () => {
  const page = await opened();
  const original = await written(page);
  await show(page, original);
  await page.locator('#counting').evaluate((section) => section.closest('details')?.setAttribute('open', ''));
  await page.click('#add-line');
  await page.waitForFunction(() => document.getElementById('video').ended, null, { timeout: 20_000 });
  const before = await page.evaluate(() => Number(document.body.dataset.runs));
  const { bytes } = await saved(page, '#save-webm');
  const after = await page.evaluate(() => Number(document.body.dataset.runs));
  assert.ok(after - before >= TIMES.length, 'the network ran on every frame');
  const white = await page.evaluate(async (text) => {
    const { openVideo } = await import('./vendor/video.js');
    const read = await openVideo(new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))]));
    const canvas = new OffscreenCanvas(320, 320);
    const found = [];
    for await (const frame of read.frames()) {
      canvas.getContext('2d').drawImage(frame, 0, 0);
      frame.close();
      // The line lies in the middle of the picture's height.
      const { data } = canvas.getContext('2d').getImageData(60, 160, 40, 1);
      found.push(data.filter((value, i) => i % 4 < 3 && value > 200).length > 90);
    }
    return found;
  }, bytes.toString('base64'));
  assert.deepEqual(white, TIMES.map(() => true), 'the line is in every frame');
  // What was found meanwhile is kept.
  const csv = String((await saved(page, '#save-csv')).bytes);
  assert.match(csv, /clip\.mp4,2,\d+,person,.*,\d+\n/, 'with the number of the track');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a save is cancelled, and the page goes on', options, async () => {
  const page = await opened();
  const times = Array.from({ length: 120 }, (_, i) => i / 30);
  await show(page, await written(page, { times }));
  await page.click('#open-save');
  let downloads = 0;
  page.on('download', () => downloads++);
  await page.click('#save-mp4');
  await says(page, /Saving frame [2-9]\d*/);
  await page.click('#every');
  await says(page, /Stopped/);
  assert.equal(await page.textContent('#every'), 'Every frame');
  assert.equal(downloads, 0);
  // Another source while it saves: nothing is left of it.
  await page.click('#open-save');
  await page.click('#save-mp4');
  await says(page, /Saving frame [2-9]\d*/);
  await page.click('#samples button:nth-child(2)');
  await page.waitForFunction(() => /cat/.test(document.getElementById('detections').textContent));
  await page.waitForTimeout(500);
  assert.equal(downloads, 0);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('without the library the same frames are found by seeking, and the video is recorded', options, async () => {
  const page = await opened();
  const original = await written(page, { format: 'webm' });
  await page.context().close();
  const plain = await opened({}, false);
  await show(plain, original, 'clip.webm');
  const [frames, some] = await every(plain);
  assert.equal(frames, TIMES.length);
  const times = timesOf((await saved(plain, '#save-csv')).bytes);
  assert.equal(times.length, some);
  for (const time of times) assert.ok(TIMES.some((one) => Math.abs(one - time) < 0.0011), `${time}`);
  await plain.click('#open-save');
  await plain.waitForSelector('#save-video:not([hidden])');
  assert.equal(await plain.isHidden('#save-mp4'), true);
  const [download] = await Promise.all([plain.waitForEvent('download', { timeout: 60_000 }), plain.click('#save-video')]);
  assert.match(download.suggestedFilename(), /^clip-boxes\.(webm|mp4)$/);
  assert.deepEqual(plain.errors, []);
  await plain.context().close();
});

test('sound is copied', options, async () => {
  const page = await opened();
  const text = await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 120 });
    const paint = canvas.getContext('2d');
    const media = canvas.captureStream(20);
    const audio = new AudioContext();
    const tone = new OscillatorNode(audio);
    const into = audio.createMediaStreamDestination();
    tone.connect(into);
    tone.start();
    media.addTrack(into.stream.getAudioTracks()[0]);
    const recorder = new MediaRecorder(media, { mimeType: 'video/webm;codecs=vp8,opus' });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.start();
    for (let i = 0; i < 25; i++) {
      paint.fillStyle = `hsl(${i * 10} 50% 50%)`;
      paint.fillRect(0, 0, 160, 120);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    await new Promise((resolve) => ((recorder.onstop = resolve), recorder.stop()));
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  });
  await show(page, Buffer.from(text, 'base64'), 'sound.webm');
  for (const format of ['mp4', 'webm']) {
    const { bytes } = await saved(page, `#save-${format}`);
    const { sound, frames } = await facts(page, bytes, `video/${format}`);
    assert.equal(sound, 'opus', format);
    assert.ok(frames.length > 10, `${frames.length} frames`);
  }
  const holds = await page.evaluate(async () => {
    const { holds } = await import('./vendor/video.js');
    return [holds('webm', 'opus'), holds('webm', 'aac'), holds('mp4', 'aac')];
  });
  assert.deepEqual(holds, [true, false, true]);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
