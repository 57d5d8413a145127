#!/usr/bin/env node
// Takes the README's picture of the page: `node tools/screenshot.js docs/page.jpg` after `make wasm`.
import { join } from 'node:path';
import { launch, open, root, serve } from '../tests/browser/helper.js';

const server = await serve();
const browser = await launch();
const page = await open(browser, server.address, { viewport: { width: 1180, height: 1240 } });
await page.waitForFunction(() => document.body.dataset.ready);
// Several times, as a camera would: the first run is slow while the browser still compiles.
for (let run = 0; run < 8; run++) {
  await page.setInputFiles('#file', join(root, 'www', 'samples', 'astronaut.jpg'));
  await page.waitForFunction((before) => Number(document.body.dataset.runs) > before, run);
}
await page.screenshot({ path: process.argv[2] ?? 'page.jpg', type: 'jpeg', quality: 82 });
await browser.close();
server.close();
