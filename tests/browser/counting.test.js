// Objects that are followed on the page: numbers, a line and a zone to drag, counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, open, server, weights, withPage } from './helper.js';

withPage();

const withWeights = { skip: weights() ? false : 'the shipped weights are not here' };

/** Opens a recording in which the cat walks from left to right. */
async function openWalk(page) {
  await page.evaluate(async () => {
    const image = await createImageBitmap(await (await fetch('samples/cat.jpg')).blob());
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 320 });
    const paint = canvas.getContext('2d');
    const media = canvas.captureStream(0);
    const recorder = new MediaRecorder(media, { mimeType: 'video/webm;codecs=vp8', videoBitsPerSecond: 4_000_000 });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopped = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (let i = 0; i < 24; i++) {
      paint.fillStyle = '#777';
      paint.fillRect(0, 0, 640, 320);
      paint.drawImage(image, 10 + i * 13, 40, 300, 200);
      media.getVideoTracks()[0].requestFrame();
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    recorder.stop();
    await stopped;
    const transfer = new DataTransfer();
    transfer.items.add(new File(parts, 'walk.webm', { type: 'video/webm' }));
    document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer }));
  });
  await page.waitForSelector('#transport:not([hidden])');
}

test('a cat that walks over a line is counted once, with one number', withWeights, async () => {
  const page = await open(browser, server.address);
  await page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
  await openWalk(page);
  await page.click('#add-line');
  assert.equal(await page.isChecked('#track'), true);
  // The line lies across; it is put upright in the middle: from top to bottom, so that inwards is to the left.
  const place = await page.evaluate(() => {
    const { left, top, width, height } = document.getElementById('stage').getBoundingClientRect();
    const scale = Math.min(width / 640, height / 320);
    return { x: left + (width - 640 * scale) / 2, y: top + (height - 320 * scale) / 2, width: 640 * scale, height: 320 * scale };
  });
  for (const [index, y] of [[0, 0.05], [1, 0.95]]) {
    const box = await page.locator('.handle').nth(index).boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(place.x + 0.5 * place.width, place.y + y * place.height, { steps: 4 });
    await page.mouse.up();
  }
  // Arrow keys move a point, too.
  const before = await page.locator('.handle').first().evaluate((node) => parseFloat(node.style.left));
  await page.locator('.handle').first().press('ArrowRight');
  assert.ok((await page.locator('.handle').first().evaluate((node) => parseFloat(node.style.left))) > before);
  await page.click('#every');
  await page.waitForFunction(() => /Looked at \d+ frames/.test(document.getElementById('status').textContent), null, { timeout: 90_000 });
  // It stays at the last frame, with the counts of all.
  await page.waitForFunction(() => document.querySelector('#counts tbody tr td + td')?.textContent === '1', null, { timeout: 20_000 });
  const cells = await page.locator('#counts tbody tr').evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
  assert.deepEqual(cells, [['Line 1', '0', '1', '–'], ['cat', '0', '1', '–']]);
  assert.match(await page.textContent('#detections'), /#1 cat/);
  await page.click('#shapes-turn');
  await page.click('#shapes-clear');
  assert.equal(await page.locator('.handle').count(), 0);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a zone says how many are in it, while the video plays', withWeights, async () => {
  const page = await open(browser, server.address);
  await page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
  await page.evaluate(() => document.getElementById('track').click());
  await openWalk(page);
  await page.click('#add-zone');
  assert.equal(await page.locator('.handle').count(), 4);
  await page.waitForFunction(() => document.querySelector('#counts tbody tr td:last-child')?.textContent === '1', null, { timeout: 30_000 });
  assert.match(page.url(), /track=1/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
