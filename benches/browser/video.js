#!/usr/bin/env node
// Frames a second through every frame of a video file: decoded with WebCodecs (`stream` of the page's library) beside seeking
// (`everyFrame` and `detect`), in turns, and decoding alone. The video is made here: a photo that moves, 30 frames a second.
//
//   node benches/browser/video.js [--size 320] [--device cpu] [--frames 60] [--width 1280] [--height 720] [--rounds 3] [--verbose]
import { parseArgs } from 'node:util';
import { launch, open, serve } from '../../tests/browser/helper.js';

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '320' },
    device: { type: 'string', default: 'cpu' },
    frames: { type: 'string', default: '60' },
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '720' },
    rounds: { type: 'string', default: '3' },
    verbose: { type: 'boolean', default: false },
  },
});

const server = await serve();
const browser = await launch();
try {
  // A view that does nothing by itself.
  const page = await open(browser, `${server.address}#playground`);
  page.setDefaultTimeout(0);
  if (options.verbose) page.on('console', (message) => console.log(message.text()));
  const found = await page.evaluate(async ({ device, ...numbers }) => {
    const [size, frames, width, height, rounds] = ['size', 'frames', 'width', 'height', 'rounds'].map((name) => Number(numbers[name]));
    const { Detector, everyFrame } = await import('/lib/index.js');
    const { createVideo, openVideo } = await import('/vendor/video.js');
    const image = await createImageBitmap(await (await fetch('/samples/lifeboat.jpg')).blob());
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const files = {};
    for (const format of ['mp4', 'webm']) {
      const writing = await createVideo(canvas, { format });
      for (let i = 0; i < frames; i++) {
        canvas.getContext('2d').drawImage(image, -i, -i / 2, width + frames, height + frames);
        await writing.add(i / 30, 1 / 30);
      }
      files[`${format}, ${writing.codec}`] = await writing.finish();
    }
    const detector = await Detector.load({ device, size });
    const video = Object.assign(document.createElement('video'), { muted: true });
    document.body.append(video);
    const ways = {
      'seeking, network': async () => {
        for await (const _ of everyFrame(video)) await detector.detect(video), count++;
      },
      'WebCodecs, network': async (read) => {
        for await (const _ of detector.stream(read.frames())) count++;
      },
      'WebCodecs, no network': async (read) => {
        for await (const frame of read.frames()) frame.close(), count++;
      },
    };
    let count = 0;
    const rates = [];
    for (const [name, file] of Object.entries(files)) {
      video.src = URL.createObjectURL(file);
      const all = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
      for (let round = 0; round <= rounds; round++) {
        for (const [way, run] of Object.entries(ways)) {
          const read = await openVideo(file);
          count = 0;
          const started = performance.now();
          await run(read);
          const seconds = (performance.now() - started) / 1000;
          read.close();
          if (count !== frames) throw new Error(`${name}, ${way}: ${count} of ${frames} frames`);
          // The first round is for the compiler.
          if (round) all[way].push(count / seconds);
          console.log(`${name}, ${way}: ${(count / seconds).toFixed(1)}`);
        }
      }
      const middle = Object.fromEntries(Object.entries(all).map(([way, list]) => [way, list.toSorted((a, b) => a - b)[list.length >> 1]]));
      rates.push({ name, ...middle });
    }
    return rates;
  }, options);
  console.log(`${options.width} x ${options.height}, ${options.frames} frames, the default network at ${options.size} px on ${options.device}; frames/s, medians of ${options.rounds}`);
  for (const { name, ...ways } of found) {
    for (const [way, rate] of Object.entries(ways)) console.log(`${name.padEnd(12)} ${way.padEnd(21)} ${rate.toFixed(1)}`);
    console.log(`${name.padEnd(12)} WebCodecs / seeking   ${(ways['WebCodecs, network'] / ways['seeking, network']).toFixed(1)}`);
  }
} finally {
  await browser.close();
  server.close();
}
