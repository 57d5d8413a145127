// The Playground view: a YAML that is counted while one types, run on random weights, and shared by a link.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, open, root, server, withPage } from './helper.js';

withPage();

/** The view with the plain field, as where nothing was bundled; with `bundled`, with CodeMirror. */
async function start({ hash = '#playground', bundled = false, ...options } = {}) {
  const page = await open(browser, `${server.address}#none`, options);
  if (!bundled) await page.route('**/vendor/editor.js', (route) => route.fulfill({ status: 404 }));
  await page.goto(`${server.address}${hash}`);
  await page.reload();
  await page.waitForSelector('#play-table tbody tr');
  return page;
}

const text = (page) => page.inputValue('#play-editor textarea');
const figures = (page) => page.evaluate(() =>
  ['parameters', 'parameters-change', 'gflops', 'rows'].map((id) => document.getElementById(`play-${id}`).textContent));
const write = async (page, value) => {
  await page.fill('#play-editor textarea', value);
  await page.waitForTimeout(300);
};

test('rows are counted as one types, and what changed stands out', async () => {
  const page = await start();
  assert.deepEqual(await figures(page), ['3,897,605', '−46.1 % against yolov5s', '8.88', '25']);
  await page.selectOption('#play-base', 'yolov5s');
  await page.waitForFunction(() => document.getElementById('play-parameters').textContent === '7,235,389');
  assert.equal((await figures(page))[1], 'as much as yolov5s');
  assert.equal(await page.locator('#play-table tr.differs').count(), 0);
  const before = await text(page);
  const line = before.split('\n').findIndex((one) => /C3, \[512\]/.test(one)) + 1;
  await write(page, before.replace('C3, [512]', 'C3Ghost, [512]'));
  assert.match((await figures(page))[1], /^−\d/);
  const changed = page.locator('#play-table tr.differs');
  assert.equal(await changed.count(), 1);
  assert.match(await changed.textContent(), /C3Ghost.*C3.*−/s);
  assert.equal(await page.locator('#play-editor .gutter li.changed').count(), 1);
  await changed.locator('button').click();
  const caret = await page.locator('#play-editor textarea').evaluate((field) => field.value.slice(0, field.selectionStart).split('\n').length);
  assert.equal(caret, line, 'a row leads to its line');
  await page.fill('#play-nc', '5');
  assert.notEqual((await figures(page))[0], '7,235,389');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the YAML says the number of classes, unless one is typed into the field', async () => {
  const page = await start();
  assert.deepEqual([await page.inputValue('#play-nc'), await page.getAttribute('#play-nc', 'placeholder')], ['', '80']);
  await write(page, (await text(page)).replace('nc: 80', 'nc: 3'));
  assert.deepEqual((await figures(page)).slice(0, 2), ['3,689,936', '−47.5 % against yolov5s'], 'both networks have 3 classes');
  assert.equal(await page.getAttribute('#play-nc', 'placeholder'), '3');
  assert.equal(await page.textContent('#play-classes-note'), '');
  await page.fill('#play-nc', '80');
  assert.equal((await figures(page))[0], '3,897,605');
  assert.match(await page.textContent('#play-classes-note'), /with 80 classes.*in place of the YAML's nc: 3/);
  for (const wrong of ['0', '-1', '1.5', '10001']) {
    await page.fill('#play-nc', wrong);
    assert.match(await page.textContent('#play-error'), /whole number from 1 to 10,000/);
    assert.ok(await page.locator('.play-cost.stale').count());
  }
  await page.fill('#play-nc', '');
  assert.ok(await page.isHidden('#play-error'));
  assert.equal((await figures(page))[0], '3,689,936');
  // The number of a link counts; a later link without one has its YAML's.
  await page.click('#play-share');
  await page.waitForFunction(() => location.hash.includes('y='));
  const hash = await page.evaluate(() => location.hash);
  assert.doesNotMatch(hash, /nc=/);
  await page.evaluate((hash) => (location.hash = `${hash}&nc=80`), hash);
  await page.waitForFunction(() => document.getElementById('play-parameters').textContent === '3,897,605');
  await page.evaluate((hash) => (location.hash = hash), hash);
  await page.waitForFunction(() => document.getElementById('play-parameters').textContent === '3,689,936');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('errors stand at their line and break nothing', async () => {
  const page = await start();
  const good = await text(page);
  const lines = good.split('\n');
  const at = lines.findIndex((one) => one.includes('GhostConv'));
  for (const bad of [
    lines.with(at, lines[at].replace('GhostConv', 'GohstConv')).join('\n'),
    lines.with(at, lines[at].replace('[', '[[')).join('\n'), '', '- [', 'nc: 80\n', '{'.repeat(3000), '\u0000', 'a: &a [*a, *a]',
    lines.with(at, '  - [99, 1, Conv, [64]]').join('\n'),
  ]) {
    await write(page, bad);
    assert.ok(await page.isVisible('#play-error'), `an error for ${bad.slice(0, 40)}`);
    assert.ok((await page.textContent('#play-error')).length > 10);
    assert.ok(await page.locator('.play-cost.stale').count());
  }
  await write(page, lines.with(at, lines[at].replace('GhostConv', 'GohstConv')).join('\n'));
  assert.match(await page.textContent('#play-error'), new RegExp(`Line ${at + 1}: .*GohstConv.*GhostConv`, 's'));
  assert.equal(await page.locator('#play-editor .gutter li.wrong').count(), 1);
  await write(page, good);
  assert.ok(await page.isHidden('#play-error'));
  assert.equal((await figures(page))[0], '3,897,605');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the error is in the window while one types, and a broken network says why it does not run', async () => {
  for (const viewport of [{ width: 1440, height: 900 }, { width: 360, height: 740 }]) {
    const page = await start({ viewport });
    const field = page.locator('#play-editor textarea');
    await field.evaluate((one) => one.scrollIntoView({ block: 'nearest' }));
    await write(page, (await text(page)).replace('GhostConv', 'GohstConv'));
    const { y, height } = await page.locator('#play-error').boundingBox();
    assert.ok(y > 0 && y + height <= viewport.height, `the error at ${y} of ${viewport.height}`);
    await page.click('#play-run');
    assert.match(await page.textContent('#play-ran'), /can't run\. Line \d+: .*GohstConv/s);
    await write(page, (await text(page)).replace('GohstConv', 'GhostConv'));
    assert.equal(await page.textContent('#play-ran'), '');
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test('a text of 10 MB is refused in a sentence', async () => {
  const page = await start();
  const before = await text(page);
  await page.locator('#play-editor textarea').evaluate((field) => {
    field.value = 'a'.repeat(10e6);
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
  assert.match(await page.textContent('#play-told'), /at most 64 kB/);
  assert.equal(await text(page), before);
  await page.setInputFiles('#play-file', { name: 'big.yaml', mimeType: 'text/yaml', buffer: Buffer.alloc(1e6, 'a') });
  assert.equal(await text(page), before);
  await page.setInputFiles('#play-file', { name: 'mine.yaml', mimeType: 'text/yaml', buffer: Buffer.from(before.replace('nc: 80', 'nc: 7')) });
  await page.waitForFunction(() => document.querySelector('#play-editor textarea').value.includes('nc: 7'));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a picture that is dropped on the editor is refused in a sentence', async () => {
  const page = await start();
  const before = await text(page);
  const png = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13];
  // Once as a browser hands it over, twice under another name: no UTF-8, and UTF-8 with zeros.
  for (const [name, type, bytes] of [['dog.png', 'image/png', png], ['dog.yaml', '', png], ['zeros.yaml', '', [110, 99, 0, 58]]]) {
    await page.locator('#play-editor').evaluate((editor, [name, type, bytes]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([Uint8Array.from(bytes)], name, { type }));
      editor.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    }, [name, type, bytes]);
    await page.waitForFunction((name) => document.getElementById('play-told').textContent.includes(`${name} is no text`), name);
    assert.equal(await text(page), before);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a link carries the YAML and the settings', async () => {
  const page = await start();
  await write(page, (await text(page)).replace('nc: 80', 'nc: 80  # 我的'));
  await page.fill('#play-nc', '3');
  await page.selectOption('#play-versus', 'yolov5n');
  await page.selectOption('#play-run-size', '160');
  await page.click('#play-share');
  await page.waitForFunction(() => location.hash.includes('y='));
  assert.match(await page.textContent('#play-told'), /link/);
  const [hash, shown, mine] = [await page.evaluate(() => location.hash), await figures(page), await text(page)];
  const other = await start({ hash });
  assert.equal(await text(other), mine);
  assert.deepEqual(await figures(other), shown);
  assert.equal(await other.inputValue('#play-run-size'), '160');
  const base = () => other.locator('#play-base').evaluate((one) => one.selectedOptions[0].textContent);
  assert.equal(await base(), 'from the link');
  await write(other, 'nc: 3');
  await other.click('#play-reset');
  assert.equal(await text(other), mine, 'back to the start is back to the link');
  await other.selectOption('#play-base', 'yolov5m');
  await other.waitForFunction(() => document.querySelector('#play-editor textarea').value.includes('width_multiple: 0.75'));
  await other.click('#play-share');
  await other.waitForFunction(() => document.getElementById('play-told').textContent.includes('link'));
  await other.reload();
  await other.waitForSelector('#play-table tbody tr');
  assert.equal(await base(), 'yolov5m', 'a shipped network has its name');
  await other.context().close();
  // Half of a link, and one that unpacks to far more than a configuration is.
  const half = await start({ hash: hash.replace(/y=([^&]{40})[^&]*/, 'y=$1') });
  assert.match(await half.textContent('#play-told'), /can't be read/);
  const bomb = await half.evaluate(async () => {
    const stream = new Blob(['a'.repeat(50e6)]).stream().pipeThrough(new CompressionStream('deflate-raw'));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  });
  await half.evaluate((y) => (location.hash = `#playground?y=${y}`), bomb);
  await half.waitForFunction(() => document.getElementById('play-told').textContent.includes("can't be read"));
  assert.deepEqual([...page.errors, ...half.errors], []);
  await half.context().close();
  await page.context().close();
});

test('the network runs here on random weights, and rows get their times', async () => {
  const page = await start({ hash: '#playground?vs=yolov5n' });
  await page.selectOption('#play-base', 'yolov5n-ghost');
  await page.selectOption('#play-run-size', '160');
  await page.click('#play-run');
  await page.waitForFunction(() => /this network [\d.]+ ms, yolov5n [\d.]+ ms/.test(document.getElementById('play-ran').textContent), null, { timeout: 60_000 });
  assert.match(await page.textContent('#play-ran'), /of the operations in [\d.]+ of the time/);
  const times = await page.locator('#play-table tbody tr').evaluateAll((rows) => rows.map((row) => Number(row.cells[3].textContent)));
  assert.equal(times.length, 25);
  // Concatenations and upsampling are part of other rows.
  assert.ok(times.filter((time) => time > 0).length >= 15, `most rows take time: ${times}`);
  assert.equal(await page.locator('#play-table .pair i.time').count(), 25);
  await write(page, `${await text(page)}\n# other\n`);
  assert.match(await page.textContent('#play-ran'), /run it again/);
  await page.selectOption('#play-base', 'yolov5x');
  await write(page, (await text(page)).replace('width_multiple: 1.25', 'width_multiple: 4.0'));
  await page.click('#play-run');
  assert.match(await page.textContent('#play-ran'), /too large to run/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the network runs on WebGPU, too, through the fused kernels and through Burn\'s operations', async (t) => {
  const page = await start({ hash: '#playground?vs=yolov5n' });
  if (!(await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter())))) return t.skip('no WebGPU adapter here');
  await page.selectOption('#play-base', 'yolov5n-ghost');
  await page.selectOption('#play-run-size', '160');
  for (const [device, name] of [['webgpu', 'WebGPU'], ['webgpu/burn-ops', "WebGPU (Burn's own operations)"]]) {
    await page.selectOption('#play-where', device);
    await page.click('#play-run');
    await page.waitForFunction((name) => {
      const text = document.getElementById('play-ran').textContent;
      return text.includes(`${name}, `) && /this network [\d.]+ ms, yolov5n [\d.]+ ms/.test(text);
    }, name, { timeout: 120_000 });
  }
  await page.click('#language');
  assert.equal(await page.locator('#play-where option').last().textContent(), 'WebGPU（Burn 自带算子）');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

const vendored = existsSync(join(root, 'www/vendor/editor.js'));
test('CodeMirror shows the same errors and refuses the same texts', { skip: vendored ? false : 'the editor is not bundled (make vendor)' }, async () => {
  const page = await start({ bundled: true });
  assert.equal(await page.getAttribute('#play-editor', 'data-editor'), 'codemirror');
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('nonsense: [\n');
  await page.waitForSelector('#play-error:not([hidden])');
  await page.waitForSelector('.cm-lint-marker-error');
  const [{ y, height }, lines, editor, column] = await Promise.all(['#play-error', '.cm-editor', '#play-editor', '.play-edit'].map((one) => page.locator(one).boundingBox()));
  assert.ok(y + height <= 800, `the error at ${y} is in the window`);
  assert.equal(editor.width, column.width);
  assert.ok(lines.width <= editor.width, 'long lines scroll beside their numbers');
  for (let i = 0; i < 12; i++) await page.keyboard.press('Control+z');
  await page.waitForSelector('#play-error', { state: 'hidden' });
  await page.locator('.cm-content').evaluate((content) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', 'a'.repeat(10e6));
    content.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  });
  await page.waitForFunction(() => document.getElementById('play-told').textContent.includes('64 kB'));
  assert.equal((await figures(page))[0], '3,897,605');
  assert.ok(await page.locator('.cm-changed').count() > 0, 'rows that differ are marked in the text');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('in the module: errors carry line and column, rows their line, measure() each row', async () => {
  const page = await open(browser, `${server.address}#none`);
  const seen = await page.evaluate(async () => {
    const { configuration, measure, ready, summarize } = await import('/lib/index.js');
    await ready();
    const yaml = configuration('yolov5n-ghost');
    const caught = (call) => {
      try {
        call();
      } catch ({ code, line, column, message }) {
        return { code, line, column, message };
      }
    };
    const [measured] = await measure([yaml], { nc: 3, size: 64, rounds: 2, profile: true });
    return {
      error: caught(() => summarize(yaml.replace('C3Ghost', 'C3Gohst'))),
      nameless: caught(() => configuration('yolov9')),
      lines: summarize(yaml).rows.map(({ line }) => yaml.split('\n')[line - 1]),
      at: yaml.split('\n').findIndex((one) => one.includes('C3Ghost')) + 1,
      column: yaml.split('\n').find((one) => one.includes('C3Ghost')).indexOf('C3Ghost') + 1,
      measured,
    };
  });
  assert.deepEqual([seen.error.code, seen.error.line, seen.error.column], ['config', seen.at, seen.column]);
  assert.equal(seen.nameless.code, 'argument');
  assert.ok(seen.lines.every((line) => line.includes('[')), 'rows begin where they are written');
  assert.equal(seen.measured.rows.length, 25);
  assert.ok(seen.measured.rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0) > 0);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
