#!/usr/bin/env node
// Which variant works better: the three architectures at one size, on the same pictures, with the same schedule and
// seeds. Prints a table, writes JSON for the page's panel.
//
//   node tools/experiment.js --data data.yaml [--val DATA] [--letter n] [--seeds 0,1,2] [--epochs 20] [--imgsz 160]
//        [--batch 16] [--out FOLDER] [--json FILE] [--bench FILE] [-- more options of `ghostdet train`]
//
// --bench, once or more: JSON of `make bench` (BENCH_JSON) with the same networks at 320 px; its best times on the CPU in
// the browser and on WebGPU become columns.
// A run that is finished in --out is not run again; one that was stopped goes on. Every seed's three runs come one after the
// other, so that an experiment that is cut short still compares like with like.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string', multiple: true },
    val: { type: 'string' },
    letter: { type: 'string', default: 'n' },
    seeds: { type: 'string', default: '0,1,2' },
    epochs: { type: 'string', default: '20' },
    imgsz: { type: 'string', default: '160' },
    batch: { type: 'string', default: '16' },
    out: { type: 'string', default: 'runs/experiment' },
    json: { type: 'string' },
    bench: { type: 'string', multiple: true, default: [] },
    ghostdet: { type: 'string', default: 'ghostdet' },
  },
});
if (!options.data) throw new Error('--data DATA is needed');
const architectures = ['', '-ghost', '-ghost-backbone'];
const seeds = options.seeds.split(',').map(Number);
const ask = (...args) => execFileSync(options.ghostdet, args, { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] });
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const spread = (values) => (values.length > 1 ? Math.sqrt(values.reduce((sum, v) => sum + (v - mean(values)) ** 2, 0) / (values.length - 1)) : 0);

const timed = options.bench.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')).results);
const best = (network, engine) => timed.find((row) => row.network === network && row.engine === engine && row.size === 320)?.best;

const folderOf = (name, seed) => join(options.out, `${name}-${seed}`);

for (const seed of seeds) {
  for (const architecture of architectures) {
    const name = `yolov5${options.letter}${architecture}`;
    const folder = folderOf(name, seed);
    const stopped = existsSync(join(folder, 'state.safetensors'));
    if (existsSync(join(folder, 'best.safetensors')) && !stopped) continue;
    const args = [
      'train', '--data', ...options.data, ...(options.val ? ['--val', options.val] : []), '--cfg', name, '--epochs', options.epochs,
      '--imgsz', options.imgsz, '--batch', options.batch, '--seed', String(seed), '--out', folder, ...(stopped ? ['--resume'] : []), ...positionals,
    ];
    const { status } = spawnSync(options.ghostdet, args, { stdio: 'inherit' });
    if (status !== 0) throw new Error(`${name}, seed ${seed}: ended with ${status}`);
  }
}

const models = [];
for (const architecture of architectures) {
  const name = `yolov5${options.letter}${architecture}`;
  const runs = seeds.map((seed) => {
    const weights = join(folderOf(name, seed), 'best.safetensors');
    const report = JSON.parse(ask('val', options.val ?? options.data[0], '--weights', weights, '--imgsz', options.imgsz, '--json'));
    return { seed, map50: report.map50, map: report.map, precision: report.precision, recall: report.recall, bytes: statSync(weights).size };
  });
  const last = readFileSync(join(folderOf(name, seeds[0]), 'results.csv'), 'utf8').trim().split('\n').length - 1;
  const profile = () => Number(/^\s*all\s+([\d.]+)/m.exec(ask('summary', name, '--imgsz', '320', '--line-profile'))?.[1]);
  const milliseconds = Math.min(...Array.from({ length: 5 }, profile));
  models.push({
    name, epochs: last, runs, bytes: runs[0].bytes, native: milliseconds,
    wasm: best(name, 'ghostdet-cpu'), webgpu: best(name, 'ghostdet-webgpu'),
    map50: { mean: mean(runs.map((run) => run.map50)), spread: spread(runs.map((run) => run.map50)) },
    map: { mean: mean(runs.map((run) => run.map)), spread: spread(runs.map((run) => run.map)) },
  });
}
const nc = JSON.parse(ask('val', options.val ?? options.data[0], '--weights', join(folderOf(models[0].name, seeds[0]), 'best.safetensors'), '--imgsz', options.imgsz, '--json')).classes.length;
const compared = JSON.parse(ask('compare', ...models.map(({ name }) => name), '--nc', String(nc), '--json')).models;
for (const [index, model] of models.entries()) Object.assign(model, { parameters: compared[index]?.parameters, gflops: compared[index]?.gflops });

console.log('| network | parameters | GFLOPs at 640 | file | CPU, native, 320 px | in the browser | WebGPU | mAP50 | mAP50-95 |\n|---|---|---|---|---|---|---|---|---|');
for (const { name, parameters, gflops, bytes, native, wasm, webgpu, map50, map } of models) {
  const pair = ({ mean, spread }) => `${mean.toFixed(3)} ± ${spread.toFixed(3)}`;
  const times = [native, wasm, webgpu].map((ms) => (ms ? `${ms.toFixed(1)} ms` : '–')).join(' | ');
  console.log(`| ${name} | ${parameters} | ${gflops.toFixed(1)} | ${(bytes / 1e6).toFixed(1)} MB | ${times} | ${pair(map50)} | ${pair(map)} |`);
}
const { letter, epochs, imgsz, batch, json } = options;
if (json) writeFileSync(json, `${JSON.stringify({ letter, epochs, imgsz, batch, seeds, nc, models }, null, 1)}\n`);
