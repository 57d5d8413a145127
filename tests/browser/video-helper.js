// Video files for tests: written by the page's library in the browser, opened and looked at in the page.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { browser, open, root, server, weights } from './helper.js';

const bundled = existsSync(join(root, 'www/vendor/video.js'));
export const options = { skip: !weights() ? 'the shipped weights are not here' : bundled ? false : 'the video library is not bundled (make vendor)' };

/** Uneven times, as phones and screen recorders write them. In seconds. */
export const TIMES = [0, 0.04, 0.08, 0.5, 0.54, 1.25, 1.3, 2];

export const says = (page, pattern) =>
  page.waitForFunction((source) => new RegExp(source).test(document.getElementById('status').textContent), pattern.source, { timeout: 60_000 });

export async function opened(options = {}, vendor = true) {
  const page = await open(browser, server.address, { viewport: { width: 1280, height: 800 }, ...options });
  if (!vendor) await page.route('**/vendor/video.js', (route) => route.fulfill({ status: 404 }));
  await page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
  return page;
}

/** Writes a video in which the astronaut is seen from the third frame on, and a white bar counts the frames. */
export async function written(page, { format = 'mp4', times = TIMES, width = 320, height = 320, length = 0.04, sideways = false } = {}) {
  const text = await page.evaluate(async ({ format, times, width, height, length, sideways }) => {
    const { createVideo } = await import('./vendor/video.js');
    const image = await createImageBitmap(await (await fetch('samples/astronaut.jpg')).blob());
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const paint = canvas.getContext('2d');
    const video = await createVideo(canvas, { format });
    for (const [i, time] of times.entries()) {
      paint.fillStyle = '#222';
      paint.fillRect(0, 0, width, height);
      if (i >= 2 && !sideways) paint.drawImage(image, 0, 0, width, height);
      if (i >= 2 && sideways) {
        // Turned against the clock by 90 degrees.
        paint.setTransform(0, -1, 1, 0, 0, height);
        paint.drawImage(image, 0, 0, height, width);
        paint.resetTransform();
      }
      paint.fillStyle = 'white';
      paint.fillRect(i * 16, height - 8, 16, 8);
      await video.add(time, (times[i + 1] ?? time + length) - time);
    }
    const bytes = new Uint8Array(await (await video.finish()).arrayBuffer());
    let letters = '';
    for (const byte of bytes) letters += String.fromCharCode(byte);
    return btoa(letters);
  }, { format, times, width, height, length, sideways });
  return Buffer.from(text, 'base64');
}

/** Opens a video file in the page. */
export async function show(page, buffer, name = 'clip.mp4') {
  await page.setInputFiles('#file', { name, mimeType: name.endsWith('webm') ? 'video/webm' : 'video/mp4', buffer });
  await page.waitForSelector('#transport:not([hidden])');
}

/** Looks at every frame; how many there were, and in how many something is. */
export async function every(page) {
  await page.click('#every');
  await says(page, /Looked at \d+ frames/);
  return (await page.textContent('#status')).match(/at (\d+) frames; something is in (\d+)/).slice(1).map(Number);
}

export async function saved(page, button) {
  await page.click('#open-save');
  const [download] = await Promise.all([page.waitForEvent('download', { timeout: 60_000 }), page.click(button)]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

/** The times in a CSV file, each once. */
export const timesOf = (csv) => [...new Set(String(csv).trim().split('\n').slice(1).map((line) => Number(line.split(',')[1])))];

/** What a file holds, read by the browser's player and by the library. */
export function facts(page, bytes, type) {
  return page.evaluate(async ({ text, type, at }) => {
    const { openVideo } = await import('./vendor/video.js');
    const file = new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type });
    const read = await openVideo(file);
    const canvas = new OffscreenCanvas(1, 1);
    const frames = [];
    for await (const frame of read.frames()) {
      Object.assign(canvas, { width: frame.displayWidth, height: frame.displayHeight });
      canvas.getContext('2d').drawImage(frame, 0, 0);
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      // Pixels in the colour of a person's box, on a picture that has hardly any.
      let coloured = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 2] - data[i + 1] > 60 && data[i + 2] > 150) coloured++;
      frames.push({ time: frame.timestamp / 1e6, coloured });
      frame.close();
    }
    const { codec, sound } = read;
    read.close();
    const video = Object.assign(document.createElement('video'), { muted: true, src: URL.createObjectURL(file) });
    await new Promise((resolve, reject) => Object.assign(video, { onloadeddata: resolve, onerror: () => reject(new Error(video.error.message)) }));
    await video.play();
    video.playbackRate = 4;
    await new Promise((resolve) => (video.onended = resolve));
    return { codec, sound, frames, size: [video.videoWidth, video.videoHeight], duration: video.duration, at };
  }, { text: bytes.toString('base64'), type, at: 0 });
}
