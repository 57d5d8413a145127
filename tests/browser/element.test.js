// The element <ghost-detector>: pictures, elements inside it, the camera, and what it tells.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, open, root, server, weights, withPage } from './helper.js';

const options = { skip: weights() ? false : 'no weights' };

let page;
withPage(async () => {
  page = await open(browser, server.address);
  await page.route('**/element.html', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><body>' }));
  await page.goto(`${server.address}element.html`);
  await page.evaluate(async () => {
    await import('/lib/element.js');
    /** Puts HTML on the page; its first element's next event of that name. */
    globalThis.put = (html, event) => new Promise((resolve) => {
      const box = document.createElement('div');
      box.innerHTML = html;
      const element = box.firstElementChild;
      element.addEventListener(event, ({ detail }) => resolve({ element, detail }), { once: true });
      if (event !== 'error') element.addEventListener('error', ({ detail }) => resolve({ element, detail }), { once: true });
      document.body.replaceChildren(box);
    });
  });
});

test('a picture by its address, with boxes over it', options, async () => {
  const seen = await page.evaluate(async () => {
    const { element, detail } = await globalThis.put('<ghost-detector src="/samples/astronaut.jpg" track device="cpu" size="320" style="width: 400px"></ghost-detector>', 'detections');
    const canvas = element.shadowRoot.querySelector('canvas');
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return {
      labels: detail.detections?.map(({ label }) => label), same: element.result === detail, drawn: pixels.some((value) => value > 0),
      wide: element.offsetWidth, over: canvas.clientHeight === element.shadowRoot.querySelector('img').clientHeight, info: element.detector.info.model,
    };
  });
  assert.ok(seen.labels.includes('person'));
  assert.deepEqual([seen.same, seen.drawn, seen.wide, seen.over], [true, true, 400, true]);
  assert.match(seen.info, /ghost/);
});

test('a picture inside it; attributes that change', options, async () => {
  const seen = await page.evaluate(async () => {
    const { element, detail } = await globalThis.put('<ghost-detector device="cpu" size="320"><img src="/samples/cat.jpg" alt="A cat"></ghost-detector>', 'detections');
    const next = (change) => new Promise((resolve) => {
      element.addEventListener('detections', ({ detail }) => resolve(detail.detections.map(({ label }) => label)), { once: true });
      change();
    });
    return {
      first: detail.detections.map(({ label }) => label),
      none: await next(() => element.setAttribute('classes', 'zebra')),
      strict: await next(() => { element.removeAttribute('classes'); element.conf = 0.99; }),
      again: await next(() => element.removeAttribute('conf')),
    };
  });
  assert.ok(seen.first.includes('cat'));
  assert.deepEqual(seen.none, []);
  assert.deepEqual(seen.strict, []);
  assert.deepEqual(seen.again, seen.first);
});

test('the camera: frame after frame, and given back when the element goes', options, async () => {
  const seen = await page.evaluate(async () => {
    const { element } = await globalThis.put('<ghost-detector camera track device="cpu" size="96"></ghost-detector>', 'detections');
    let frames = 0;
    await new Promise((resolve) => element.addEventListener('detections', () => ++frames === 3 && resolve(null)));
    const stream = element.shadowRoot.querySelector('video').srcObject;
    const live = stream.getTracks().map(({ readyState }) => readyState);
    const { detector } = element;
    element.remove();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const after = await detector.detect(new ImageData(8, 8)).catch(({ code }) => code);
    return { live, ended: stream.getTracks().map(({ readyState }) => readyState), after };
  });
  assert.deepEqual(seen, { live: ['live'], ended: ['ended'], after: 'disposed' });
});

test('elements share a network; one that moves keeps it', options, async () => {
  const seen = await page.evaluate(async () => {
    const one = '<ghost-detector src="/samples/cat.jpg" device="cpu" size="96"></ghost-detector>';
    const { element } = await globalThis.put(one, 'detections');
    const second = await new Promise((resolve) => {
      document.body.insertAdjacentHTML('beforeend', one);
      const other = document.body.lastElementChild;
      other.addEventListener('detections', () => resolve(other));
    });
    const { detector } = element;
    const same = second.detector === detector;
    document.body.prepend(element);
    second.remove();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { same, width: (await detector.detect(new ImageData(8, 8))).width };
  });
  assert.deepEqual(seen, { same: true, width: 8 });
});

test('taken off the page and put back while it loads, it starts once', options, async () => {
  const seen = await page.evaluate(async () => {
    const box = document.createElement('div');
    document.body.replaceChildren(box);
    const element = document.createElement('ghost-detector');
    for (const [name, value] of [['src', '/samples/cat.jpg'], ['device', 'cpu'], ['size', '96']]) element.setAttribute(name, value);
    const seen = [];
    // At each start the network has to be one that works.
    element.addEventListener('ready', () => seen.push(element.detector.detect(new ImageData(8, 8)).then(() => 'works', ({ code }) => code)));
    element.addEventListener('error', ({ detail }) => seen.push(detail.message));
    const found = new Promise((resolve) => element.addEventListener('detections', ({ detail }) => resolve(detail.detections.map(({ label }) => label)), { once: true }));
    const pause = () => new Promise((resolve) => setTimeout(resolve, 1));
    box.append(element);
    await pause();
    element.remove();
    await pause();
    box.append(element);
    const labels = await found;
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { detector } = element;
    const after = await detector.detect(new ImageData(8, 8)).then(() => 'works', ({ code }) => code);
    return { labels: labels.length > 0, seen: await Promise.all(seen), after };
  });
  assert.deepEqual(seen, { labels: true, seen: ['works'], after: 'works' });
});

test('another picture while the network loads is shown when it is there', options, async () => {
  const seen = await page.evaluate(async () => {
    const box = document.createElement('div');
    box.innerHTML = '<ghost-detector src="/samples/coffee.jpg" device="cpu" size="320"></ghost-detector>';
    document.body.replaceChildren(box);
    const element = box.firstElementChild;
    const errors = [];
    const results = [];
    element.addEventListener('error', ({ detail }) => errors.push(detail.message));
    element.addEventListener('detections', ({ detail }) => results.push(detail.detections.map(({ label }) => label)));
    await new Promise((resolve) => setTimeout(resolve, 5));
    element.setAttribute('src', '/samples/cat.jpg');
    while (!results.length && !errors.length) await new Promise((resolve) => setTimeout(resolve, 20));
    return { errors, results };
  });
  assert.deepEqual(seen.errors, []);
  assert.ok(seen.results[0].includes('cat'), String(seen.results));
});

test('what goes wrong is an event and a text', options, async () => {
  const seen = await page.evaluate(async () => {
    const wrong = ['src="/none.jpg"', 'src="/samples/cat.jpg" model="/none.pt"', 'src="/samples/cat.jpg" classes="unicorn"', 'src="/samples/cat.jpg" size="7"', 'src="/none.webm"'];
    const seen = [];
    for (const attributes of wrong) {
      const { element, detail } = await globalThis.put(`<ghost-detector device="cpu" ${attributes}></ghost-detector>`, 'error');
      seen.push([detail.code, element.shadowRoot.querySelector('[part=status]').textContent.length > 10]);
    }
    return seen;
  });
  assert.deepEqual(seen, [['picture', true], ['network', true], ['argument', true], ['argument', true], ['picture', true]]);
});

test('the manifest names the attributes; the import runs where there is no document', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'www/lib/custom-elements.json'), 'utf8'));
  const names = manifest.modules[0].declarations[0].attributes.map(({ name }) => name).sort();
  const script = "const { GhostDetectorElement } = await import('./www/lib/element.js'); console.log(JSON.stringify([...GhostDetectorElement.observedAttributes].sort()));";
  assert.deepEqual(JSON.parse(execFileSync('node', ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' })), names);
});
