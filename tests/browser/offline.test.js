// The page without a network, its new versions, what is shared with it, and that it asks nobody else for anything.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, open, root, serve, server, weights, withPage } from './helper.js';

withPage();

/** The package keeps the weights. */
const keeps = existsSync(join(root, 'www', 'lib', 'weights-cache.js'));
const withWeights = { skip: weights() ? false : 'the shipped weights are not here' };
const detected = (page) => page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
/** Waits until the page is kept and its service worker is at work. */
const kept = (page) => page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated', null, { timeout: 60_000 });

test('after one visit the page works without a network', { skip: keeps ? withWeights.skip : 'weights are not kept yet' }, async () => {
  const page = await open(browser, server.address, { serviceWorkers: 'allow' });
  await detected(page);
  await kept(page);
  await page.context().setOffline(true);
  await page.reload();
  await detected(page);
  assert.match(await page.textContent('#detections'), /person/);
  await page.click('#samples button:nth-child(2)');
  await page.waitForFunction(() => /cat/.test(document.getElementById('detections').textContent));
  await page.click('.views a[href="#compare"]');
  await page.waitForSelector('#compare-table tbody tr');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('offline before the weights came says so, and goes on when there is a network', { skip: keeps ? withWeights.skip : 'weights are not kept yet' }, async () => {
  const page = await open(browser, server.address);
  await page.addInitScript(() => Object.defineProperty(navigator, 'onLine', { get: () => window.online === true }));
  await page.route('**/*.safetensors', (route) => route.abort());
  await page.evaluate(() => caches.keys().then((names) => Promise.all(names.map((name) => caches.delete(name)))));
  await page.reload();
  await page.waitForFunction(() => /You are offline/.test(document.getElementById('status').textContent), null, { timeout: 30_000 });
  await page.unroute('**/*.safetensors');
  await page.evaluate(() => {
    window.online = true;
    window.dispatchEvent(new Event('online'));
  });
  await detected(page);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('what is fetched when it is opened says without a network that there is none', withWeights, async () => {
  const page = await open(browser, server.address);
  await detected(page);
  await page.context().setOffline(true);
  await page.click('#open-save');
  await page.waitForFunction(() => /^You are offline.*Go online once/.test(document.getElementById('status').textContent));
  for (const view of ['compare', 'playground', 'evaluate']) {
    await page.click(`.views a[href="#${view}"]`);
    // The text of the view before may still stand there.
    await page.waitForFunction((view) => {
      const problem = document.getElementById('view-problem');
      return !document.getElementById(`view-${view}`).hidden && !problem.hidden && /^You are offline/.test(problem.textContent);
    }, view);
  }
  // With a network again, the view comes with its style sheet.
  await page.context().setOffline(false);
  await page.click('.views a[href="#detect"]');
  await page.click('.views a[href="#compare"]');
  await page.waitForSelector('#compare-table tbody tr');
  assert.ok(await page.evaluate(() => [...document.styleSheets].some(({ href }) => href?.endsWith('/compare.css'))));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

/** The page in a folder of its own, whose files a test may change. */
async function copied() {
  const folder = mkdtempSync(join(tmpdir(), 'ghostdet-site-'));
  cpSync(join(root, 'www'), join(folder, 'www'), { recursive: true });
  for (const name of ['weights', 'configs']) cpSync(join(root, name), join(folder, name), { recursive: true });
  return { folder, ...(await serve(folder)) };
}

test('a new version offers itself, and takes over when it may', withWeights, async () => {
  const site = await copied();
  const page = await open(browser, site.address, { serviceWorkers: 'allow' });
  await detected(page);
  await kept(page);
  const html = join(site.folder, 'www', 'index.html');
  writeFileSync(html, readFileSync(html, 'utf8').replace('Detects in this tab.', 'Detects in this very tab.'));
  await page.reload();
  await page.waitForSelector('#update:not([hidden])', { timeout: 60_000 });
  assert.match(await page.textContent('.tagline'), /in this tab/, 'the old version goes on meanwhile');
  await page.click('#update-now');
  await page.waitForFunction(() => /this very tab/.test(document.querySelector('.tagline')?.textContent), null, { timeout: 30_000 });
  const names = await page.evaluate(() => caches.keys().then((all) => all.filter((name) => name.startsWith('ghostdet-page-'))));
  assert.equal(names.length, 1, 'the old version is gone');
  // A file that is not what the list says: no half version takes over.
  assert.deepEqual(page.errors, []);
  await page.context().close();
  site.close();
});

test('pictures that another program shares are opened', withWeights, async () => {
  const page = await open(browser, server.address, { serviceWorkers: 'allow' });
  await detected(page);
  await kept(page);
  await page.evaluate(async () => {
    const form = new FormData();
    form.append('files', new File([await (await fetch('samples/cat.jpg')).blob()], 'my cat.jpg', { type: 'image/jpeg' }));
    await fetch('share', { method: 'POST', body: form });
  });
  await page.goto(`${server.address}#detect?shared=1`);
  await page.reload();
  await page.waitForFunction(() => /cat/.test(document.getElementById('detections').textContent), null, { timeout: 60_000 });
  assert.match(await page.getAttribute('#photo', 'alt'), /my cat\.jpg/);
  assert.doesNotMatch(page.url(), /shared/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('nobody else is asked for anything, and the policy of the page forbids it', withWeights, async () => {
  const context = await browser.newContext({ locale: 'en-US', serviceWorkers: 'allow' });
  const page = await context.newPage();
  const asked = [];
  const said = [];
  context.on('request', (request) => asked.push(request.url()));
  // The page's libraries are there only where they were bundled from npm; without the editor a plain field does.
  const expected = (message) => message.location().url.endsWith('/vendor/editor.js');
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !expected(message) && said.push(message.text()));
  await page.goto(server.address);
  await detected(page);
  for (const view of await page.locator('.views a').evaluateAll((links) => links.map((link) => link.hash))) {
    await page.click(`.views a[href="${view}"]`);
    await page.waitForTimeout(700);
  }
  await kept(page);
  const foreign = asked.filter((url) => !url.startsWith(server.address) && !/^(blob|data):/.test(url));
  assert.ok(asked.length > 20);
  assert.deepEqual(foreign, []);
  assert.deepEqual(said, [], 'an empty console');
  const blocked = await page.evaluate(() => fetch('https://example.com/').then(() => 'fetched', (error) => error.name));
  assert.equal(blocked, 'TypeError');
  assert.ok(said.some((text) => /Content.Security.Policy/i.test(text)));
  await context.close();
});

test('the page works in a folder of a site', withWeights, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ghostdet-site-'));
  cpSync(join(root, 'www'), join(folder, 'www', 'some', 'where'), { recursive: true });
  cpSync(join(root, 'weights'), join(folder, 'www', 'some', 'where', 'lib', 'weights'), { recursive: true });
  writeFileSync(join(folder, 'www', 'index.html'), '<title>elsewhere</title>');
  assert.ok(existsSync(join(folder, 'www', 'some', 'where', 'index.html')));
  const site = await serve(folder);
  const page = await open(browser, `${site.address}some/where/`, { serviceWorkers: 'allow' });
  await detected(page);
  assert.match(await page.textContent('#detections'), /person/);
  await page.click('.views a[href="#compare"]');
  await page.waitForSelector('#compare-table tbody tr');
  assert.deepEqual(page.errors, []);
  await page.context().close();
  site.close();
});

test('the manifest is whole', async () => {
  const { icons, share_target: share } = JSON.parse(readFileSync(join(root, 'www', 'manifest.webmanifest'), 'utf8'));
  for (const { src } of icons) assert.ok(existsSync(join(root, 'www', src)), src);
  assert.equal(share.method, 'POST');
});
