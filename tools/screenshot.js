#!/usr/bin/env node
// Takes the pictures of the page in docs: `node tools/screenshot.js docs` after `make wasm`.
import { join } from 'node:path';
import { launch, open, root, serve } from '../tests/browser/helper.js';

const SHOTS = [
  { file: 'page.jpg', viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
  { file: 'page-phone.jpg', viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true, isMobile: true },
];

const folder = process.argv[2] ?? '.';
const server = await serve();
const browser = await launch();
for (const { file, ...options } of SHOTS) {
  const page = await open(browser, server.address, options);
  await page.waitForFunction(() => document.body.dataset.ready);
  // Several times, as a camera would: the first run is slow while the browser still compiles.
  for (let run = 0; run < 8; run++) {
    await page.setInputFiles('#file', join(root, 'www', 'samples', 'astronaut.jpg'));
    await page.waitForFunction((before) => Number(document.body.dataset.runs) > before, run);
  }
  await page.screenshot({ path: join(folder, file), type: 'jpeg', quality: 82 });
  await page.context().close();
}
await browser.close();
server.close();
