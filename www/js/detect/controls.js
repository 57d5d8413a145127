// Settings: sliders, classes, network input, and the readings.
import { app } from '../app.js';
import { count, onLanguage, t } from '../text.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);
/** @type {string[]} */
let labels = [];
/** @type {Set<number>} */
let wanted = new Set();

/** What everybody starts with: not written into the address. */
const STANDARD = { conf: '0.25', iou: '0.45' };

/** What the controls say, as options of `detect`. */
export function options() {
  const all = wanted.size === labels.length;
  return { conf: Number(get('conf').value), iou: Number(get('iou').value), classes: all ? null : [...wanted] };
}

/** Takes thresholds and device from the address or as they were last. */
export function restore() {
  for (const [id, standard] of Object.entries(STANDARD)) {
    const value = Number(app.setting('detect', id, standard));
    get(id).value = Number.isFinite(value) ? value : standard;
    get(`${id}-value`).value = Number(get(id).value).toFixed(2);
  }
  const place = app.setting('detect', 'device', 'auto');
  if ([...get('place').options].some(({ value }) => value === place)) get('place').value = place;
}

/** The side of the network's input that was asked for, or null. Networks round it up so. */
export function wantedSize() {
  const size = Number(app.setting('detect', 'size'));
  return Number.isInteger(size) && size >= 32 && size <= 2048 ? Math.ceil(size / 32) * 32 : null;
}

/** Calls `refine` when boxes have to be chosen anew, `resize` when the network has to run again. */
export function listen(/** @type {() => void} */ refine, /** @type {(size: number) => void} */ resize) {
  for (const [id, standard] of Object.entries(STANDARD)) {
    get(id).addEventListener('input', () => {
      const value = Number(get(id).value).toFixed(2);
      get(`${id}-value`).value = value;
      app.setSetting('detect', id, value === standard ? null : value);
      refine();
    });
  }
  get('size').addEventListener('change', () => {
    app.setSetting('detect', 'size', get('size').value);
    resize(Number(get('size').value));
  });
  const all = (on) => () => {
    wanted = new Set(on ? labels.keys() : []);
    for (const box of get('classes-list').querySelectorAll('input')) box.checked = on;
    chosen();
    refine();
  };
  get('classes-all').addEventListener('click', all(true));
  get('classes-none').addEventListener('click', all(false));
  get('classes-find').addEventListener('input', (event) => {
    const part = event.target.value.trim().toLowerCase();
    for (const item of get('classes-list').children) item.hidden = !item.textContent.toLowerCase().includes(part);
  });
  get('classes-list').addEventListener('change', ({ target }) => {
    const id = Number(target.value);
    if (target.checked) wanted.add(id);
    else wanted.delete(id);
    chosen();
    refine();
  });
  onLanguage(writeCount);
}

/** Notes the chosen classes: in the address and for the next time, by their names. */
function chosen() {
  writeCount();
  app.setSetting('detect', 'classes', wanted.size === labels.length ? null : [...wanted].map((id) => labels[id]).join(','));
}

function writeCount() {
  const values = { n: labels.length, k: wanted.size };
  get('classes-count').value = labels.length ? t(wanted.size === labels.length ? 'all_classes' : 'some_classes', values) : '';
}

/** Fits the controls to a network. */
export function fit(/** @type {import('../../lib/index.js').Detector} */ detector) {
  const { info } = detector;
  ({ labels } = info);
  // Nothing chosen is a choice, too.
  const given = app.setting('detect', 'classes', '*');
  const names = given.split(',');
  const known = names.map((name) => labels.indexOf(name)).filter((id) => id >= 0);
  wanted = new Set(known.length || !given ? known : labels.keys());
  get('classes-find').value = '';
  get('classes-list').replaceChildren(...labels.map((label, id) => {
    const item = document.createElement('li');
    const line = document.createElement('label');
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', value: id, checked: wanted.has(id) });
    line.append(box, label);
    item.append(line);
    return item;
  }));
  writeCount();
  const size = wantedSize();
  if (size) detector.size = size;
  const sizes = [...new Set([160, 224, 320, 416, 512, 640, detector.size])].sort((a, b) => a - b);
  get('size').replaceChildren(...sizes.map((side) => new Option(`${side} × ${side}`, String(side), side === detector.size, side === detector.size)));
  const told = !info.file || info.file.startsWith(`${info.model}.`);
  get('model-name').textContent = told ? info.model : `${info.model} (${info.file})`;
  get('model-parameters').textContent = `${count(info.parameters)}, ${info.gflops} GFLOPs`;
  get('model-classes').textContent = info.labels.length;
}

/** Writes the times of a result; null for none. */
export function report(/** @type {any} */ result) {
  const { speed, fps } = result ?? {};
  for (const stage of ['network', 'capture', 'letterbox', 'nms', 'total']) {
    if (speed?.[stage] !== undefined) get(`ms-${stage}`).value = speed[stage].toFixed(['network', 'total'].includes(stage) ? 0 : 1);
    else if (!result) get(`ms-${stage}`).value = '–';
  }
  get('fps').value = fps ? fps.toFixed(1) : '–';
}
