import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, drop, open, root, server, shared, weights, withPage } from './helper.js';

withPage();

const withWeights = { skip: weights() ? false : 'the shipped weights are not here' };
const loaded = (page) => page.waitForFunction(() => document.body.dataset.ready, null, { timeout: 60_000 });
const runs = (page) => page.evaluate(() => Number(document.body.dataset.runs ?? 0));
const drawn = (page) => page.evaluate(() => Number(document.getElementById('boxes').dataset.drawn ?? 0));
const slide = (page, id, value) =>
  page.locator(id).evaluate((input, value) => {
    input.value = value;
    input.dispatchEvent(new Event('input', { bubbles: true }));
  }, value);

async function lookAt(page, file) {
  // The page shows the first sample by itself.
  await page.waitForFunction(() => Number(document.body.dataset.runs ?? 0) >= 1, null, { timeout: 60_000 });
  const before = await runs(page);
  await page.setInputFiles('#file', file);
  await page.waitForFunction((before) => Number(document.body.dataset.runs ?? 0) > before, before, { timeout: 60_000 });
}

test('the panel counts what the article printed', async () => {
  const page = await open(browser, `${server.address}#compare`);
  const cells = () => page.locator('#compare-table tbody tr').evaluateAll((rows) =>
    rows.map((row) => [1, 3].map((i) => row.cells[i].textContent.replaceAll(',', ''))));
  await page.waitForSelector('#compare-table tbody tr');
  assert.deepEqual(await cells(), [['7033114', '16.0'], ['3695330', '8.2'], ['5098866', '10.8']]);
  await page.click('#preset-80');
  assert.equal((await cells())[2][0], '5301141');
  assert.equal((await cells())[2][1], '11.4');
  await page.fill('#nc', '0');
  await page.waitForSelector('#compare-error:not([hidden])');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a photo gets boxes, sliders choose others without another run', withWeights, async () => {
  const page = await open(browser, server.address);
  await loaded(page);
  assert.match(await page.textContent('#device'), /CPU \(SIMD(, \d threads)?\): (WebGPU runs in software here|no WebGPU here|measured faster than WebGPU here)/);
  await lookAt(page, join(root, 'www', 'samples', 'astronaut.jpg'));
  await page.waitForFunction(() => Number(document.getElementById('boxes').dataset.drawn ?? 0) >= 1);
  assert.match(await page.textContent('#detections'), /person/);
  const painted = await page.locator('#boxes').evaluate((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0));
  assert.ok(painted);

  const [before, few] = [await runs(page), await drawn(page)];
  await slide(page, '#conf', '0.02');
  await page.waitForFunction((few) => Number(document.getElementById('boxes').dataset.drawn) > few, few);
  await slide(page, '#conf', '0.95');
  await page.waitForFunction(() => document.getElementById('boxes').dataset.drawn === '0');
  assert.equal(await runs(page), before);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the camera is watched and let go', withWeights, async () => {
  const page = await open(browser, server.address, { viewport: { width: 390, height: 844 } });
  await loaded(page);
  await page.click('#camera');
  await page.waitForFunction(() => Number(document.body.dataset.runs ?? 0) >= 3, null, { timeout: 60_000 });
  assert.match(await page.textContent('#fps'), /^\d+\.\d$/);
  assert.ok(Number(await page.textContent('#ms-total')) >= Number(await page.textContent('#ms-network')));
  await page.click('#camera');
  assert.ok(await page.locator('#video').isHidden());
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

const checkpoint = join(shared, 'reference', 'checkpoints', 'yolov5n-ghost-backbone_nc3_half.pt');
test('of several shipped weights one is chosen', withWeights, async () => {
  const page = await open(browser, server.address);
  await loaded(page);
  const { weights: [first] } = JSON.parse(readFileSync(join(root, 'weights', 'manifest.json'), 'utf8'));
  // Without a SHA-256 it is kept in no cache.
  const second = { ...first, file: 'second.safetensors', model: 'the-second', sha256: undefined };
  await page.route('**/manifest.json', (route) => route.fulfill({ json: { weights: [first, second] } }));
  await page.reload();
  await loaded(page);
  await page.waitForSelector('#weights:not([hidden])');
  assert.equal(await page.inputValue('#weights'), first.file.replace('.safetensors', ''));
  assert.equal(await page.textContent('#weights-size'), '2.8 MB');
  await page.selectOption('#weights', 'second');
  await page.waitForFunction(() => document.getElementById('model-name').textContent.includes('second.safetensors'));
  assert.equal(await page.isVisible('#reset'), false, 'a shipped file is not a dropped one');
  await page.route('**/second.safetensors', (route) => route.fulfill({ status: 404 }));
  await page.selectOption('#weights', first.file.replace('.safetensors', ''));
  await page.waitForFunction(() => !document.getElementById('model-name').textContent.includes('second'));
  await page.selectOption('#weights', 'second');
  await page.waitForSelector('#status.bad').catch(async (error) => {
    throw new Error(`the status is "${await page.textContent('#status')}", the choice ${await page.inputValue('#weights')}: ${error.message}`);
  });
  assert.equal(await page.inputValue('#weights'), first.file.replace('.safetensors', ''), 'what is at work stays chosen');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('all shipped weights can be chosen and find the cat', withWeights, async () => {
  const page = await open(browser, server.address);
  await loaded(page);
  const { weights: entries } = JSON.parse(readFileSync(join(root, 'weights', 'manifest.json'), 'utf8'));
  await page.waitForSelector('#weights:not([hidden])');
  for (const { file, bytes, model } of entries.reverse()) {
    await page.selectOption('#weights', file.replace('.safetensors', ''));
    await page.waitForFunction((text) => document.getElementById('model-name').textContent.includes(text), model);
    assert.equal(await page.textContent('#weights-size'), `${(bytes / 1e6).toFixed(1)} MB`);
    await page.setInputFiles('#file', join(root, 'www', 'samples', 'cat.jpg'));
    await page.waitForFunction(() => /cat/.test(document.getElementById('detections').textContent), null, { timeout: 60_000 });
    // The next network shall find it by itself.
    await page.evaluate(() => document.getElementById('detections').replaceChildren());
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a dropped .pt says what it is', { skip: existsSync(checkpoint) ? false : 'no checkpoint here' }, async () => {
  const page = await open(browser, server.address);
  await page.waitForSelector('#samples button');
  await drop(page, 'mine.pt', readFileSync(checkpoint));
  await page.waitForFunction(() => document.getElementById('status').textContent.includes('mine.pt'), null, { timeout: 60_000 });
  assert.match(await page.textContent('#status'), /yolov5n-ghost-backbone, 3 classes, [\d,]+ parameters/);
  assert.equal(await page.textContent('#model-classes'), '3');
  await lookAt(page, join(root, 'www', 'samples', 'cat.jpg'));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('foreign files are refused in words', async () => {
  const page = await open(browser, server.address);
  await page.waitForSelector('#samples button');
  await drop(page, 'broken.pt', Buffer.from('not a checkpoint'));
  await page.waitForSelector('#status.bad');
  assert.match(await page.textContent('#status'), /^broken\.pt can't be used as weights: .*\. Open a YOLOv5 network as \.pt or \.safetensors\.$/);
  if (weights()) {
    await loaded(page);
    assert.match(await page.getAttribute('#status', 'class'), /bad/, 'the shipped weights come in late and say nothing');
  }
  await drop(page, 'notes.txt', Buffer.from('hello'), 'text/plain');
  await page.waitForFunction(() => document.getElementById('status').textContent.includes("notes.txt can't be opened. Open pictures, weights"));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the page speaks Chinese and fits a phone', async () => {
  const page = await open(browser, server.address, { viewport: { width: 360, height: 740 } });
  await page.waitForSelector('#samples button');
  await page.click('#language');
  assert.equal(await page.getAttribute('html', 'lang'), 'zh-CN');
  assert.equal((await page.textContent('#upload')).trim(), '打开文件');
  for (const view of ['detect', 'compare']) {
    await page.click(`.views a[href="#${view}"]`);
    await page.waitForSelector(view === 'detect' ? '#samples button' : '#compare-table tbody tr');
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${view} is ${wide} wide`);
  }
  assert.match(await page.textContent('#view-compare'), /参数量/);
  await page.context().close();
});
