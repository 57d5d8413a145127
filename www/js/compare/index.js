// The Compare view: what Ghost modules save, counted and measured.
import { version } from '../../lib/index.js';
import * as auto from './auto.js';
import { card, describe, deviceLine, verdict } from './card.js';
import * as executors from './executors.js';
import * as panel from './panel.js';
import * as words from './words.js';

const HTML = `
<section class="compare" aria-labelledby="compare-title">
  <div class="intro">
    <h2 id="compare-title" data-i18n="compareTitle">What the ghosts save</h2>
    <p data-i18n="compareText">A Ghost module makes half of its channels by a cheap depthwise step from the other half. The dashed part of a bar is what the plain network would have cost. Counted here, now, by the same code that runs the network.</p>
    <div class="presets" role="group" aria-label="Presets" data-i18n-label="presets">
      <button id="preset-5" type="button" data-i18n="preset5" aria-pressed="true">The article's table: 5 classes</button>
      <button id="preset-80" type="button" data-i18n="preset80" aria-pressed="false">COCO: 80 classes</button>
    </div>
    <div class="numbers">
      <label><span data-i18n="nc">Classes</span> <input id="nc" type="number" min="1" max="10000" value="5" inputmode="numeric"></label>
      <label><span data-i18n="imgsz">Image size</span> <input id="imgsz" type="number" min="32" max="4096" step="32" value="640" inputmode="numeric"></label>
    </div>
    <p id="compare-error" class="error" role="alert" hidden></p>
  </div>
  <div class="figures">
    <div id="bars" class="bars" aria-hidden="true"></div>
    <div class="scroll">
      <table id="compare-table">
        <thead><tr>
          <th scope="col" data-i18n="model">Model</th>
          <th scope="col" data-i18n="parameters">Parameters</th>
          <th scope="col" data-i18n="less">Saved</th>
          <th scope="col">GFLOPs</th>
          <th scope="col" data-i18n="less">Saved</th>
          <th scope="col" data-i18n="here">Here</th>
          <th scope="col" data-i18n="less">Saved</th>
        </tr></thead>
        <tbody></tbody>
      </table>
    </div>
    <div class="measure">
      <button id="measure" type="button" data-i18n="measure">Measure on this device</button>
      <label><span data-i18n="at">at</span> <select id="measure-size"><option>320</option><option>416</option><option>640</option></select></label>
      <progress id="measure-progress" max="1" value="0" hidden></progress>
    </div>
    <p class="note" id="compare-note"></p>
    <div class="measure" id="executors" hidden>
      <button id="measure-executors" type="button" data-i18n="measure_executors">What do the fused kernels save on this device?</button>
    </div>
    <p class="note" id="executors-note" role="status"></p>
    <div class="here">
      <h3 data-i18n="here_title">Does Ghost pay here?</h3>
      <p id="verdict" role="status"></p>
      <p class="note" id="device-line"></p>
      <label class="own"><input id="auto" type="checkbox"> <span data-i18n="auto_measure">Measure by itself when the page is idle (this device only)</span></label>
      <button id="copy-card" type="button" hidden data-i18n="copy_card">Copy a report</button>
      <pre id="card" tabindex="0" hidden></pre>
    </div>
  </div>
</section>
`;

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);

/** @type {import('../app.js').App} */
let app;
/** Ends what was begun without being asked for. @type {AbortController | null} */
let own = null;
/** Whether the view is shown. */
let open = false;
/** Gives up waiting for an idle page. */
let giveUp = () => {};
/** @type {Awaited<ReturnType<typeof describe>>} */
let about;

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} given
 */
export async function start(root, given) {
  app = given;
  app.addWords(words);
  root.innerHTML = HTML;
  app.translate(root);
  await Promise.all([executors.start(keep), panel.start(app.device, keep)]);
  about = await describe();
  get('auto').checked = auto.allowed();
  get('auto').addEventListener('change', () => {
    auto.allow(get('auto').checked);
    own?.abort();
    wait();
  });
  get('copy-card').addEventListener('click', copy);
  for (const id of ['nc', 'imgsz', 'preset-5', 'preset-80']) get(id).addEventListener('input', write);
  restore();
  app.onLanguage(write);
  write();
  return {
    shown() {
      open = true;
      wait();
    },
    hidden: rest,
  };
}

/** What a measurement is good for: this version, browser and adapter. */
const key = () => [version(), about.browser, about.adapter, about.cores].join('|');

/** Notes what was measured, so that the next visit need not measure again. */
function keep() {
  const [ghosts, others] = [panel.result(), executors.result()];
  const { models, ...short } = ghosts ?? {};
  app.remember('compare-measured', JSON.stringify({ key: key(), ghosts: ghosts && short, executors: others }));
  write();
}

function restore() {
  try {
    const before = JSON.parse(app.recall('compare-measured') ?? 'null');
    if (before?.key !== key()) return;
    if (before.ghosts) panel.restore(before.ghosts);
    if (before.executors) executors.restore(before.executors);
  } catch {
    // Written by another version.
  }
}

/** Measures once the page is idle, if that was not done yet. */
function wait() {
  giveUp();
  if (!open || !auto.allowed() || panel.result()) return;
  giveUp = auto.whenIdle({ free: () => !app.isBusy() && !app.device().pending, begin: measureAll });
}

function rest() {
  open = false;
  giveUp();
  own?.abort();
}

async function measureAll() {
  const mine = (own = new AbortController());
  // A camera or a video that starts meanwhile goes first.
  const watch = setInterval(() => (app.isBusy() || document.hidden) && mine.abort(), 200);
  try {
    await panel.time(app.device(), mine.signal);
    // A WebGPU in software takes seconds for each run: whoever wants to know can ask.
    const software = /swiftshader|llvmpipe|lavapipe|basic render/i.test(about.adapter);
    if (!mine.signal.aborted && !get('executors').hidden && !software) await executors.run(mine.signal);
    if (panel.result()) keep();
  } finally {
    clearInterval(watch);
    own = null;
  }
  if (mine.signal.aborted) wait();
}

function write() {
  const [ghosts, others] = [panel.result(), executors.result()];
  get('verdict').textContent = ghosts ? verdict(ghosts.times, ghosts.models) : app.t(auto.allowed() ? 'verdict_soon' : 'verdict_ask');
  get('device-line').textContent = deviceLine(about);
  const text = ghosts || others ? card({ about, version: version(), ghosts, executors: others }) : '';
  get('card').textContent = text;
  get('card').hidden = get('copy-card').hidden = !text;
  get('copy-card').textContent = app.t('copy_card');
}

async function copy() {
  try {
    await navigator.clipboard.writeText(get('card').textContent);
    get('copy-card').textContent = app.t('card_copied');
  } catch {
    getSelection().selectAllChildren(get('card'));
    get('copy-card').textContent = app.t('card_by_hand');
  }
}
