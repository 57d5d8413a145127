// The page and the package in other browsers than Chromium, where these are installed (Debian: firefox-esr; webkit2gtk-driver and xvfb).
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pack, unpack } from '../../packaging/harness/pack.js';
import { serveFolder } from '../../packaging/harness/serve.js';
import { root, serve } from '../browser/helper.js';
import * as firefox from './firefox.js';
import * as webkit from './webkit.js';

/** Gives what the body gives, when it gives something; the last argument of an asynchronous script of WebDriver is where the result goes. */
const until = (body) => `
  const done = arguments[arguments.length - 1];
  const end = Date.now() + 50000;
  (function look() {
    const problem = document.querySelector('#status.bad, #view-problem:not([hidden])');
    const value = (() => { ${body} })();
    if (value) done({ value });
    else if (problem?.textContent || Date.now() > end) done({ error: problem?.textContent || 'nothing happened for 50 s: ' + document.body.innerText.slice(0, 400) });
    else setTimeout(look, 100);
  })();`;

/** A page that uses the package as npm would install it. */
const folder = mkdtempSync(join(tmpdir(), 'ghostdet-browsers-'));
before(() => {
  if (!firefox.binary && !webkit.binary) return;
  unpack(pack(folder).tarball, join(folder, 'ghostdet'));
  copyFileSync(join(root, 'www', 'samples', 'astronaut.jpg'), join(folder, 'astronaut.jpg'));
  writeFileSync(join(folder, 'index.html'), `<!doctype html><body><script type="module">
    try {
      const asked = new URLSearchParams(location.search);
      const { Detector } = await import('./ghostdet/dist/' + asked.get('entry') + '.js');
      const detector = await Detector.load({ worker: asked.get('worker') === 'true' });
      const { detections } = await detector.detect('astronaut.jpg');
      const { worker } = detector.info;
      detector.dispose();
      document.body.dataset.found = JSON.stringify({ detections, worker });
    } catch (error) {
      document.body.dataset.found = JSON.stringify({ error: error.code + ': ' + error.message });
    }
  </script>`);
});
after(() => rmSync(folder, { recursive: true }));

for (const [name, { binary, start }] of Object.entries({ Firefox: firefox, WebKitGTK: webkit })) {
  describe(name, { skip: binary ? false : `${name} is not installed` }, () => {
    let server;
    let browser;
    before(async () => {
      server = await serve();
      browser = await start();
    });
    after(async () => {
      await browser?.close();
      server?.close();
    });
    const wait = async (body, ...args) => {
      const { value, error } = await browser.run(until(body), ...args);
      assert.equal(error, undefined);
      return value;
    };

    test('the page finds the astronaut in its sample photo', async (t) => {
      t.diagnostic(browser.name);
      await browser.open(server.address);
      await wait("return document.body.dataset.ready && document.querySelector('#samples button');");
      await wait(`
        const sample = [...document.querySelectorAll('#samples button')].find((button) => button.innerHTML.includes('astronaut'));
        if (!globalThis.clicked) sample.click();
        globalThis.clicked = true;
        return document.querySelector('#detections').textContent.includes('person');`);
      t.diagnostic(await wait("return document.querySelector('#device').textContent;"));
    });

    test('the camera is watched', async (t) => {
      await browser.open(server.address);
      await wait('return document.body.dataset.ready;');
      await browser.run("document.querySelector('#camera').click(); arguments[arguments.length - 1]();");
      t.diagnostic(await wait("return Number(document.body.dataset.runs) >= 3 && document.querySelector('#fps').textContent;"));
    });

    test('the panel counts what the article printed', async () => {
      await browser.open(`${server.address}#compare`);
      const rows = await wait(`
        const rows = [...document.querySelectorAll('#compare-table tbody tr')];
        return rows.length === 3 && rows.map((row) => [1, 3].map((i) => row.cells[i].textContent.replaceAll(',', '')));`);
      assert.deepEqual(rows, [['7033114', '16.0'], ['3695330', '8.2'], ['5098866', '10.8']]);
    });

    test('the packed package detects: in a worker, in place, from one file', async (t) => {
      const site = await serveFolder(folder);
      t.after(() => site.close());
      for (const [entry, worker] of [['index', true], ['index', false], ['inline', true]]) {
        await browser.open(`${site.address}?entry=${entry}&worker=${worker}`);
        const found = JSON.parse(await wait('return document.body.dataset.found;'));
        assert.equal(found.error, undefined);
        const person = found.detections.find(({ label }) => label === 'person');
        assert.ok(person?.score > 0.6, JSON.stringify(found.detections));
        assert.equal(found.worker, worker ? 'worker' : 'page');
      }
    });
  });
}
