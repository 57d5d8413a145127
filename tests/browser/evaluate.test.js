// Precision, recall and mAP in the page: what the command line prints for the same pictures. And two networks on one picture.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { browser, open, root, server, weights, withPage } from './helper.js';

withPage();
const folder = mkdtempSync(join(tmpdir(), 'ghostdet-set-'));
after(() => rmSync(folder, { recursive: true }));

const withWeights = { skip: weights() ? false : 'the shipped weights are not here' };
const binary = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release', 'ghostdet');
const call = (...words) => execFileSync(binary, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const { weights: [{ names }] } = JSON.parse(readFileSync(join(root, 'weights', 'manifest.json'), 'utf8'));

/**
 * Pictures without loss, so that all decoders see the same pixels, labelled by the larger network: the samples, smaller, and left
 * and right exchanged.
 */
async function makeSet(page) {
  mkdirSync(join(folder, 'images/val'), { recursive: true });
  mkdirSync(join(folder, 'labels/val'), { recursive: true });
  const pictures = await page.evaluate(async () => {
    const made = {};
    for (const name of ['astronaut', 'cat', 'coffee', 'lifeboat']) {
      const bitmap = await createImageBitmap(await (await fetch(`/samples/${name}.jpg`)).blob());
      for (const [kind, scale, flip] of [['a', 0.5, false], ['b', 0.35, true], ['c', 0.8, true]]) {
        const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
        const context = canvas.getContext('2d');
        if (flip) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
        context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
        const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer());
        made[`${name}-${kind}`] = { png: Array.from(bytes), size: [canvas.width, canvas.height] };
      }
    }
    return made;
  });
  const images = [];
  const annotations = [];
  for (const [name, { png, size: [width, height] }] of Object.entries(pictures)) {
    const file = join(folder, 'images/val', `${name}.png`);
    writeFileSync(file, Uint8Array.from(png));
    const model = join(root, 'weights/yolov5s-ghost-backbone.safetensors');
    const { detections } = JSON.parse(call('detect', file, '--weights', model, '--conf', '0.15', '--json', '--device', 'cpu'));
    images.push({ id: images.length + 1, file_name: `val/${name}.png`, width, height });
    const lines = detections.map(({ class: id, box: [x1, y1, x2, y2] }) => {
      annotations.push({ id: annotations.length + 1, image_id: images.length, category_id: id + 1, bbox: [x1, y1, x2 - x1, y2 - y1], iscrowd: 0 });
      const clip = (value) => Math.min(1, Math.max(0, value)).toFixed(6);
      return [id, clip((x1 + x2) / 2 / width), clip((y1 + y2) / 2 / height), clip((x2 - x1) / width), clip((y2 - y1) / height)].join(' ');
    });
    writeFileSync(join(folder, 'labels/val', `${name}.txt`), lines.join('\n'));
  }
  writeFileSync(join(folder, 'data.yaml'), `path: .\ntrain: images/train\nval: images/val\nnames: [${names.map((name) => `"${name}"`).join(', ')}]\n`);
  const coco = mkdtempSync(join(folder, 'coco-'));
  writeFileSync(join(coco, 'set.json'), JSON.stringify({ images, annotations, categories: names.map((name, id) => ({ id: id + 1, name })) }));
  return join(coco, 'set.json');
}

/** Evaluates files of the folder with the module: `paths` by their name in the page. */
const inModule = (page, paths, options) => page.evaluate(async ({ paths, options, device }) => {
  const { Detector, evaluate, readDataset } = await import('/lib/index.js');
  const detector = await Detector.load({ device, size: 320 });
  const files = paths.map(({ path, bytes }) => Object.defineProperty(new File([Uint8Array.from(bytes)], path.split('/').pop()), 'path', { value: path }));
  const set = await readDataset(files, detector.info.labels);
  const report = await evaluate(detector, set.pictures, options);
  detector.dispose();
  return { ...report, kind: set.kind, warnings: set.warnings };
}, { paths: paths.map((path) => ({ path, bytes: [...readFileSync(join(folder, path))] })), options, device: 'cpu/float' });

