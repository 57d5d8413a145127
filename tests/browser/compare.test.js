// The Compare view measures by itself when nobody does anything, and says what came of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, open, server, withPage } from './helper.js';

withPage();

const measured = (page) => page.waitForFunction(() => /yolov5s-ghost takes [\d.]+ of the time of yolov5s/.test(document.getElementById('verdict').textContent), null, { timeout: 90_000 });
const busy = (page, on) => page.evaluate(async (on) => (await import('/js/app.js')).app.setBusy('live', on), on);

test('an idle page measures, says whether Ghost pays, and remembers it', async () => {
  const page = await open(browser, `${server.address}#compare`);
  await page.waitForSelector('#compare-table tbody tr');
  await measured(page);
  const verdict = await page.textContent('#verdict');
  assert.match(verdict, /^(Yes|No|Hardly): yolov5s-ghost .* 0\.5\d of the operations\. (Yes|No|Hardly): yolov5s-ghost-backbone/);
  assert.match(await page.textContent('#device-line'), /\d cores/);
  const card = await page.textContent('#card');
  assert.match(card, /^ghostdet \d+\.\d+\.\d+, \d{4}-\d\d-\d\d\nDevice: .*\nGPU: .*\nBrowser: .*/);
  assert.match(card, /yolov5s-ghost-backbone +[\d.]+ ms +[\d.]+/);
  await page.evaluate(() => (navigator.clipboard.writeText = async (text) => void (document.body.dataset.copied = text)));
  await page.click('#copy-card');
  assert.equal(await page.getAttribute('body', 'data-copied'), card);
  await page.reload();
  await page.waitForSelector('#compare-table tbody tr');
  await page.waitForSelector('#verdict:not(:empty)');
  assert.equal(await page.textContent('#verdict'), verdict, 'what is known is not measured again');
  await page.click('#language');
  assert.match(await page.textContent('#verdict'), /划算|差别不大/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('it waits while a camera runs, and for ever where somebody opted out', async () => {
  const page = await open(browser, `${server.address}#compare`);
  await page.waitForSelector('#verdict:not(:empty)');
  await busy(page, true);
  await page.waitForTimeout(6000);
  assert.match(await page.textContent('#verdict'), /Not measured yet/);
  await page.uncheck('#auto');
  await busy(page, false);
  await page.reload();
  await page.waitForSelector('#verdict:not(:empty)');
  assert.equal(await page.isChecked('#auto'), false, 'the choice is remembered');
  await page.waitForTimeout(5000);
  assert.match(await page.textContent('#verdict'), /Press/);
  await page.check('#auto');
  await measured(page);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('it measures only while it is shown', async () => {
  const page = await open(browser, `${server.address}#compare`);
  await page.waitForSelector('#measure-progress:not([hidden])', { timeout: 30_000 });
  await page.evaluate(() => (location.hash = '#evaluate'));
  await page.waitForFunction(() => document.getElementById('measure-progress').hidden);
  await page.waitForTimeout(5000);
  assert.ok(await page.evaluate(() => document.getElementById('measure-progress').hidden));
  await page.evaluate(() => (location.hash = '#compare'));
  await page.waitForSelector('#measure-progress:not([hidden])', { timeout: 30_000 });
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a camera that starts stops the measurement', async () => {
  const page = await open(browser, `${server.address}#compare`);
  await page.waitForSelector('#measure-progress:not([hidden])', { timeout: 30_000 });
  await busy(page, true);
  await page.waitForSelector('#measure-progress', { state: 'hidden' });
  assert.match(await page.textContent('#verdict'), /Not measured yet/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the fused kernels are told against what they are measured, and their button stays a question', async () => {
  const page = await open(browser, `${server.address}#compare`);
  await page.waitForSelector('#verdict:not(:empty)');
  const note = (times) => page.evaluate(async (times) => {
    (await import('/js/compare/executors.js')).restore({ size: 320, times });
    return document.getElementById('executors-note').textContent;
  }, times);
  const slow = await note({ cpu: 38, webgpu: 733, 'webgpu/burn-ops': 3812 });
  assert.match(slow, /save 81 % of the time of Burn's own operations: 5\.2 times as fast\. The CPU is faster than both: 19\.3 times/);
  assert.match(await note({ cpu: 38, webgpu: 40, 'webgpu/burn-ops': 30 }), /save nothing against Burn's own operations\.$/);
  assert.doesNotMatch(await note({ cpu: 38, webgpu: 7, 'webgpu/burn-ops': 30 }), /The CPU is/);
  const button = () => page.textContent('#measure-executors');
  const question = await button();
  await page.evaluate(async () => {
    const stop = new AbortController();
    const run = (await import('/js/compare/executors.js')).run(stop.signal);
    stop.abort();
    await run;
  });
  assert.equal(await button(), question);
  assert.match(question, /fused kernels/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
