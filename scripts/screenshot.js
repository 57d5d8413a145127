#!/usr/bin/env node
// Takes the README's picture of the page: `node scripts/screenshot.js docs/page.jpg` after `make wasm`.
import { join } from 'node:path';
import { launch, open, root, serve } from '../tests/browser/helper.js';

const server = await serve();
const browser = await launch();
const page = await open(browser, server.address, { viewport: { width: 1180, height: 1240 } });
await page.waitForFunction(() => document.body.dataset.ready);
await page.setInputFiles('#file', join(root, 'www', 'samples', 'astronaut.jpg'));
await page.waitForFunction(() => Number(document.body.dataset.runs) > 0);
await page.screenshot({ path: process.argv[2] ?? 'page.jpg', type: 'jpeg', quality: 82 });
await browser.close();
server.close();
