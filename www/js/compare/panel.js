// The comparison: the three networks side by side, counted by the core while you type.
import { compare, measure, ready } from '../../lib/threads.js';
import { count, deviceName, onLanguage, t } from '../text.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);
const PRESETS = { 'preset-5': 5, 'preset-80': 80 };

/** Times measured here, for one number of classes. */
let measured = null;
/** What the three networks reached when they were trained alike (`tools/experiment.js`). */
let experiment = null;
let stopMeasuring = null;

/** Counted last, for the number of classes that the panel shows. */
let counted = [];

/** What was measured: classes, size, device, milliseconds by network; and the networks as counted. */
export const result = () => measured && { ...measured, models: counted };

/** Shows what was measured at an earlier visit. */
export function restore(before) {
  measured = before;
  update();
}

/** Shows the panel and keeps it in step with its controls; `place` tells where networks run now. `done` is called when something was measured. */
export async function start(place, done) {
  await ready();
  get('measure').addEventListener('click', () => (stopMeasuring ? stopMeasuring.abort() : time(place()).then(done)));
  for (const [id, nc] of Object.entries(PRESETS)) {
    get(id).addEventListener('click', () => {
      get('nc').value = nc;
      get('imgsz').value = 640;
      update();
    });
  }
  for (const id of ['nc', 'imgsz']) get(id).addEventListener('input', update);
  onLanguage(update);
  update();
  experiment = await fetch(new URL('../../experiment.json', import.meta.url)).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  update();
}

/** One sentence about the experiment. */
function trained() {
  const { letter, nc, imgsz, epochs, seeds, models } = experiment;
  const reached = ({ name, map50: { mean, spread } }) => `${name} ${mean.toFixed(3)} ± ${spread.toFixed(3)}`;
  const values = { letter, nc, imgsz, epochs, seeds: seeds.length, list: models.map(reached).join(', ') };
  return t('experiment_note', values);
}

function update() {
  const [nc, size] = [get('nc').valueAsNumber, get('imgsz').valueAsNumber];
  for (const [id, preset] of Object.entries(PRESETS)) {
    get(id).setAttribute('aria-pressed', String(nc === preset && size === 640));
  }
  const error = get('compare-error');
  try {
    const { models } = compare([], { nc, size });
    error.hidden = true;
    counted = models;
    if (measured?.nc !== nc) measured = null;
    get('compare-table').tBodies[0].replaceChildren(...models.map(row));
    get('bars').replaceChildren(...models.map((model) => bars(model, models[0])));
    const notes = [t('compare_note', { nc, size })];
    if (measured) notes.push(t('measured_note', { size: measured.size, device: deviceName(measured.device) }));
    if (experiment) notes.push(trained());
    get('compare-note').textContent = notes.join(' ');
  } catch (failure) {
    error.textContent = failure.message;
    error.hidden = false;
  }
}

/** Runs the three networks here, in turns; `signal` ends that. */
export async function time(device, signal = undefined) {
  const [nc, size] = [get('nc').valueAsNumber, Number(get('measure-size').value)];
  const bar = get('measure-progress');
  stopMeasuring = new AbortController();
  signal?.addEventListener('abort', () => stopMeasuring?.abort(), { once: true });
  bar.value = 0;
  bar.hidden = false;
  get('measure').textContent = t('measuring');
  get('compare-error').hidden = true;
  try {
    const onProgress = ({ loaded, total }) => (bar.value = loaded / total);
    const where = device.tuning && device.kind === 'webgpu' ? `webgpu/${device.tuning}` : device.kind;
    const times = await measure([], { nc, size, device: where, threads: device.threads ?? 1, onProgress, signal: stopMeasuring.signal });
    measured = { nc, size, device, times };
  } catch (failure) {
    if (failure.code !== 'aborted') {
      get('compare-error').textContent = failure.message;
      get('compare-error').hidden = false;
    }
  }
  stopMeasuring = null;
  bar.hidden = true;
  get('measure').textContent = t('measure_again');
  update();
}

const percent = (value) => (value ? `${value > 0 ? '−' : '+'}${Math.abs(value).toFixed(1)} %` : '–');

function row(model) {
  const line = document.createElement('tr');
  const name = document.createElement('th');
  name.scope = 'row';
  name.textContent = model.model;
  line.append(name);
  const cells = [
    count(model.parameters), percent(model.parameters_reduction),
    model.gflops.toFixed(1), percent(model.gflops_reduction),
  ];
  const times = measured?.times.map(({ milliseconds }) => milliseconds);
  const mine = times?.[measured.times.findIndex((one) => one.model === model.model)];
  cells.push(mine ? `${mine.toFixed(mine < 10 ? 1 : 0)} ms` : '–', mine ? percent(100 * (1 - mine / times[0])) : '–');
  for (const text of cells) line.insertCell().textContent = text;
  return line;
}

function bars(model, first) {
  const group = document.createElement('div');
  const name = document.createElement('p');
  name.className = 'name';
  name.textContent = model.model;
  group.append(
    name,
    bar('', model.parameters / first.parameters, `${(model.parameters / 1e6).toFixed(2)} M`, model.parameters_reduction),
    bar('flops', model.gflops_exact / first.gflops_exact, `${model.gflops.toFixed(1)} GFLOPs`, model.gflops_reduction),
  );
  return group;
}

function bar(kind, share, text, saved) {
  const outer = document.createElement('div');
  outer.className = `bar ${kind}`;
  const filled = document.createElement('i');
  filled.style.width = `calc(${(100 * share).toFixed(2)}% + 3px)`;
  const label = document.createElement('span');
  label.textContent = text;
  const ghost = document.createElement('em');
  ghost.textContent = saved ? percent(saved) : '';
  outer.append(filled, label, ghost);
  return outer;
}
