// Camera, shared screen and video files in the Detect view: how they start, what they offer, how they end.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { browser, launch, open, server, weights, withPage } from './helper.js';

withPage();

const withWeights = { skip: weights() ? false : 'the shipped weights are not here' };
const runs = (page) => page.evaluate(() => Number(document.body.dataset.runs ?? 0));
const more = async (page, many = 3) => {
  const before = await runs(page);
  await page.waitForFunction((goal) => Number(document.body.dataset.runs) >= goal, before + many, { timeout: 60_000 });
};
const says = (page, pattern) =>
  page.waitForFunction((source) => new RegExp(source).test(document.getElementById('status').textContent), pattern.source, { timeout: 20_000 });

async function opened(script, options = {}, where = browser) {
  const page = await open(where, server.address, { viewport: { width: 390, height: 844 }, ...options });
  if (script) {
    await page.addInitScript(script);
    await page.reload();
  }
  await page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
  return page;
}

test('the rear camera is asked for; light and zoom are offered where they are', withWeights, async () => {
  const page = await opened(() => {
    window.asked = [];
    window.applied = [];
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wish) => (window.asked.push(wish), ask(wish));
    MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true, zoom: { min: 1, max: 8, step: 0.1 } });
    MediaStreamTrack.prototype.applyConstraints = async function (wish) { window.applied.push(wish.advanced[0]); };
  });
  await page.click('#camera');
  await more(page);
  assert.deepEqual(await page.evaluate(() => window.asked[0].video.facingMode), { ideal: 'environment' });
  assert.equal(await page.evaluate(() => document.getElementById('video').clientWidth), 390, 'full width');
  await page.click('#torch');
  await page.locator('#camera-zoom').fill('4');
  assert.deepEqual(await page.evaluate(() => window.applied), [{ torch: true }, { zoom: 4 }]);
  // The next time the same camera is asked for.
  await page.click('#camera');
  assert.equal(await page.locator('#video').isHidden(), true);
  await page.click('#camera');
  await more(page);
  assert.equal(await page.evaluate(() => typeof window.asked[1].video.deviceId.exact), 'string');
  // Another view: the camera is let go.
  const track = await page.evaluateHandle(() => document.getElementById('video').srcObject.getVideoTracks()[0]);
  await page.click('.views a[href="#compare"]');
  await page.waitForFunction((track) => track.readyState === 'ended', track);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a camera that ends, is taken or forbidden says what to do', withWeights, async () => {
  const page = await opened();
  await page.click('#camera');
  await more(page);
  // Unplugged, or its permission withdrawn: the browser ends the track.
  await page.evaluate(() => {
    const [track] = document.getElementById('video').srcObject.getVideoTracks();
    track.stop();
    track.dispatchEvent(new Event('ended'));
  });
  await says(page, /unplugged|permission/);
  assert.equal(await page.textContent('#camera'), 'Camera');
  await page.click('#camera');
  await more(page);
  assert.match(await page.textContent('#status'), /CPU/, 'it starts again');
  await page.evaluate(() => document.getElementById('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('mute')));
  await says(page, /another program or the system holds the camera/);
  await page.evaluate(() => document.getElementById('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('unmute')));
  await says(page, /CPU/);
  await page.click('#camera');
  for (const [name, pattern] of [['NotAllowedError', /not allowed here/], ['NotReadableError', /another program uses it/], ['NotFoundError', /no camera/]]) {
    await page.evaluate((name) => {
      navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', name); };
      document.getElementById('camera').click();
    }, name);
    await says(page, pattern);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a withdrawn permission ends the camera', withWeights, async () => {
  const asking = await launch({ askForCamera: true });
  const page = await opened(null, {}, asking);
  await page.click('#camera');
  await more(page);
  const cdp = await page.context().newCDPSession(page);
  await page.context().clearPermissions();
  await cdp.send('Browser.setPermission', { permission: { name: 'camera' }, setting: 'denied', origin: new URL(server.address).origin });
  await says(page, /unplugged|permission|another program/);
  assert.deepEqual(page.errors, []);
  await asking.close();
});

test('the picture of a mirrored camera is saved as it is', withWeights, async () => {
  const page = await opened();
  await page.evaluate(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
    const paint = canvas.getContext('2d');
    setInterval(() => {
      paint.fillStyle = 'blue';
      paint.fillRect(0, 0, 320, 240);
      paint.fillStyle = 'red';
      paint.fillRect(0, 0, 160, 240);
    }, 30);
    navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
  });
  const before = await page.evaluate(() => Number(document.body.dataset.runs));
  await page.click('#camera');
  await page.waitForFunction((before) => Number(document.body.dataset.runs) > before, before);
  await page.click('#open-save');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save-png')]);
  const bytes = readFileSync(await download.path()).toString('base64');
  const left = await page.evaluate(async (bytes) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${bytes}`)).blob());
    const paint = new OffscreenCanvas(image.width, image.height).getContext('2d');
    paint.drawImage(image, 0, 0);
    return [...paint.getImageData(20, 200, 1, 1).data];
  }, bytes);
  assert.ok(left[0] > 200 && left[2] < 60, `red on the left: ${left}`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a shared screen is watched until the sharing ends', withWeights, async () => {
  const page = await opened(() => {
    navigator.mediaDevices.getDisplayMedia = async () => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
      const paint = canvas.getContext('2d');
      setInterval(() => (paint.fillStyle = `hsl(${performance.now() % 360} 50% 50%)`, paint.fillRect(0, 0, 640, 360)), 50);
      return (window.shared = canvas.captureStream(20));
    };
  });
  await page.click('#screen');
  await more(page);
  assert.equal(await page.textContent('#screen'), 'Stop sharing');
  await page.evaluate(() => {
    const [track] = window.shared.getVideoTracks();
    track.stop();
    track.dispatchEvent(new Event('ended'));
  });
  await says(page, /Sharing has ended/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

/** Opens a recording in which the astronaut comes in from the side: black for a third of the time. */
async function openFilm(page) {
  await page.evaluate(async () => {
    const image = await createImageBitmap(await (await fetch('samples/astronaut.jpg')).blob());
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 320 });
    const paint = canvas.getContext('2d');
    const media = canvas.captureStream(0);
    const recorder = new MediaRecorder(media, { mimeType: 'video/webm;codecs=vp8' });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopped = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (let i = 0; i < 18; i++) {
      paint.fillStyle = '#222';
      paint.fillRect(0, 0, 320, 320);
      if (i >= 6) paint.drawImage(image, 0, 0, 320, 320);
      media.getVideoTracks()[0].requestFrame();
      await new Promise((resolve) => setTimeout(resolve, 70));
    }
    recorder.stop();
    await stopped;
    const transfer = new DataTransfer();
    transfer.items.add(new File(parts, 'clip.webm', { type: 'video/webm' }));
    document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer }));
  });
  await page.waitForSelector('#transport:not([hidden])');
}

test('a video file plays with boxes, is stepped through, looked at frame by frame, and taken away', withWeights, async () => {
  const page = await opened(null, { viewport: { width: 1280, height: 800 } });
  await openFilm(page);
  await more(page, 2);
  await page.waitForFunction(() => document.getElementById('video').ended, null, { timeout: 20_000 });
  assert.ok(Number(await page.getAttribute('#marks', 'data-marks')) >= 1, 'marks where something was found');
  assert.match(await page.textContent('#detections'), /person/);
  const at = () => page.evaluate(() => document.getElementById('video').currentTime);
  const end = await at();
  await page.click('#back');
  await more(page, 1);
  assert.ok((await at()) < end);

  await page.click('#every');
  await says(page, /Looked at \d+ frames/);
  const [, frames, some] = (await page.textContent('#status')).match(/at (\d+) frames; something is in (\d+)/).map(Number);
  assert.ok(frames >= 15 && frames <= 18, `${frames} frames`);
  assert.ok(some >= frames - 8 && some < frames, `${some} of ${frames}`);
  assert.equal(Number(await page.getAttribute('#marks', 'data-marks')), some);
  // The stored boxes follow the time; the network rests.
  const before = await runs(page);
  await page.locator('#seek').evaluate((input) => {
    input.value = String(Number(input.max) * 0.9);
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await page.waitForFunction(() => /person/.test(document.getElementById('detections').textContent));
  await page.locator('#seek').evaluate((input) => {
    input.value = '0';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await page.waitForFunction(() => document.getElementById('count').value === '0');
  assert.equal(await runs(page), before);

  const take = async (button) => {
    await page.click('#open-save');
    const [download] = await Promise.all([page.waitForEvent('download', { timeout: 60_000 }), page.click(button)]);
    return { name: download.suggestedFilename(), path: await download.path() };
  };
  const csv = readFileSync((await take('#save-csv')).path, 'utf8').trim().split('\n');
  assert.ok(csv.length > some, 'a line per detection');
  assert.match(csv[1], /^clip\.webm,\d/);
  const yolo = await take('#save-yolo');
  assert.match(execFileSync('python3', ['-m', 'zipfile', '-l', yolo.path], { encoding: 'utf8' }), /labels\/clip_000010\.txt/);
  // Without the library of the page it is recorded while it plays.
  const film = await take(':is(#save-webm, #save-video):not([hidden])');
  assert.match(film.name, /^clip-boxes\.(webm|mp4)$/);
  const bytes = readFileSync(film.path);
  assert.ok(bytes.length > 5000 && bytes.subarray(0, 4).toString('hex') === '1a45dfa3', `${bytes.length} bytes`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a film that is paused or over follows another network input', withWeights, async () => {
  const page = await opened(null, { viewport: { width: 1280, height: 800 } });
  await openFilm(page);
  await more(page, 2);
  const sized = async (size) => {
    const before = await runs(page);
    await page.selectOption('#size', size);
    await page.waitForFunction((before) => Number(document.body.dataset.runs) > before, before, { timeout: 20_000 });
  };
  await page.waitForFunction(() => document.getElementById('video').ended, null, { timeout: 20_000 });
  await sized('160');
  await page.click('#back');
  await more(page, 1);
  await sized('416');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('what is no video, or has no pictures, is told', withWeights, async () => {
  const page = await opened();
  await page.setInputFiles('#file', { name: 'clip.mov', mimeType: 'video/quicktime', buffer: Buffer.from('not a video at all') });
  await says(page, /can't play clip\.mov.* Convert it to MP4/);
  await page.setInputFiles('#file', { name: 'fake.mp4', mimeType: 'video/mp4', buffer: Buffer.from('not a video at all') });
  await says(page, /can't play fake\.mp4.*damaged or incomplete, or has no pictures\. Copy it again/);
  // A sound file with a video's name: no pictures.
  const rate = 8000;
  const sound = Buffer.alloc(44 + rate);
  sound.write('RIFF', 0);
  sound.writeUInt32LE(36 + rate, 4);
  sound.write('WAVEfmt ', 8);
  sound.writeUInt32LE(16, 16);
  for (const [at, value] of [[20, 1], [22, 1], [32, 1], [34, 8]]) sound.writeUInt16LE(value, at);
  for (const at of [24, 28]) sound.writeUInt32LE(rate, at);
  sound.write('data', 36);
  sound.writeUInt32LE(rate, 40);
  await page.setInputFiles('#file', { name: 'sound.webm', mimeType: 'video/webm', buffer: sound });
  await says(page, /can't play sound\.webm \(it has no pictures\)\. The file is damaged or incomplete, or has no pictures/);
  // The view goes on.
  await page.click('#samples button:nth-child(2)');
  await page.waitForFunction(() => /cat/.test(document.getElementById('detections').textContent));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a recording of the camera is not lost when the camera ends', withWeights, async () => {
  const page = await opened();
  await page.click('#camera');
  await more(page);
  await page.click('#open-save');
  await page.click('#save-video');
  await page.waitForSelector('#recording:not([hidden])');
  await page.waitForTimeout(1500);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.evaluate(() => {
      const [track] = document.getElementById('video').srcObject.getVideoTracks();
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }),
  ]);
  const recorded = readFileSync(await download.path());
  const lasts = await page.evaluate(async (text) => {
    const { videoDuration } = await import('./lib/index.js');
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const video = document.createElement('video');
    video.src = URL.createObjectURL(new Blob([bytes], { type: 'video/webm' }));
    return [await videoDuration(video), video.videoWidth];
  }, recorded.toString('base64'));
  assert.ok(lasts[0] > 0.8 && lasts[1] >= 320, `${recorded.length} bytes, ${lasts}`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
