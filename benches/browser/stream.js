#!/usr/bin/env node
// Frames a second and latency on a playing video of 30 frames a second: `stream`, which takes the next frame while the
// network is busy, beside taking and detecting in turns.
//
//   node benches/browser/stream.js [--size 320] [--device cpu] [--frames 60]
import { parseArgs } from 'node:util';
import { launch, open, serve } from '../../tests/browser/helper.js';

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '320' },
    device: { type: 'string', default: 'cpu' },
    frames: { type: 'string', default: '60' },
  },
});

const server = await serve();
const browser = await launch();
try {
  const page = await open(browser, server.address);
  const found = await page.evaluate(async ({ size, device, frames }) => {
    const { Detector } = await import('/lib/index.js');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [640, 480];
    const context = canvas.getContext('2d');
    let shade = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${shade++ % 360} 50% 50%)`;
      context.fillRect(0, 0, 640, 480);
    }, 1000 / 30);
    const video = document.createElement('video');
    video.muted = true;
    video.srcObject = canvas.captureStream(30);
    await video.play();
    const detector = await Detector.load({ device, size: Number(size) });
    const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
    const streamed = { between: [], latency: [], network: [] };
    let before = performance.now();
    for await (const { latency, speed } of detector.stream(video)) {
      const now = performance.now();
      streamed.between.push(now - before);
      streamed.latency.push(latency);
      streamed.network.push(speed.network);
      before = now;
      if (streamed.latency.length >= Number(frames)) break;
    }
    const turns = { between: [], latency: [], network: [] };
    while (turns.latency.length < Number(frames)) {
      const started = performance.now();
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      const { speed } = await detector.detect(video, { largest: 640 });
      turns.between.push(performance.now() - started);
      turns.latency.push(speed.total);
      turns.network.push(speed.network);
    }
    const middle = (times) => Object.fromEntries(Object.entries(times).map(([key, list]) => [key, median(list.slice(5))]));
    return { streamed: middle(streamed), 'in turns': middle(turns) };
  }, options);
  console.log('| | frames/s | latency | network |\n|---|---|---|---|');
  for (const [name, { between, latency, network }] of Object.entries(found)) {
    console.log(`| ${name} | ${(1000 / between).toFixed(1)} | ${latency.toFixed(0)} ms | ${network.toFixed(0)} ms |`);
  }
} finally {
  await browser.close();
  server.close();
}