/** The figures of both are the same: scores differ in the last digits, so a little is allowed. */
function same(page, line) {
  assert.equal(page.images, line.images);
  assert.equal(page.labels, line.labels);
  for (const key of ['map', 'map50', 'precision', 'recall']) {
    assert.ok(Math.abs(page[key] - line[key]) < 2e-3, `${key}: ${page[key]} in the page, ${line[key]} on the command line`);
  }
  assert.deepEqual(page.classes.map(({ name, labels }) => [name, labels]), line.classes.map(({ name, labels }) => [name, labels]));
  for (const [index, one] of page.classes.entries()) {
    assert.ok(Math.abs(one.map - line.classes[index].map) < 5e-3, `${one.name}: ${one.map} and ${line.classes[index].map}`);
  }
}

test('the module counts what the command line counts', withWeights, async (t) => {
  const page = await open(browser, `${server.address}#none`);
  const annotations = await makeSet(page);
  const stems = ['astronaut', 'cat', 'coffee', 'lifeboat'].flatMap((name) => ['a', 'b', 'c'].map((kind) => `${name}-${kind}`));
  const pictures = stems.map((stem) => `images/val/${stem}.png`);
  const labels = stems.map((stem) => `labels/val/${stem}.txt`);

  const line = JSON.parse(call('val', join(folder, 'data.yaml'), '--imgsz', '320', '--json', '--device', 'cpu/float'));
  const mine = await inModule(page, ['data.yaml', ...pictures, ...labels], {});
  t.diagnostic(`mAP50-95 ${mine.map.toFixed(6)} and ${line.map.toFixed(6)}, mAP50 ${mine.map50.toFixed(6)} and ${line.map50.toFixed(6)}`);
  assert.ok(line.labels > 10 && line.map > 0.05 && line.map < 0.95, `the set says something: ${line.labels} labels, ${line.map}`);
  same(mine, line);
  assert.equal(mine.kind, 'yolo');
  assert.deepEqual([mine.pictures.length, mine.failures, mine.warnings], [12, [], []]);
  assert.ok(mine.pictures.every(({ f1 }, i, all) => i === 0 || f1 >= all[i - 1].f1), 'the worst first');
  assert.equal(mine.pictures.reduce((sum, { right, missed }) => sum + right + missed, 0), line.labels);
  const noted = mine.confusion.filter(([, truth]) => truth < names.length).reduce((sum, [, , count]) => sum + count, 0);
  assert.equal(noted, line.labels, 'every label is in the confusion matrix once');

  const args = ['val', annotations, '--images', join(folder, 'images'), '--metric', 'coco', '--imgsz', '320', '--json', '--device', 'cpu/float'];
  const coco = await inModule(page, [annotations.slice(folder.length + 1), ...pictures], { metric: 'coco' });
  const cocoLine = JSON.parse(call(...args));
  same(coco, cocoLine);
  assert.equal(coco.kind, 'coco');
  assert.equal(coco.stats.length, 12);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the page shows them, and what is wrong with the files', withWeights, async () => {
  const page = await open(browser, `${server.address}#evaluate`);
  const requests = [];
  page.on('request', (request) => !['GET', 'HEAD'].includes(request.method()) && requests.push(request.url()));
  await page.waitForSelector('#check-folder');
  writeFileSync(join(folder, 'labels/val/cat-b.txt'), '85 0.5 0.5 0.1 0.1\n');
  writeFileSync(join(folder, 'images/val/broken.png'), 'not a picture');
  writeFileSync(join(folder, 'labels/val/broken.txt'), '0 0.5 0.5 0.1 0.1\n');
  await page.setInputFiles('#check-folder-input', folder);
  await page.waitForSelector('#check-report:not([hidden])', { timeout: 120_000 });
  const shown = await page.locator('#check-totals dd').allTextContents();
  const line = JSON.parse(callLoose('val', join(folder, 'data.yaml'), '--imgsz', '320', '--json', '--device', 'cpu'));
  for (const [index, key] of ['map', 'map50', 'precision', 'recall'].entries()) {
    assert.ok(Math.abs(Number(shown[index]) - line[key]) < 0.02, `${key}: ${shown[index]} and ${line[key]}`);
  }
  assert.equal(await page.locator('#check-classes tbody tr').count(), line.classes.length);
  assert.ok((await page.locator('#check-confusion tbody tr').count()) >= 2);
  assert.equal(await page.locator('#check-pictures li').count(), 11);
  await page.click('#check-warnings summary');
  const warnings = await page.textContent('#check-warnings');
  assert.match(warnings, /cat-b\.txt: line 1: class 85, but/);
  assert.match(warnings, /broken\.png/);
  assert.ok((await page.locator('#check-pictures canvas').first().evaluate((canvas) => canvas.width)) > 50);

  // Folders that say nothing end in a sentence.
  const file = (name, text) => ({ name, mimeType: '', buffer: Buffer.from(text) });
  for (const [files, expected] of [
    [[file('notes.txt', 'hello')], /no pictures here/],
    [[{ ...file('a.png', ''), buffer: readFileSync(join(folder, 'images/val/cat-a.png')) }], /none of the pictures has a label file/],
    [[{ ...file('a.png', ''), buffer: readFileSync(join(folder, 'images/val/cat-a.png')) }, file('classes.txt', 'drone\nkite ship\n'), file('a.txt', '0 .5 .5 .1 .1')], /none of the network's/],
  ]) {
    await page.setInputFiles('#check-files-input', files);
    await page.waitForFunction((source) => new RegExp(source).test(document.getElementById('check-problem').textContent), expected.source);
  }
  assert.deepEqual(requests, [], 'nothing is sent');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a check at another size leaves the comparison its own', withWeights, async () => {
  const page = await open(browser, `${server.address}#evaluate`);
  await page.waitForSelector('#view-evaluate[data-pair]', { timeout: 60_000 });
  await page.locator('#two-conf').evaluate((input) => {
    input.value = '0.02';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  /** Opens the picture anew and tells how much both found. */
  const found = async () => {
    await page.evaluate(() => delete document.getElementById('view-evaluate').dataset.pair);
    await page.click('#two-samples button:last-child');
    await page.waitForSelector('#view-evaluate[data-pair]', { timeout: 60_000 });
    return page.getAttribute('#view-evaluate', 'data-pair');
  };
  const before = await found();
  await page.selectOption('#check-size', '640');
  const picture = readFileSync(join(root, 'www/samples/cat.jpg'));
  await page.setInputFiles('#check-files-input', Array.from({ length: 200 }, (_, i) => [
    { name: `${i}.jpg`, mimeType: 'image/jpeg', buffer: picture },
    { name: `${i}.txt`, mimeType: 'text/plain', buffer: Buffer.from('15 .5 .5 .9 .9\n') },
  ]).flat());
  await page.waitForFunction(() => document.getElementById('check-progress').value > 0, null, { timeout: 60_000 });
  const during = await found();
  assert.ok(await page.isVisible('#check-stop'), 'the check is still at work');
  assert.equal(during, before, 'the comparison is at 320 pixels');
  await page.click('#check-stop');
  assert.equal(await found(), before);

  // And the check was at the other size.
  await page.setInputFiles('#check-files-input', [
    { name: 'cat.jpg', mimeType: 'image/jpeg', buffer: picture },
    { name: 'cat.txt', mimeType: 'text/plain', buffer: Buffer.from('15 .5 .5 .9 .9\n') },
  ]);
  await page.waitForSelector('#check-report:not([hidden])', { timeout: 60_000 });
  assert.match(await page.textContent('#check-status'), /640/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

/** Exit code 1 tells of the picture that can't be read; what was printed counts. */
function callLoose(...words) {
  try {
    return call(...words);
  } catch (error) {
    return error.stdout;
  }
}

test('one of something is told in the singular', withWeights, async () => {
  const page = await open(browser, `${server.address}#evaluate`);
  await page.waitForSelector('#check-files');
  await page.setInputFiles('#check-files-input', [
    { name: 'cat.jpg', mimeType: 'image/jpeg', buffer: readFileSync(join(root, 'www/samples/cat.jpg')) },
    { name: 'cat.txt', mimeType: 'text/plain', buffer: Buffer.from('15 .5 .5 .9 .9\n') },
    { name: 'bad.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') },
    { name: 'bad.txt', mimeType: 'text/plain', buffer: Buffer.from('15 .5 .5 .9 .9\n') },
  ]);
  await page.waitForSelector('#check-report:not([hidden])', { timeout: 60_000 });
  assert.match(await page.textContent('#check-status'), /^1 picture, 1 label, /);
  assert.equal(await page.textContent('#check-warnings summary'), '1 problem with the files');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('two networks beside each other on one picture', withWeights, async () => {
  const page = await open(browser, `${server.address}#evaluate`, { viewport: { width: 390, height: 844 } });
  const pair = () => page.getAttribute('#view-evaluate', 'data-pair');
  await page.waitForSelector('#view-evaluate[data-pair]', { timeout: 60_000 });
  assert.match(await page.textContent('#two-status'), /yolov5n-ghost-backbone: \d+ found in \d+ ms\. yolov5s-ghost-backbone: \d+ found/);
  const before = await pair();
  await page.locator('#two-conf').evaluate((input) => {
    input.value = '0.05';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  assert.notEqual(await pair(), before, 'a lower threshold shows more');
  const painted = (id) => page.locator(id).evaluate((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0));
  assert.ok((await painted('#two-left')) && (await painted('#two-right')));
  const stage = await page.locator('#two-stage').boundingBox();
  await page.mouse.move(stage.x + 200, stage.y + 100);
  await page.mouse.down();
  await page.mouse.move(stage.x + 60, stage.y + 100);
  await page.mouse.up();
  assert.ok(Number(await page.inputValue('#two-split')) < 25, 'the line follows the pointer');
  // Weights of one's own become the right network; what is no weights changes nothing.
  await page.setInputFiles('#two-weights-file', { name: 'broken.pt', mimeType: '', buffer: Buffer.from('no') });
  await page.waitForSelector('#two-problem:not([hidden])');
  assert.match(await page.textContent('#two-problem'), /^broken\.pt can't be used as weights: .*Open a YOLOv5 network/);
  assert.equal(await page.inputValue('#two-model-right'), 'yolov5s-ghost-backbone');
  const problem = (text) => page.waitForFunction((text) => document.getElementById('two-problem').textContent.includes(text), text);
  await page.setInputFiles('#two-weights-file', { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no') });
  await problem("notes.txt can't be opened. Open pictures, weights (.pt, .safetensors)");
  await page.selectOption('#two-model-right', 'yolov5n-ghost-backbone');
  await page.waitForFunction(() => / found in /.test(document.getElementById('two-status').textContent), null, { timeout: 60_000 });
  await page.setInputFiles('#two-file', { name: 'bad.png', mimeType: 'image/png', buffer: Buffer.from('no') });
  await problem("can't decode this picture: bad.png. Save it as JPEG or PNG");
  assert.equal(await page.textContent('#two-status'), '', 'no figures of the picture before');
  await page.setInputFiles('#two-weights-file', { name: 'mine.safetensors', mimeType: '', buffer: readFileSync(weights()) });
  await page.waitForFunction(() => /mine\.safetensors: \d+ found/.test(document.getElementById('two-status').textContent), null, { timeout: 60_000 });
  const mine = (name) => ({ name, mimeType: '', buffer: readFileSync(weights()) });
  await page.setInputFiles('#two-weights-file', [mine('old.safetensors'), mine('new.safetensors'), mine('more.safetensors')]);
  await page.waitForFunction(() => /^old\.safetensors: \d+ found .* new\.safetensors: \d+ found .* 1 other file was left out\.$/
    .test(document.getElementById('two-status').textContent), null, { timeout: 60_000 });
  const [left, right] = (await pair()).split(' ');
  assert.equal(left, right, 'the same network finds the same');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, `the page is ${wide} wide`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('without a network, a network that is not on the device is named; the other one is shown', withWeights, async () => {
  const page = await open(browser, server.address);
  await page.addInitScript(() => Object.defineProperty(navigator, 'onLine', { get: () => window.online === true }));
  await page.route('**/yolov5s-ghost-backbone.safetensors', (route) => route.abort());
  await page.goto(`${server.address}#evaluate`);
  await page.reload();
  await page.waitForFunction(() => /offline/.test(document.getElementById('two-problem')?.textContent), null, { timeout: 60_000 });
  assert.equal(await page.textContent('#two-problem'),
    'yolov5s-ghost-backbone is not on this device yet, and you are offline. Go online, or choose another network.');
  const painted = (id) => page.locator(id).evaluate((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0));
  assert.deepEqual([await painted('#two-left'), await painted('#two-right')], [true, false]);
  // As soon as there is a network, the page goes on by itself.
  await page.unroute('**/yolov5s-ghost-backbone.safetensors');
  await page.evaluate(() => {
    window.online = true;
    window.dispatchEvent(new Event('online'));
  });
  await page.waitForSelector('#view-evaluate[data-pair]', { timeout: 60_000 });
  assert.equal(await page.isVisible('#two-problem'), false);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the Evaluator takes any detections', async () => {
  const page = await open(browser, `${server.address}#none`);
  const seen = await page.evaluate(async () => {
    const { Evaluator, ready } = await import('/lib/index.js');
    await ready();
    const box = { x: 10, y: 10, width: 20, height: 20 };
    const evaluator = new Evaluator(['cat', 'dog']);
    const matches = evaluator.add(
      [{ classId: 0, box }, { classId: 1, box: { ...box, x: 100 } }],
      [{ label: 'cat', classId: 0, score: 0.9, box }, { label: 'dog', classId: 1, score: 0.8, box }, { label: 'dog', classId: 9, score: NaN, box }],
    );
    const report = evaluator.report();
    evaluator.free();
    let refused = '';
    try {
      new Evaluator(['a'], { metric: 'voc' });
    } catch (error) {
      refused = error.message;
    }
    return { matches, report, refused };
  });
  assert.deepEqual(seen.matches.slice(0, 2), [0, -1]);
  assert.deepEqual(seen.report.names, ['cat', 'dog']);
  assert.deepEqual(seen.report.classes.map(({ name, map50 }) => [name, map50 > 0.9]), [['cat', true], ['dog', false]]);
  assert.match(seen.refused, /yolo.*coco/);
  await page.context().close();
});

test('a class that is none is refused, and counts as no other', async () => {
  const page = await open(browser, `${server.address}#none`);
  const seen = await page.evaluate(async () => {
    const { Evaluator, ready } = await import('/lib/index.js');
    await ready();
    const box = { x: 10, y: 10, width: 20, height: 20 };
    const evaluator = new Evaluator(['cat', 'dog']);
    const said = [];
    for (const [truths, found] of [[-1, 0], [0, -1], [0.5, 0], [0, NaN], [undefined, 0]].map((pair) => pair.map((classId) => [{ label: '', classId, score: 0.9, box }]))) {
      try {
        evaluator.add(truths, found);
        said.push('taken');
      } catch ({ code, message }) {
        said.push(`${code}: ${message}`);
      }
    }
    const { images, labels } = evaluator.report();
    evaluator.free();
    return { said, images, labels };
  });
  assert.equal(seen.said.length, 5);
  for (const text of seen.said) assert.match(text, /^argument: add\(\): (truths|detections)\[0\]\.classId is /);
  assert.deepEqual([seen.images, seen.labels], [0, 0]);
  await page.context().close();
});

/** What `readDataset` makes of files by name, texts or bytes; pictures are taken to be 100 pixels wide and high. */
const inDataset = (page, texts, labels) => page.evaluate(async ({ texts, labels }) => {
  const { readDataset } = await import('/lib/index.js');
  const content = (text) => (typeof text === 'string' ? text : Uint8Array.from(text));
  const files = Object.entries(texts).map(([path, text]) => Object.defineProperty(new File([content(text)], path.split('/').pop()), 'path', { value: path }));
  try {
    const { kind, pictures, warnings } = await readDataset(files, labels);
    const truths = await Promise.all(pictures.map(({ truths }) => (typeof truths === 'function' ? truths(100, 100) : truths)));
    return { kind, names: pictures.map(({ name }) => name), classes: truths.flat().map(({ classId }) => classId), warnings };
  } catch ({ code, message }) {
    return { code, message };
  }
}, { texts, labels });

test("a network's YAML is not taken for data.yaml", async () => {
  const page = await open(browser, `${server.address}#none`);
  const set = { 'images/a.jpg': '', 'labels/a.txt': '1 .5 .5 .2 .2\n' };
  const model = readFileSync(join(root, 'configs/yolov5-ghost.yaml'), 'utf8');
  const data = 'nc: 2\nnames: [cat, dog]\n';
  for (const texts of [{ 'a-model.yaml': model, 'data.yaml': data }, { 'a-model.yaml': model, 'set.yaml': data }, { 'hyp.yaml': 'nc: 5\n', 'data.yaml': data }]) {
    const found = await inDataset(page, { ...texts, ...set }, ['dog', 'cat']);
    assert.deepEqual(found, { kind: 'yolo', names: ['images/a.jpg'], classes: [0], warnings: [] }, Object.keys(texts).join(' '));
  }
  const alone = await inDataset(page, { 'a-model.yaml': model, ...set }, ['dog', 'cat']);
  assert.deepEqual(alone.classes, [1], 'without names, numbers count');
  await page.context().close();
});

test('COCO without categories is read by its ids, and says so; lists that are none are errors of the data', async () => {
  const page = await open(browser, `${server.address}#none`);
  const coco = (ids, more) => ({
    'a.jpg': '', 'set.json': JSON.stringify({
      images: [{ id: 7, file_name: 'a.jpg', width: 100, height: 100 }],
      annotations: ids.map((category_id, id) => ({ id, image_id: 7, category_id, bbox: [1, 2, 30, 40] })), ...more,
    }),
  });
  const cases = [
    [coco([1, 13, 90]), names, [0, 11, 79], /as COCO's own/],
    [coco([1, 12, 80]), names, [0, 11, 79], /counted from 1 \(person\)/],
    [coco([0, 79]), names, [0, 79], /counted from 0 \(person\)/],
    [coco([1, 2]), ['cat', 'dog'], [0, 1], /counted from 1 \(cat\)/],
    [coco([5, 7]), ['5', '7'], [0, 1], /taken as names/],
    [coco([2], { categories: [] }), ['cat', 'dog'], [1], /counted from 1 \(cat\)/],
  ];
  for (const [texts, labels, classes, expected] of cases) {
    const found = await inDataset(page, texts, labels);
    assert.deepEqual([found.kind, found.classes], ['coco', classes], JSON.stringify(found));
    assert.match(found.warnings.join(), expected);
  }
  const beyond = await inDataset(page, coco([3, 200]), ['cat', 'dog', 'cow']);
  assert.equal(beyond.code, 'data');
  assert.match(beyond.message, /3, 200.* none of the network's/);
  for (const [more, expected] of [[{ annotations: { 1: {} } }, /annotations is an object; a list/], [{ annotations: 'none' }, /annotations is a string/], [{ categories: { id: 1 } }, /categories is an object/]]) {
    const found = await inDataset(page, coco([1], more), names);
    assert.equal(found.code, 'data', JSON.stringify(found));
    assert.match(found.message, expected);
  }
  await page.context().close();
});

test('of several COCO files the one with the most boxes for the pictures is taken, and named', async () => {
  const page = await open(browser, `${server.address}#none`);
  const images = (...names) => names.map((file_name, id) => ({ id, file_name, width: 100, height: 100 }));
  const boxes = (...pairs) => pairs.map(([image_id, category_id], id) => ({ id, image_id, category_id, bbox: [1, 2, 30, 40] }));
  const categories = [{ id: 1, name: 'cat' }, { id: 2, name: 'dog' }];
  const json = (value) => JSON.stringify(value);
  const captions = json({ images: images('a.jpg', 'b.jpg'), annotations: [0, 0, 1, 1, 1].map((image_id, id) => ({ id, image_id, caption: 'an animal' })) });
  const cats = json({ images: images('a.jpg', 'b.jpg'), annotations: boxes([0, 1]), categories: categories.slice(0, 1) });
  const val = json({ images: images('A.JPG', 'b.jpg'), annotations: boxes([0, 1], [1, 2]), categories });
  // More boxes than any other, but for pictures that are elsewhere.
  const train = json({ images: images('c.jpg', 'd.jpg'), annotations: boxes([0, 2], [0, 2], [1, 2]), categories });
  const pictures = { 'val/a.jpg': '', 'val/b.jpg': '' };
  const all = { 'ann/captions_val.json': captions, 'ann/cat_keypoints_val.json': cats, 'ann/instances_train.json': train, 'ann/instances_val.json': val };
  for (const names of [Object.keys(all), Object.keys(all).reverse()]) {
    const found = await inDataset(page, { ...pictures, ...Object.fromEntries(names.map((name) => [name, all[name]])) }, ['cat', 'dog']);
    assert.deepEqual(found, {
      kind: 'coco', names: ['val/a.jpg', 'val/b.jpg'], classes: [0, 1],
      warnings: ['ann/instances_val.json is taken: of 4 COCO files none has more boxes for these pictures (2)'],
    });
  }
  // As many boxes in both: the name decides.
  for (const names of [['instances.json', 'person.json'], ['person.json', 'instances.json']]) {
    const found = await inDataset(page, { ...pictures, [names[0]]: val, [names[1]]: val }, ['cat', 'dog']);
    assert.deepEqual(found.warnings, ['instances.json is taken: of 2 COCO files none has more boxes for these pictures (2)']);
  }
  const alone = await inDataset(page, { ...pictures, 'other.json': '{"images": 3}', 'broken.json': '{', 'ann/val.json': val }, ['cat', 'dog']);
  assert.deepEqual([alone.classes, alone.warnings], [[0, 1], []]);
  await page.context().close();
});

/** Two pictures to train on and one to validate on. */
const DIVIDED = {
  'set/images/train/a.jpg': '', 'set/labels/train/a.txt': '0 .5 .5 .2 .2\n', 'set/images/train/c.jpg': '', 'set/labels/train/c.txt': '0 .5 .5 .2 .2\n',
  'set/images/val/b.jpg': '', 'set/labels/val/b.txt': '1 .5 .5 .2 .2\n',
};

test('val may be a path of another computer or a list; where it names nothing, that is told', async () => {
  const page = await open(browser, `${server.address}#none`);
  const read = (val, more = {}) =>
    inDataset(page, { ...DIVIDED, ...more, 'set/data.yaml': `path: .\ntrain: images/train\nval: ${val}\nnames: [cat, dog]\n` }, ['cat', 'dog']);
  const only = { kind: 'yolo', names: ['set/images/val/b.jpg'], classes: [1], warnings: [] };
  const list = (text) => ({ 'set/val.txt': text });
  for (const [val, more] of [
    ['images/val'], ['./Images/Val/'], ['../images/val'], ['/home/me/d/images/val'], ['C:\\d\\images\\val'], ["'D:/set/images/val/'"], ['images/val/b.jpg'],
    ['val.txt', list('./images/val/b.jpg\n')],
    ['val.txt', list('\uFEFF.\\images\\val\\b.jpg\r\n\r\n')],
    ['./val.txt', list('"C:\\d\\images\\val\\b.jpg"\n')],
    ['/home/me/d/val.txt', list("'/home/me/d/images/val/b.jpg'\n")],
    ['lists/val.txt', { 'set/lists/val.txt': '../images/val/b.jpg\n' }],
    ['val.txt', { 'set/val.txt': [...Buffer.from('\uFEFFimages/val/b.jpg\r\n', 'utf16le')] }],
  ]) {
    assert.deepEqual(await read(val, more), only, `${val} ${JSON.stringify(more)}`);
  }
  assert.deepEqual(await read('[images/val, images/new]'), { ...only, warnings: ['set/data.yaml: val: images/new is not among the files'] });
  assert.deepEqual(await read('val.txt', list('images/val/b.jpg\n/home/me/d/images/val/e.jpg\n/home/me/d/images/test/a.jpg\n')), {
    ...only,
    warnings: [2, 3].map((line) => `set/val.txt: line ${line}: /home/me/d/images/${['val/e', 'test/a'][line - 2]}.jpg is none of the files; left out`),
  });
  const many = await read('val.txt', list(`images/val/b.jpg\n${'none.jpg\n'.repeat(300)}`));
  assert.deepEqual([many.names, many.warnings.length, many.warnings[200]], [only.names, 201, 'and 100 problems more']);
  for (const [val, more] of [['images/valid'], ['/home/me/d/images/valid'], ['val.txt'], ['val.txt', list('/home/me/d/images/test/a.jpg\n')], ['/home/me/val']]) {
    const found = await read(val, more);
    assert.deepEqual(found.names, ['set/images/train/a.jpg', 'set/images/train/c.jpg', 'set/images/val/b.jpg'], val);
    assert.deepEqual(found.warnings, [`set/data.yaml: val: ${val} names no picture among the files: all are taken, those to train on, too`]);
  }
  assert.deepEqual((await read('.')).warnings, [], 'the folder itself');
  await page.context().close();
});

test('text in UTF-16 is read, with and without a byte order mark', async () => {
  const page = await open(browser, `${server.address}#none`);
  const encodings = {
    'UTF-8 with a mark': (text) => Buffer.from(`\uFEFF${text}`),
    'UTF-16LE with a mark': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'),
    'UTF-16BE with a mark': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16(),
    'UTF-16LE': (text) => Buffer.from(text, 'utf16le'),
    'UTF-16BE': (text) => Buffer.from(text, 'utf16le').swap16(),
  };
  const label = '1 .5 .5 .2 .2\r\n';
  const coco = JSON.stringify({
    images: [{ id: 7, file_name: 'a.jpg' }], annotations: [{ id: 1, image_id: 7, category_id: 2, bbox: [1, 2, 30, 40] }],
    categories: [{ id: 1, name: 'dog' }, { id: 2, name: 'Katze (müde)' }],
  });
  for (const [name, encode] of Object.entries(encodings)) {
    const bytes = (text) => [...encode(text)];
    for (const [kind, texts] of [
      ['labels', { 'a.jpg': '', 'a.txt': bytes(label), 'classes.txt': 'dog\nKatze (müde)\n' }],
      ['names', { 'a.jpg': '', 'a.txt': label, 'classes.txt': bytes('dog\r\nKatze (müde)\r\n') }],
      ['data.yaml', { 'a.jpg': '', 'a.txt': label, 'data.yaml': bytes('names:\r\n  0: dog\r\n  1: Katze (müde)\r\n') }],
      ['a list', { 'a.jpg': '', 'b.jpg': '', 'a.txt': label, 'l.txt': bytes('a.jpg\r\n'), 'data.yaml': 'val: l.txt\nnames: [dog, "Katze (müde)"]\n' }],
      ['COCO', { 'a.jpg': '', 'set.json': bytes(coco) }],
    ]) {
      const found = await inDataset(page, texts, ['Katze (müde)', 'dog']);
      assert.deepEqual([found.names, found.classes, found.warnings], [['a.jpg'], [0], []], `${kind} in ${name}: ${JSON.stringify(found)}`);
    }
  }
  // Old Macs' lines, and DOS's end of a file.
  const old = await inDataset(page, { 'a.jpg': '', 'a.txt': '0 .5 .5 .2 .2\r1 .5 .5 .2 .2\r\x1A' }, ['cat', 'dog']);
  assert.deepEqual([old.classes, old.warnings], [[0, 1], []]);
  await page.context().close();
});
