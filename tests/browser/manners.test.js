// Screen readers, contrast, reduced motion.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { browser, open, server, weights, withPage } from './helper.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
withPage();

const withWeights = { skip: weights() ? false : 'the shipped weights are not here' };

/** What axe finds wrong, one line each. */
async function faults(page) {
  return page.evaluate(async (source) => {
    if (!window.axe) (0, eval)(source);
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary.split('\n')[1]?.trim()}`));
  }, axe);
}

for (const [scheme, locale, width] of [['light', 'en-US', 1280], ['dark', 'zh-CN', 390]]) {
  test(`axe finds nothing: ${scheme}, ${locale}, ${width} px`, withWeights, async () => {
    // axe is put into the page by a script, which the page's own policy forbids.
    const page = await open(browser, server.address, { viewport: { width, height: 844 }, colorScheme: scheme, locale, bypassCSP: true });
    await page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
    assert.deepEqual(await faults(page), [], 'a result');
    await page.locator('#settings').evaluate((details) => (details.open = true));
    for (const inner of ['.classes', '#slow']) await page.locator(inner).evaluate((details) => (details.open = true));
    assert.deepEqual(await faults(page), [], 'the settings');
    for (const [opener, closer] of [['#open-save', '#save-close'], ['#help', '#keys-close']]) {
      await page.click(opener);
      await page.waitForSelector('dialog[open]');
      assert.deepEqual(await faults(page), [], opener);
      await page.click(closer);
    }
    await page.click('#camera');
    await page.waitForFunction(() => document.getElementById('fps').textContent !== '–');
    assert.deepEqual(await faults(page), [], 'the camera');
    for (const view of await page.locator('.views a').evaluateAll((links) => links.map((link) => link.hash))) {
      await page.click(`.views a[href="${view}"]`);
      await page.waitForTimeout(800);
      assert.deepEqual(await faults(page), [], view);
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test('what was found is said once, not at every frame', withWeights, async () => {
  const page = await open(browser, server.address);
  await page.waitForFunction(() => Number(document.body.dataset.runs) >= 1, null, { timeout: 60_000 });
  await page.evaluate(() => {
    window.said = [];
    new MutationObserver(() => window.said.push(document.getElementById('live').textContent)).observe(document.getElementById('live'), { childList: true, characterData: true, subtree: true });
  });
  await page.click('#camera');
  await page.waitForFunction(() => Number(document.body.dataset.runs) >= 30, null, { timeout: 60_000 });
  const said = await page.evaluate(() => window.said);
  assert.ok(said.length <= 2, `said ${said.length} times in 30 frames: ${said.join(' | ')}`);
  await page.context().close();
});

test('nothing moves by itself for those who want it so', async () => {
  const page = await open(browser, `${server.address}#compare`, { reducedMotion: 'reduce' });
  await page.waitForSelector('#compare-table tbody tr');
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((node) => {
    const { transitionDuration, animationName } = getComputedStyle(node);
    return animationName !== 'none' || transitionDuration.split(',').some((time) => parseFloat(time) > 0);
  }).map((node) => node.className || node.tagName));
  assert.deepEqual(moving, []);
  await page.context().close();
});
