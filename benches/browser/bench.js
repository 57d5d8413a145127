#!/usr/bin/env node
// Ours beside peers on the same networks, in one Chromium, in turns.
//
//   node benches/browser/bench.js [--networks yolov5n,yolov5n-ghost] [--sizes 320] [--engines ghostdet-cpu,ort-wasm]
//        [--rounds 9] [--nc 80] [--onnx FOLDER] [--ghostdet COMMAND] [--json FILE]
//
// With the command line's path, also how near the whole networks come to a plain matrix product (onnxruntime-web's).
//
// Engines: ghostdet-cpu, ghostdet-webgpu, ort-wasm, ort-webgpu, tfjs-wasm and litert-wasm (one thread), tfjs-webgpu,
// litert-webgpu. On the CPU with one thread, or as many as `-2` at the end says (the same for all of onnxruntime-web's); on
// WebGPU in the default configuration, or the named one: ghostdet-webgpu/half-4096-4x2.
// `make bench` writes the ONNX files, and the .tflite ones for litert.
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch, root, serve } from './serve.js';

const { values: options } = parseArgs({
  options: {
    networks: { type: 'string', default: 'yolov5n,yolov5n-ghost-backbone,yolov5n-ghost' },
    sizes: { type: 'string', default: '320' },
    engines: { type: 'string', default: 'ghostdet-cpu,ort-wasm' },
    rounds: { type: 'string', default: '9' },
    nc: { type: 'string', default: '80' },
    onnx: { type: 'string', default: join(root, 'benches', 'onnx') },
    ghostdet: { type: 'string' },
    json: { type: 'string' },
  },
});

const server = await serve('page.js', options.onnx);
const browser = await launch();
try {
  const page = await browser.newPage();
  page.on('console', (message) => console.error(message.text()));
  page.on('pageerror', (error) => console.error(String(error)));
  page.setDefaultTimeout(0);
  await page.goto(server.address);
  await page.waitForFunction(() => window.ready);
  // yolov5n-ghost was exported as yolov5-ghost-n-SIZE.onnx.
  const networks = options.networks.split(',').map((name) => {
    const [, letter, rest] = /^yolov5([nsmlx])(.*)$/.exec(name);
    return { name, onnx: `/onnx/yolov5${rest}-${letter}-{size}.onnx` };
  });
  const results = await page.evaluate((plan) => window.bench(plan), {
    networks,
    sizes: options.sizes.split(',').map(Number),
    engines: options.engines.split(','),
    rounds: Number(options.rounds),
    nc: Number(options.nc),
  });
  print(results);
  const { product } = results.find((row) => row.product) ?? {};
  if (product && options.ghostdet) share(results, product);
  if (options.json) await writeFile(options.json, JSON.stringify({ browser: browser.version(), results }, null, 1));
} finally {
  await browser.close();
  server.close();
}

/** Multiply-adds a second of whole networks, the best run, beside those of a plain matrix product in the same page. */
function share(results, product) {
  for (const { network, size, engine, best } of results.filter((row) => row.engine === 'ghostdet-cpu' && row.best)) {
    const plan = JSON.parse(execFileSync(options.ghostdet, ['plan', network, '--nc', options.nc, '--imgsz', String(size), '--json'], { encoding: 'utf8' }));
    // Detect's convolutions are computed for the cells above the floor only.
    const adds = plan.steps.filter(({ row }) => row !== 24).reduce((sum, step) => sum + step.multiply_adds, 0);
    const rate = adds / best / 1e6;
    console.log(`${network} ${size}, ${engine}: ${rate.toFixed(1)} GMAC/s, ${((100 * rate) / product).toFixed(0)} % of a plain product's ${product.toFixed(1)}`);
  }
}

/** A table of medians and bests; the share of the plain network's time, and the peers' times over ours: medians of the ratios within a round. */
function print(results) {
  const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
  const find = (size, network, engine) => results.find((r) => r.size === size && r.network === network && r.engine === engine);
  const ratio = (a, b) => (a?.times && b?.times ? median(a.times.map((time, round) => time / b.times[round])).toFixed(2) : '–');
  const engines = options.engines.split(',');
  const peers = engines.slice(1);
  const head = engines.map((engine) => `${engine}: median, best ms | of the plain one`);
  console.log(`| network | size | ${[...head, ...peers.map((engine) => `${engine} / ${engines[0]}`)].join(' | ')} |`);
  console.log(`|---|---|${'---|'.repeat(2 * engines.length + peers.length)}`);
  for (const size of options.sizes.split(',').map(Number)) {
    for (const name of options.networks.split(',')) {
      const plain = /^yolov5[nsmlx]/.exec(name)[0];
      const cells = engines.map((engine) => {
        const [mine, first] = [find(size, name, engine), find(size, plain, engine)];
        if (!mine?.times) return `${mine?.error ?? '–'} | –`;
        return `${mine.median.toFixed(0)}, ${mine.best.toFixed(0)} | ${ratio(mine, first)}`;
      });
      const [ours, ...others] = engines.map((engine) => find(size, name, engine));
      console.log(`| ${name} | ${size} | ${[...cells, ...others.map((other) => ratio(other, ours))].join(' | ')} |`);
    }
  }
}
