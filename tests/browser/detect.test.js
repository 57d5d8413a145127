// The Detect view: a result at once, boxes and list, enlarging, settings in the address, keys, what can be taken away.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, open, root, server, weights, withPage } from './helper.js';

withPage();

const withWeights = { skip: weights() ? false : 'the shipped weights are not here' };
/** A page that has detected the first sample. */
async function opened(options = {}, hash = '') {
  const page = await open(browser, server.address + hash, options);
  await page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
  return page;
}
const runs = (page) => page.evaluate(() => Number(document.body.dataset.runs ?? 0));
/** Opens files and waits for the next run. */
async function give(page, files) {
  const before = await runs(page);
  await page.setInputFiles('#file', files);
  await page.waitForFunction((before) => Number(document.body.dataset.runs) > before, before, { timeout: 60_000 });
}
const selected = (page) => page.locator('#detections li[aria-selected="true"]').evaluateAll((items) => items.map((item) => [...item.parentElement.children].indexOf(item)));

test('there is a result before any click, and on a phone it stands right below the picture', withWeights, async () => {
  const page = await opened({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  assert.match(await page.textContent('#detections'), /person/);
  const tops = await page.evaluate(() => ['stage', 'detections', 'settings'].map((id) => document.getElementById(id).getBoundingClientRect().top));
  assert.deepEqual(tops, tops.toSorted((a, b) => a - b), 'picture, list, settings');
  assert.ok(tops[1] < 640, `the list begins at ${tops[1]}`);
  assert.equal(await page.locator('#settings').evaluate((details) => details.open), false);
  assert.match(await page.textContent('#live'), /Found: \d+ person/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('boxes and list highlight each other by mouse, finger and keys', withWeights, async () => {
  const page = await opened({}, '#detect?conf=0.05');
  const many = await page.locator('#detections li').count();
  assert.ok(many >= 2, `${many} weak detections`);
  await page.hover('#detections li:nth-child(2)');
  assert.deepEqual(await selected(page), [1]);
  const stage = await page.locator('#stage').boundingBox();
  await page.mouse.move(stage.x + stage.width / 2, stage.y + stage.height / 2);
  assert.equal((await selected(page)).length, 1, 'the box under the mouse');
  await page.mouse.move(stage.x + 3, stage.y + 3);
  assert.deepEqual(await selected(page), []);
  await page.focus('#stage');
  await page.keyboard.press('ArrowRight');
  assert.deepEqual(await selected(page), [0]);
  await page.keyboard.press('ArrowLeft');
  assert.deepEqual(await selected(page), [many - 1]);
  await page.keyboard.press('Escape');
  assert.deepEqual(await selected(page), []);
  await page.focus('#detections');
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.getAttribute('#detections', 'aria-activedescendant'), 'found-0');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('two fingers enlarge, one moves, boxes stay sharp and in place', withWeights, async () => {
  const page = await opened({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
  const pinched = await page.evaluate(async () => {
    const stage = document.getElementById('stage');
    const { left, top, width, height } = stage.getBoundingClientRect();
    const [x, y] = [left + width / 2, top + height / 2];
    const send = (type, id, dx) => stage.dispatchEvent(new PointerEvent(type, { pointerId: id, pointerType: 'touch', clientX: x + dx, clientY: y, bubbles: true, button: 0, buttons: 1 }));
    send('pointerdown', 1, -30);
    send('pointerdown', 2, 30);
    for (let i = 1; i <= 6; i++) send('pointermove', 1, -30 - 10 * i), send('pointermove', 2, 30 + 10 * i);
    send('pointerup', 1, -90);
    send('pointerup', 2, 90);
    const first = document.getElementById('photo').style.transform;
    send('pointerdown', 3, 0);
    send('pointermove', 3, 40);
    send('pointerup', 3, 40);
    const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById('boxes'));
    return { first, second: document.getElementById('photo').style.transform, canvas: canvas.width, stage: stage.clientWidth };
  });
  const parts = (transform) => transform.match(/-?[\d.]+/g).map(Number);
  assert.ok(Math.abs(parts(pinched.first)[2] - 3) < 0.05, pinched.first);
  assert.ok(Math.abs(parts(pinched.second)[0] - parts(pinched.first)[0] - 40) < 1, pinched.second);
  assert.equal(pinched.canvas, pinched.stage * 2, 'the canvas has the screen’s pixels');
  await page.tap('#zoom-reset');
  assert.equal(await page.locator('#photo').evaluate((image) => image.style.transform), '');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('settings stand in the address, and are remembered', withWeights, async () => {
  const page = await opened();
  await page.locator('#conf').evaluate((input) => {
    input.value = '0.6';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await page.selectOption('#size', '224');
  assert.match(page.url(), /#detect\?conf=0\.60&size=224$/);
  await page.goto(server.address);
  await page.reload();
  await page.waitForFunction(() => document.getElementById('size').value === '224', null, { timeout: 60_000 });
  assert.equal(await page.inputValue('#conf'), '0.6');
  await page.evaluate(() => (location.hash = '#detect?conf=0.33'));
  await page.waitForFunction(() => document.getElementById('conf').value === '0.33');
  await page.goto(`${server.address}#detect?size=77`);
  await page.reload();
  await page.waitForFunction(() => document.getElementById('size').value === '96', null, { timeout: 60_000 });
  assert.deepEqual(await page.locator('#size option').evaluateAll((all) => all.map(({ value }) => Number(value)).filter((side) => side % 32)), []);
  await page.goto(`${server.address}#detect?conf=nonsense&size=-3&weights=nosuch&classes=unicorn&device=toaster`);
  await page.reload();
  await page.waitForFunction(() => document.body.dataset.runs, null, { timeout: 60_000 });
  assert.match(await page.textContent('#detections'), /person/, 'nonsense in the address is passed over');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a pasted address changes network input, classes and device', withWeights, async () => {
  const page = await opened();
  const before = await runs(page);
  await page.evaluate(() => (location.hash = '#detect?size=160&classes=cat,dog'));
  await page.waitForFunction((before) => Number(document.body.dataset.runs) > before, before);
  assert.equal(await page.inputValue('#size'), '160');
  assert.match(await page.textContent('#classes-count'), /2 of 80/);
  await page.evaluate(() => (location.hash = '#detect?device=cpu'));
  await page.waitForFunction(() => /^CPU/.test(document.getElementById('device').textContent) && document.getElementById('place').value === 'cpu');
  // Another view was open meanwhile.
  await page.evaluate(() => (location.hash = '#compare'));
  await page.waitForSelector('#compare-table tbody tr');
  await page.evaluate(() => (location.hash = '#detect?conf=0.77'));
  await page.waitForFunction(() => document.getElementById('conf').value === '0.77');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('all classes switched off is said, and kept', withWeights, async () => {
  const page = await opened();
  await page.locator('.classes').evaluate((details) => (details.open = true));
  await page.click('#classes-none');
  const off = () => document.getElementById('nothing').textContent === 'All classes are switched off. Choose some in the settings.';
  await page.waitForFunction(off);
  assert.match(page.url(), /classes=$/);
  await page.reload();
  await page.waitForFunction(() => document.body.dataset.runs, null, { timeout: 60_000 });
  await page.waitForFunction(off);
  assert.equal(await page.textContent('#classes-count'), '0 of 80');
  await page.locator('.classes').evaluate((details) => (details.open = true));
  await page.click('#classes-all');
  await page.waitForFunction(() => document.getElementById('detections').textContent.includes('person'));
  await page.locator('#conf').evaluate((input) => {
    input.value = '0.95';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await page.waitForFunction(() => /^Nothing above the confidence/.test(document.getElementById('nothing').textContent) && !document.getElementById('nothing').hidden);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('storage may be forbidden', withWeights, async () => {
  const context = await browser.newContext({ locale: 'en-US' });
  await context.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage', 'caches', 'indexedDB']) {
      Object.defineProperty(window, name, { get: () => { throw new DOMException('forbidden', 'SecurityError'); } });
    }
  });
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(server.address);
  await page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
  assert.match(await page.textContent('#detections'), /person/);
  await page.click('#language');
  assert.equal(await page.getAttribute('html', 'lang'), 'zh-CN');
  assert.deepEqual(errors, []);
  await context.close();
});

test('the map of keys opens under ?, and keys work', withWeights, async () => {
  const page = await opened();
  await page.locator('body').press('?');
  assert.ok(await page.isVisible('#keys'));
  assert.ok((await page.locator('#keys-list dt').count()) >= 10);
  await page.uncheck('#keys-on');
  await page.keyboard.press('Escape');
  await page.locator('body').press('s');
  await page.waitForTimeout(300);
  assert.equal(await page.isVisible('#save'), false, 'switched off');
  await page.click('#help');
  await page.check('#keys-on');
  await page.click('#keys-close');
  await page.locator('body').press('s');
  await page.waitForSelector('#save[open]');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

/** Presses a button of the dialog and reads what is downloaded. */
async function take(page, button) {
  await page.click('#open-save');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
  return { name: download.suggestedFilename(), path: await download.path() };
}

test('a picture and its lists are taken away', withWeights, async () => {
  const page = await opened();
  const size = (path) => execFileSync('python3', ['-c', 'import sys, struct; b = open(sys.argv[1], "rb").read(); print(b[:4].hex(), *struct.unpack(">II", b[16:24]))', path], { encoding: 'utf8' }).trim();
  const png = await take(page, '#save-png');
  assert.equal(png.name, 'astronaut-boxes.png');
  assert.equal(size(png.path), '89504e47 512 512');
  const jpeg = await take(page, '#save-jpeg');
  assert.equal(readFileSync(jpeg.path).subarray(0, 2).toString('hex'), 'ffd8');
  const json = JSON.parse(readFileSync((await take(page, '#save-json')).path, 'utf8'));
  assert.equal(json[0].source, 'astronaut.jpg');
  assert.equal(json[0].detections[0].name, 'person');
  const yolo = readFileSync((await take(page, '#save-yolo')).path, 'utf8').trim().split('\n');
  assert.equal(yolo.length, json[0].detections.length);
  const [, x, , width] = yolo[0].split(' ').map(Number);
  assert.ok(Math.abs((x - width / 2) * 512 - json[0].detections[0].box[0]) < 0.02, 'the same box');
  assert.match(readFileSync((await take(page, '#save-csv')).path, 'utf8'), /^file,time.*\nastronaut\.jpg,,0,person/);
  const coco = JSON.parse(readFileSync((await take(page, '#save-coco')).path, 'utf8'));
  assert.equal(coco.categories.length, 80);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('five lines of JavaScript do what the page does', withWeights, async () => {
  const page = await opened({ permissions: ['clipboard-read', 'clipboard-write', 'camera'] }, '#detect?conf=0.4');
  await page.click('#open-save');
  await page.click('#save-copy');
  await page.waitForSelector('#save-code:not([hidden])');
  const code = await page.textContent('#save-code');
  assert.equal(code.trim().split('\n').length, 5);
  assert.match(code, /conf: 0\.4/);
  // The code, run as it stands but for the name of the package.
  const drawn = await page.evaluate(async (code) => {
    const image = document.querySelector('img');
    image.src = 'samples/cat.jpg';
    const canvas = document.createElement('canvas');
    document.body.prepend(canvas);
    const AsyncFunction = (async () => {}).constructor;
    const body = code.replace(/^import .*\n/, "const { Detector, draw } = await import(new URL('lib/index.js', document.baseURI));\n");
    return AsyncFunction(`${body}\nreturn { size: [document.querySelector('canvas').width], labels: result.detections.map(({ label }) => label) };`)();
  }, code);
  assert.deepEqual(drawn.size, [451]);
  assert.ok(drawn.labels.includes('cat'));
  await page.context().close();
});

test('code for weights that the package does not bring names a file', withWeights, async () => {
  const page = await opened({}, '#detect?weights=yolov5s-ghost-backbone');
  const text = await page.evaluate(async () => (await import('/js/detect/code.js')).code());
  assert.match(text, /model: '\/path\/to\/yolov5s-ghost-backbone\.safetensors'/);
  await page.context().close();
});

test('pictures opened before the network is there are looked at when it is', withWeights, async () => {
  let go = () => {};
  const page = await open(browser, `${server.address}samples/cat.jpg`);
  await page.route('**/weights/*.safetensors', async (route) => {
    await new Promise((resolve) => (go = resolve));
    await route.continue();
  });
  await page.goto(server.address);
  await page.waitForSelector('#file', { state: 'attached' });
  await page.waitForFunction(() => document.querySelector('[data-i18n]') && document.getElementById('status').textContent);
  const sample = (name) => ({ name, mimeType: 'image/jpeg', buffer: readFileSync(join(root, 'www', 'samples', name)) });
  await page.setInputFiles('#file', [sample('cat.jpg'), sample('coffee.jpg')]);
  await page.waitForFunction(() => /^0 of 2/.test(document.getElementById('gallery-text').textContent));
  go();
  await page.waitForFunction(() => /^2 of 2/.test(document.getElementById('gallery-text').textContent), null, { timeout: 60_000 });
  assert.match(await page.textContent('#detections'), /cat/, 'the first one is shown');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('many files fill a strip, and are exported in one piece', withWeights, async () => {
  const page = await opened();
  const sample = (name) => ({ name: `folder ${name}`, mimeType: 'image/jpeg', buffer: readFileSync(join(root, 'www', 'samples', name)) });
  await page.setInputFiles('#file', [
    sample('astronaut.jpg'), sample('cat.jpg'), { name: 'broken.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') }, sample('coffee.jpg'),
  ]);
  await page.waitForFunction(() => /^4 of 4/.test(document.getElementById('gallery-text').textContent), null, { timeout: 60_000 });
  assert.match(await page.textContent('#gallery-text'), /1 could not be read.*1 other file was left out/);
  assert.equal(await page.locator('#thumbnails img').count(), 3);
  await page.click('#thumbnails button:nth-child(2)');
  await page.waitForFunction(() => /cat/.test(document.getElementById('detections').textContent));
  await page.click('#thumbnails button:nth-child(3)');
  await page.waitForFunction(() => /broken\.jpg/.test(document.getElementById('status').textContent));
  assert.deepEqual(await empty(page), EMPTY, 'nothing is found in what is no picture');
  const { name, path } = await take(page, '#save-yolo');
  assert.equal(name, 'pictures-yolo.zip');
  const listed = execFileSync('python3', ['-m', 'zipfile', '-l', path], { encoding: 'utf8' });
  for (const file of ['labels/folder astronaut.txt', 'labels/folder cat.txt', 'labels/folder coffee.txt', 'classes.txt']) assert.ok(listed.includes(file), listed);
  const all = await take(page, '#save-zip');
  assert.match(execFileSync('python3', ['-m', 'zipfile', '-l', all.path], { encoding: 'utf8' }), /folder coffee\.jpg/);
  // Other settings choose among what was found, without the network.
  const [before, objects] = [await runs(page), async () => Number((await page.textContent('#gallery-text')).match(/(\d+) objects/)[1])];
  const many = await objects();
  await page.locator('#conf').fill('0.6');
  assert.ok((await objects()) < many && (await objects()) > 0, `${await objects()} of ${many}`);
  const rows = readFileSync((await take(page, '#save-csv')).path, 'utf8').trim().split('\n').slice(1);
  assert.equal(rows.length, await objects());
  await page.locator('#conf').fill('0.05');
  assert.ok((await objects()) > many);
  assert.doesNotMatch(await page.textContent('#gallery-text'), /Again/);
  await page.locator('#iou').fill('0.7');
  assert.match(await page.textContent('#gallery-text'), /press “Again”/);
  assert.equal(await runs(page), before);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

/** What the list, its hint and the times say. */
const empty = (page) => page.evaluate(() => {
  const get = (id) => document.getElementById(id);
  return [get('count').value, get('detections').children.length, get('brief').textContent, get('nothing').hidden, get('ms-network').value, get('empty').hidden];
});
const EMPTY = ['0', 0, '', true, '–', false];

test('the list is empty when nothing is shown', withWeights, async () => {
  const page = await opened();
  assert.notEqual((await empty(page))[0], '0');
  await page.setInputFiles('#file', { name: 'text.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('hello') });
  await page.waitForFunction(() => /text\.jpg/.test(document.getElementById('status').textContent));
  assert.deepEqual(await empty(page), EMPTY);
  await page.click('#camera');
  await page.waitForFunction(() => document.getElementById('ms-network').value !== '–');
  await page.click('#camera');
  assert.deepEqual(await empty(page), EMPTY);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

/** A GIF of 64 x 64 pixels, a frame for each colour. */
function animation(colours, side = 64) {
  const word = (value) => [value & 255, value >> 8];
  // Codes of three bits: clear (4), two pixels, and so on, so that the table never grows.
  const frame = (pixel) => {
    const codes = [];
    for (let i = 0; i < side * side; i += 2) codes.push(4, pixel, pixel);
    const bits = [...codes, 5].map((code) => [code & 1, (code >> 1) & 1, code >> 2]).flat();
    const bytes = Array.from({ length: Math.ceil(bits.length / 8) }, (_, i) => bits.slice(8 * i, 8 * i + 8).reduce((sum, bit, k) => sum | (bit << k), 0));
    const blocks = [];
    for (let i = 0; i < bytes.length; i += 255) blocks.push(Math.min(255, bytes.length - i), ...bytes.slice(i, i + 255));
    return [0x21, 0xf9, 4, 0, ...word(10), 0, 0, 0x2c, 0, 0, 0, 0, ...word(side), ...word(side), 0, 2, ...blocks, 0];
  };
  const table = Array.from({ length: 4 }, (_, i) => colours[i] ?? [0, 0, 0]).flat();
  const repeat = [0x21, 0xff, 11, ...Buffer.from('NETSCAPE2.0'), 3, 1, 0, 0, 0];
  return Buffer.from([...Buffer.from('GIF89a'), ...word(side), ...word(side), 0x91, 0, 0, ...table, ...repeat, ...colours.flatMap((_, i) => frame(i)), 0x3b]);
}

test('an animated picture stands still on the frame that the network saw', withWeights, async () => {
  const page = await opened();
  const shown = () => page.evaluate(async () => (await (await fetch(document.getElementById('photo').src)).blob()).type);
  for (const [colours, type] of [[[[255, 0, 0], [0, 255, 0]], 'image/png'], [[[255, 0, 0]], 'image/gif']]) {
    const before = await runs(page);
    await page.setInputFiles('#file', { name: 'moving.gif', mimeType: 'image/gif', buffer: animation(colours) });
    await page.waitForFunction((before) => Number(document.body.dataset.runs) > before, before);
    assert.equal(await shown(), type);
    assert.equal(await page.evaluate(() => document.getElementById('photo').naturalWidth), 64);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('files that are left out are counted, in the singular and the plural', withWeights, async () => {
  const page = await opened();
  const cat = { name: 'cat.jpg', mimeType: 'image/jpeg', buffer: readFileSync(join(root, 'www/samples/cat.jpg')) };
  const clip = { name: 'clip.mp4', mimeType: 'video/mp4', buffer: Buffer.from('no video') };
  const text = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') };
  const network = (name) => ({ name, mimeType: '', buffer: readFileSync(weights()) });
  const says = (pattern) => page.waitForFunction((source) => new RegExp(source).test(document.getElementById('status').textContent), pattern.source, { timeout: 60_000 });
  for (const [files, pattern] of [
    [[cat, clip], /^CPU.* 1 other file was left out\.$/],
    [[cat, clip, text], /^CPU.* 2 other files were left out\.$/],
    [[clip, { ...clip, name: 'other.mp4' }], /can't play clip\.mp4 .* 1 other file was left out\.$/],
    [[network('a.safetensors'), network('b.safetensors')], /a\.safetensors: .* 1 other file was left out\.$/],
    [[text, text], /notes\.txt.* 1 other file was left out\.$/],
  ]) {
    await page.setInputFiles('#file', files);
    await says(pattern);
  }
  await page.click('#samples button:nth-child(2)');
  await page.waitForFunction(() => !/left out/.test(document.getElementById('status').textContent));
  await page.setInputFiles('#file', [cat, { ...cat, name: 'again.jpg' }, text]);
  await page.waitForFunction(() => /2 of 2 pictures, \d+ objects?\. 1 other file was left out\./.test(document.getElementById('gallery-text').textContent), null, { timeout: 60_000 });
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('of pictures and videos opened at once the last one stays', withWeights, async () => {
  const page = await opened();
  await page.waitForFunction(() => document.getElementById('status').textContent.startsWith('CPU'));
  const picture = { name: 'cat.jpg', mimeType: 'image/jpeg', buffer: readFileSync(join(root, 'www/samples/cat.jpg')) };
  const film = { name: 'clip.mp4', mimeType: 'video/mp4', buffer: Buffer.from('no video') };
  await page.evaluate((files) => {
    for (const { name, mimeType, bytes } of files) {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: mimeType }));
      window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
  }, [picture, film, picture, film].map(({ buffer, ...rest }) => ({ ...rest, bytes: buffer.toString('base64') })));
  await page.waitForFunction(() => /can't play clip\.mp4/.test(document.getElementById('status').textContent));
  // A picture whose opening was under way doesn't come back.
  await page.waitForTimeout(500);
  assert.equal(await page.evaluate(() => document.getElementById('photo').naturalWidth * Number(!document.getElementById('photo').hidden)), 0);
  assert.match(await page.textContent('#status'), /can't play clip\.mp4/);
  assert.equal(await page.locator('#detections li').count(), 0);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('two thousand files are worked on one by one, and can be cancelled', withWeights, async () => {
  const page = await opened({}, '#detect?size=160');
  await page.evaluate(async () => {
    const blob = await (await fetch('samples/cat.jpg')).blob();
    const transfer = new DataTransfer();
    for (let i = 0; i < 2000; i++) transfer.items.add(new File([blob], `${i}.jpg`, { type: 'image/jpeg' }));
    document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer }));
  });
  await page.waitForFunction(() => /^([5-9]|\d\d+) of 2000/.test(document.getElementById('gallery-text').textContent), null, { timeout: 60_000 });
  await page.click('#gallery-stop');
  assert.equal(await page.textContent('#gallery-stop'), 'Go on');
  const stopped = await runs(page);
  await page.waitForTimeout(500);
  assert.ok((await runs(page)) <= stopped + 1, 'it has stopped');
  await page.click('#gallery-stop');
  await page.waitForFunction((before) => Number(document.body.dataset.runs) > before + 3, stopped, { timeout: 60_000 });
  await page.click('#gallery-close');
  assert.ok(await page.isHidden('#gallery'));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
