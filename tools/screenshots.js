#!/usr/bin/env node
// Takes pictures of the page, from the sources, after `make wasm`:
//
//   node tools/screenshots.js docs           the two in docs
//   node tools/screenshots.js --all FOLDER   24: Detect at 360, 768 and 1440 px and the other views at one width each, light and dark, in
//                                            both languages, to look through before a release
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch, open, root, serve } from '../tests/browser/helper.js';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const TABLET = { viewport: { width: 768, height: 1024 }, hasTouch: true };
const DESK = { viewport: { width: 1440, height: 900 } };

const DOCS = [
  { file: 'page.jpg', view: 'detect', ...DESK, colorScheme: 'light', locale: 'en-US' },
  { file: 'page-phone.jpg', view: 'detect', ...PHONE, colorScheme: 'dark', locale: 'en-US' },
];

/** Views and their sizes. */
const LOOKS = [['detect', PHONE], ['detect', TABLET], ['detect', DESK], ['compare', PHONE], ['playground', TABLET], ['evaluate', DESK]];
const ALL = LOOKS.flatMap(([view, size]) => ['light', 'dark'].flatMap((colorScheme) => ['en-US', 'zh-CN'].map((locale) => ({
  file: `${view}-${size.viewport.width}-${colorScheme}-${locale.slice(0, 2)}.jpg`, view, ...size, colorScheme, locale, whole: view !== 'detect',
}))));

/** Waits until a view shows what it is for. */
const READY = {
  async detect(page) {
    await page.waitForFunction(() => document.body.dataset.ready);
    // Several times, as a camera would: the first run is slow while the browser still compiles.
    for (let run = 0; run < 8; run++) {
      await page.setInputFiles('#file', join(root, 'www', 'samples', 'astronaut.jpg'));
      await page.waitForFunction((before) => Number(document.body.dataset.runs) > before, run);
    }
  },
  async compare(page) {
    await page.waitForSelector('#compare-table tbody tr');
    await page.click('#measure');
    await page.waitForFunction(() => /ms/.test(document.querySelector('#compare-table tbody').textContent), null, { timeout: 120_000 });
  },
  playground: (page) => page.waitForFunction(() => /\d/.test(document.getElementById('play-parameters')?.textContent)),
  evaluate: (page) => page.waitForSelector('#view-evaluate[data-pair]', { timeout: 60_000 }),
};

const { values: { all }, positionals: [folder = '.'] } = parseArgs({ allowPositionals: true, options: { all: { type: 'boolean', default: false } } });
mkdirSync(folder, { recursive: true });
const server = await serve();
const browser = await launch();
for (const { file, view, whole = false, ...options } of all ? ALL : DOCS) {
  const page = await open(browser, `${server.address}#${view}`, options);
  await READY[view](page);
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(folder, file), type: 'jpeg', quality: 82, fullPage: whole });
  await page.context().close();
  console.log(join(folder, file));
}
await browser.close();
server.close();
