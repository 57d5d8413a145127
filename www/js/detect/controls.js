// Sliders, class filter, readings and the list of what was found.
import { colour } from './stage.js';
import { count, onLanguage, t } from '../text.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);
let labels = [];
let wanted = new Set();

/** What the controls say, as options of `detect`. */
export function options() {
  const all = wanted.size === labels.length;
  return { conf: Number(get('conf').value), iou: Number(get('iou').value), classes: all ? null : [...wanted] };
}

/** Calls `refine` when boxes have to be chosen anew, `resize` when the network has to run again. */
export function listen(refine, resize) {
  for (const id of ['conf', 'iou']) {
    get(id).addEventListener('input', () => {
      get(`${id}-value`).value = Number(get(id).value).toFixed(2);
      refine();
    });
  }
  get('size').addEventListener('change', () => resize(Number(get('size').value)));
  const all = (on) => () => {
    wanted = new Set(on ? labels.keys() : []);
    for (const box of get('classes-list').querySelectorAll('input')) box.checked = on;
    writeCount();
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
    writeCount();
    refine();
  });
  onLanguage(writeCount);
}

function writeCount() {
  const values = { n: labels.length, k: wanted.size };
  get('classes-count').value = labels.length ? t(wanted.size === labels.length ? 'all_classes' : 'some_classes', values) : '';
}

/** Fits the controls to a network. */
export function fit(info, size) {
  labels = info.labels;
  wanted = new Set(labels.keys());
  get('classes-find').value = '';
  get('classes-list').replaceChildren(...labels.map((label, id) => {
    const item = document.createElement('li');
    const line = document.createElement('label');
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', value: id, checked: true });
    line.append(box, label);
    item.append(line);
    return item;
  }));
  writeCount();
  const sizes = [...new Set([160, 224, 320, 416, 512, 640, size])].sort((a, b) => a - b);
  get('size').replaceChildren(...sizes.map((side) => new Option(`${side} × ${side}`, side, side === size, side === size)));
  const told = !info.file || info.file.startsWith(`${info.model}.`);
  get('model-name').textContent = told ? info.model : `${info.model} (${info.file})`;
  get('model-parameters').textContent = `${count(info.parameters)}, ${info.gflops} GFLOPs`;
  get('model-classes').textContent = info.labels.length;
}

/** Writes times and the list. */
export function report({ detections, speed, fps }) {
  for (const stage of ['network', 'capture', 'letterbox', 'nms', 'total']) {
    if (speed?.[stage] !== undefined) get(`ms-${stage}`).value = speed[stage].toFixed(['network', 'total'].includes(stage) ? 0 : 1);
  }
  get('fps').value = fps ? fps.toFixed(1) : '–';
  get('count').value = detections.length;
  get('nothing').hidden = detections.length > 0;
  get('detections').replaceChildren(...detections.slice(0, 50).map(({ label, classId, score }) => {
    const item = document.createElement('li');
    const mark = document.createElement('i');
    mark.style.borderColor = colour(classId);
    const name = document.createElement('span');
    name.textContent = label;
    const number = document.createElement('b');
    number.textContent = score.toFixed(2);
    item.append(mark, name, number);
    return item;
  }));
}
