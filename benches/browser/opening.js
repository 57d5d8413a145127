#!/usr/bin/env node
// From navigation to the first paint and to the first boxes: the page as several folders have it, in turns in one Chromium, each time with a new profile.
//
//   node benches/browser/opening.js [--rounds 7] [--delay 0] [--blank] [--json FILE] FOLDER…
//
// A folder is a built site (`make site`) or a checkout, also one of an older commit, whose wasm modules are built. `--blank`: an empty
// page that imports the package and detects the same picture, too; built sites have no such page. `--delay`: so many milliseconds pass
// before the server answers, as on a network.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { launch } from './serve.js';

const { values: options, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    delay: { type: 'string', default: '0' },
    blank: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
if (!folders.length) throw new Error('usage: node benches/browser/opening.js FOLDER…');

const TYPES = {
  '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json', '.svg': 'image/svg+xml',
  '.jpg': 'image/jpeg', '.png': 'image/png', '.webmanifest': 'application/manifest+json',
};

/** The package on an empty page: what an app's first lines do. */
const BLANK = `<!doctype html><title>blank</title><img id="photo" src="samples/astronaut.jpg" alt=""><script type="module">
import { Detector } from './lib/index.js';
const detector = await Detector.load();
await detector.detect(document.getElementById('photo'));
document.body.dataset.runs = '1';
</script>`;

/** Serves a folder as it would be on a server: of a checkout, `www` with the weights in it. */
async function serve(/** @type {string} */ folder) {
  const checkout = existsSync(join(folder, 'www', 'index.html'));
  const counted = { requests: 0, bytes: 0 };
  const server = createServer(async (request, response) => {
    counted.requests++;
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname)).replace(/\/$/, '/index.html');
    const inside = !checkout ? path : path.startsWith('/lib/weights/') ? path.replace('/lib/', '/') : /^\/configs\//.test(path) ? path : `/www${path}`;
    const body = path === '/blank.html' ? Buffer.from(BLANK) : await readFile(join(folder, inside)).catch(() => null);
    if (options.delay !== '0') await new Promise((resolve) => setTimeout(resolve, Number(options.delay)));
    if (!body) return response.writeHead(404, { 'content-type': 'text/plain' }).end();
    counted.bytes += body.length;
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream', 'content-length': body.length, 'cache-control': 'no-cache' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}/`, blank: checkout && options.blank, counted, close: () => server.close() };
}

/** Milliseconds from navigation to the first paint and to the first boxes, with a new profile. */
async function open(browser, /** @type {string} */ address) {
  const context = await browser.newContext({ locale: 'en-US', serviceWorkers: 'block' });
  const page = await context.newPage();
  await page.addInitScript(() => {
    const look = () => document.body?.dataset.runs && (window.first ??= performance.now());
    new MutationObserver(look).observe(document, { attributes: true, attributeFilter: ['data-runs'], subtree: true });
  });
  await page.goto(address);
  await page.waitForFunction(() => window.first, null, { timeout: 60_000 });
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length);
  const times = await page.evaluate(() => ({ boxes: window.first, paint: performance.getEntriesByName('first-contentful-paint')[0].startTime }));
  await context.close();
  return times;
}

const turns = [];
for (const folder of folders) {
  const server = await serve(folder);
  turns.push({ name: folder, server, address: server.address, times: [], paints: [] });
  if (server.blank) turns.push({ name: `${folder}, empty page`, server, address: `${server.address}blank.html`, times: [], paints: [] });
}
const browser = await launch();
try {
  // One round is thrown away: the browser's own first start.
  for (let round = 0; round <= Number(options.rounds); round++) {
    for (const turn of round % 2 ? turns : turns.toReversed()) {
      Object.assign(turn.server.counted, { requests: 0, bytes: 0 });
      const { boxes, paint } = await open(browser, turn.address);
      if (round === 0) continue;
      turn.times.push(boxes);
      turn.paints.push(paint);
      turn.requests = turn.server.counted.requests;
    }
  }
} finally {
  await browser.close();
  for (const { server } of turns) server.close();
}

const spread = (values) => {
  const sorted = values.toSorted((a, b) => a - b).map((value) => value.toFixed(0));
  return `${sorted[sorted.length >> 1]} (${sorted[0]} to ${sorted.at(-1)})`;
};
const results = turns.map(({ name, requests, times, paints }) => ({ name, requests, boxes: times, paint: paints }));
console.log('| folder | first boxes, ms: median (best to worst) | first paint | requests |\n|---|---|---|---|');
for (const { name, requests, boxes, paint } of results) console.log(`| ${name} | ${spread(boxes)} | ${spread(paint)} | ${requests} |`);
if (options.json) await writeFile(options.json, JSON.stringify({ options, results }, null, 1));
