#!/usr/bin/env node
// From navigation to the first detection, and the memory taken: ours beside onnxruntime-web, in turns.
//
//   node benches/browser/startup.js [--onnx FOLDER] [--size 320] [--rounds 5] [--json FILE]
//
// Cold: a new browser profile. Warm: the same address again, what was downloaded (and compiled) is in the cache.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch, root, serve } from './serve.js';

const { values: options } = parseArgs({
  options: {
    onnx: { type: 'string', default: join(root, 'benches', 'onnx') },
    size: { type: 'string', default: '320' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const server = await serve('first.js', options.onnx);
const engines = ['ghostdet', 'ort'];
const found = Object.fromEntries(engines.map((engine) => [engine, { cold: [], warm: [], memory: [], stages: [] }]));
try {
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const engine of engines) {
      const browser = await launch();
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(String(error)));
      for (const kind of ['cold', 'warm']) {
        await page.goto(`${server.address}?engine=${engine}&size=${options.size}`);
        await page.waitForFunction(() => window.first, null, { timeout: 120_000 });
        const first = await page.evaluate(() => window.first);
        if (first.error) throw new Error(first.error);
        found[engine][kind].push(first.time);
        if (kind === 'cold') {
          found[engine].memory.push(first.memory);
          found[engine].stages.push(first.stages);
        }
      }
      await browser.close();
    }
  }
} finally {
  server.close();
}

/**
 * The longest tasks of the page's main thread, from navigation to the first boxes, in ms: `wall` as the clock has it, `cpu`
 * without the time in which the processor was busy with the browser's other processes.
 */
async function longest() {
  const pageServer = await serve('first.js', options.onnx);
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.route('**/lib/weights/*', (route) => route.fulfill({ path: join(root, 'weights', new URL(route.request().url()).pathname.split('/').pop()) }));
    await browser.startTracing(page, { categories: ['toplevel'] });
    await page.goto(`${pageServer.address}ghostdet/index.html`);
    await page.waitForFunction(() => document.body.dataset.ready, null, { timeout: 120_000 });
    await page.setInputFiles('#file', join(root, 'www', 'samples', 'cat.jpg'));
    await page.waitForFunction(() => document.body.dataset.runs, null, { timeout: 120_000 });
    const { traceEvents } = JSON.parse(String(await browser.stopTracing()));
    const mains = traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
    const tasks = traceEvents.filter(({ name, pid, tid }) =>
      name === 'ThreadControllerImpl::RunTask' && mains.some((main) => main.pid === pid && main.tid === tid));
    if (tasks.length === 0) throw new Error('the trace has no tasks of the page');
    const most = (key) => Math.max(...tasks.map((task) => task[key] ?? 0)) / 1000;
    return { wall: most('dur'), cpu: most('tdur') };
  } finally {
    await browser.close();
    pageServer.close();
  }
}

const results = engines.map((engine) => {
  const { cold, warm, memory, stages } = found[engine];
  const named = Object.keys(stages[0]).map((stage) => [stage, median(stages.map((one) => one[stage]))]);
  return { engine, cold: median(cold), warm: median(warm), memory: median(memory), stages: Object.fromEntries(named) };
});
console.log(`| engine | first detection, cold | warm | WebAssembly memory | stages (cold), ms since navigation |\n|---|---|---|---|---|`);
for (const { engine, cold, warm, memory, stages } of results) {
  const list = Object.entries(stages).map(([stage, at]) => `${stage} ${at.toFixed(0)}`).join(', ');
  console.log(`| ${engine} | ${cold.toFixed(0)} ms | ${warm.toFixed(0)} ms | ${(memory / 2 ** 20).toFixed(1)} MiB | ${list} |`);
}
const [ours, peer] = results;
const ratio = (key) => (peer[key] / ours[key]).toFixed(2);
console.log(`peer / ours: cold ${ratio('cold')}, warm ${ratio('warm')}, memory ${ratio('memory')}`);
const tasks = [];
for (let round = 0; round < Number(options.rounds); round++) tasks.push(await longest());
const spread = (key) => tasks.map((task) => task[key].toFixed(0)).join(', ');
console.log(`the page's longest main-thread task, a load each: ${spread('cpu')} ms of processor time, ${spread('wall')} ms by the clock`);
if (options.json) await writeFile(options.json, JSON.stringify({ results, longestTasks: tasks }, null, 1));
