// The page as it is built for a static server (tools/site): the core path, use without a network, new versions, size.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serveFolder } from '../../packaging/harness/serve.js';
import { buildSite } from '../../tools/site/build.js';
import { LIMIT, ownSizes } from '../../tools/site/size.js';
import { launch, open, root, weights } from './helper.js';

const withWeights = { skip: weights() ? false : 'the shipped weights are not here' };
const detected = (page) => page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
const kept = (page) => page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated', null, { timeout: 60_000 });
const folder = mkdtempSync(join(tmpdir(), 'ghostdet-built-'));
let browser;
let server;

/** Builds into the folder that is served, and lists its files. */
async function build(options = {}) {
  await buildSite(folder, options);
  execFileSync(join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release', 'xtask'), ['precache', folder]);
}

before(async () => {
  await build();
  // In a folder of a site, as project pages are.
  server = await serveFolder(folder, { path: '/ghostdet/' });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.close();
  rmSync(folder, { recursive: true });
});

test('the page finds something, has few files, opens all views and the camera, and asks nobody else', withWeights, async () => {
  const context = await browser.newContext({ locale: 'en-US', serviceWorkers: 'allow' });
  const page = await context.newPage();
  const asked = [];
  const said = [];
  context.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && said.push(message.text()));
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('requestfailed', (request) => said.push(`failed: ${request.url()}`));
  page.on('response', (answer) => answer.status() >= 400 && said.push(`${answer.status()}: ${answer.url()}`));
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => window.violations.push(`${violatedDirective}: ${blockedURI}`));
  });
  await page.goto(server.address);
  await detected(page);
  assert.match(await page.textContent('#detections'), /person/);
  const scripts = asked.filter((url) => url.endsWith('.js'));
  assert.equal(scripts.length, 2, `the page and its worker: ${scripts.join(' ')}`);
  await page.click('#camera');
  await page.waitForFunction(() => Number(document.getElementById('fps').textContent) > 0, null, { timeout: 30_000 });
  await page.click('#camera');
  await page.click('#open-save');
  await page.waitForSelector('#save[open]');
  await page.click('#save-close');
  for (const [view, sign] of [['compare', '#compare-table tbody tr'], ['playground', '#view-playground .cm-content, #view-playground textarea'], ['evaluate', '#two-photo']]) {
    await page.click(`.views a[href="#${view}"]`);
    await page.waitForSelector(sign, { timeout: 30_000 });
    const styled = await page.evaluate((name) => [...document.styleSheets].some(({ href }) => href?.includes(`/${name}-`)), view);
    assert.ok(styled, `${view} has its style sheet`);
  }
  await page.waitForTimeout(500);
  // What was not built is missing, here as in the sources.
  const expected = (text) => /burn.*wasm/.test(text) || (/404/.test(text) && !existsSync(join(root, 'www', 'lib', 'pkg', 'burn')));
  assert.deepEqual(said.filter((text) => !expected(text)), []);
  assert.deepEqual(asked.filter((url) => !url.startsWith(server.address) && !/^(blob|data):/.test(url)), []);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await context.close();
});

test('after one visit it works without a network', withWeights, async () => {
  const page = await open(browser, server.address, { serviceWorkers: 'allow' });
  await detected(page);
  await kept(page);
  await page.context().setOffline(true);
  await page.reload();
  await detected(page);
  assert.match(await page.textContent('#detections'), /person/);
  for (const [view, sign] of [['compare', '#compare-table tbody tr'], ['playground', '#view-playground'], ['evaluate', '#two-photo']]) {
    await page.click(`.views a[href="#${view}"]`);
    await page.waitForSelector(sign, { timeout: 30_000 });
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a new version offers itself, and takes over when it may', withWeights, async () => {
  const page = await open(browser, server.address, { serviceWorkers: 'allow' });
  await detected(page);
  await kept(page);
  const before = readdirSync(join(folder, 'assets'));
  await build({ change: (text, path) => (path.endsWith('main.js') ? `${text}\ndocument.body.dataset.version = 'next';\n` : text) });
  const changed = readdirSync(join(folder, 'assets')).filter((name) => !before.includes(name));
  assert.ok(changed.length >= 1 && changed.every((name) => name.endsWith('.js')), `other names for what changed: ${changed.join(' ')}`);
  await page.reload();
  await detected(page);
  await page.waitForSelector('#update:not([hidden])', { timeout: 60_000 });
  assert.equal(await page.evaluate(() => document.body.dataset.version), undefined, 'the old version goes on meanwhile');
  // A view that is opened only now is of the old version, too, though its file is gone from the server.
  await page.click('.views a[href="#compare"]');
  await page.waitForSelector('#compare-table tbody tr');
  await page.click('#update-now');
  await page.waitForFunction(() => document.body?.dataset.version === 'next', null, { timeout: 30_000 });
  await page.click('.views a[href="#detect"]');
  await detected(page);
  const names = await page.evaluate(() => caches.keys().then((all) => all.filter((name) => name.startsWith('ghostdet-page-'))));
  assert.equal(names.length, 1, 'the old version is gone');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('two builds of the same sources are equal', async () => {
  const list = () => readdirSync(folder, { recursive: true }).sort().join('\n');
  await build();
  const [names, precache] = [list(), readFileSync(join(folder, 'precache.json'), 'utf8')];
  await build();
  assert.equal(list(), names);
  assert.equal(readFileSync(join(folder, 'precache.json'), 'utf8'), precache);
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE', 'THIRD-PARTY.txt', 'lib/weights/manifest.json', 'manifest.webmanifest', 'sw.js']) assert.ok(existsSync(join(folder, name)), name);
});

test('the page’s own JavaScript, all views but the playground, stays under 40 kB', async (t) => {
  const sizes = await ownSizes();
  const sum = sizes.reduce((all, { brotli }) => all + brotli, 0);
  t.diagnostic(sizes.map(({ name, brotli }) => `${name} ${brotli}`).join(', '));
  assert.ok(sizes.some(({ name, brotli }) => name === 'evaluate.js' && brotli > 3000), 'the views are counted');
  assert.ok(sum < LIMIT && LIMIT <= 40_000, `${sum} bytes`);
});
