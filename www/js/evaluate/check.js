// Precision, recall and mAP on a folder of labelled pictures.
import { evaluate, readDataset } from '../../lib/index.js';
import * as models from './models.js';
import * as gallery from './gallery.js';
import { writeReport } from './report.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(`check-${id}`);

/** @type {import('../app.js').App} */
let app;
/** @type {AbortController | null} */
let stop = null;
/** What was opened last, for another network or size. @type {File[] | null} */
let opened = null;
/** The last result, for another language. @type {any} */
let done = null;
let told = { key: '', values: {} };

export function start(/** @type {import('../app.js').App} */ given) {
  app = given;
  gallery.start(app);
  writeModels();
  document.addEventListener('evaluate-models', writeModels);
  for (const kind of ['folder', 'files']) {
    get(kind).addEventListener('click', () => get(`${kind}-input`).click());
    get(`${kind}-input`).addEventListener('change', () => {
      const files = [...get(`${kind}-input`).files];
      get(`${kind}-input`).value = '';
      if (files.length) run(files);
    });
  }
  for (const id of ['model', 'size', 'metric']) get(id).addEventListener('change', () => opened && run(opened));
  get('stop').addEventListener('click', () => stop?.abort());
  app.onLanguage(() => {
    write();
    if (done) writeReport(done, app);
  });
}

function writeModels() {
  const chosen = get('model').value;
  get('model').replaceChildren(...models.choices().map(({ name, title }) => new Option(title, name)));
  if (models.choices().some(({ name }) => name === chosen)) get('model').value = chosen;
}

/** Judges the chosen network on these files. */
export async function run(/** @type {File[]} */ files) {
  stop?.abort();
  stop = null;
  app.setBusy('evaluate', false);
  opened = files;
  problem('');
  if (app.isBusy()) return problem(app.t('check_busy'));
  const mine = (stop = new AbortController());
  const { signal } = mine;
  get('report').hidden = true;
  get('progress').value = 0;
  get('progress').hidden = get('stop').hidden = false;
  tell('check_reading');
  app.setBusy('evaluate', true);
  const name = get('model').value;
  const model = models.title(name);
  try {
    await models.use(name, async (detector) => {
      const set = await readDataset(files, detector.info.labels);
      signal.throwIfAborted();
      const started = performance.now();
      const onProgress = (/** @type {any} */ { loaded, total }) => {
        if (signal.aborted) return;
        get('progress').value = loaded / total;
        tell('check_running', { done: loaded, all: total, model });
      };
      const { size } = detector;
      const report = await evaluate(detector, set.pictures, { metric: get('metric').value, signal, onProgress });
      if (signal.aborted) return;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      done = { report, warnings: set.warnings, pictures: set.pictures };
      tell('check_done', { images: report.images, labels: report.labels, model, size, seconds });
      get('report').hidden = false;
      writeReport(done, app);
      gallery.show(done);
    }, Number(get('size').value));
  } catch (error) {
    const stopped = signal.aborted || error.code === 'aborted';
    if (stop === mine) tell(stopped ? 'check_stopped' : '');
    if (stop === mine && !stopped) problem(error.message);
  } finally {
    if (stop === mine) {
      stop = null;
      app.setBusy('evaluate', false);
      get('progress').hidden = get('stop').hidden = true;
    }
  }
}

function tell(/** @type {string} */ key, values = {}) {
  told = { key, values };
  write();
}

function write() {
  get('status').textContent = told.key && app.t(told.key, told.values);
}

function problem(/** @type {string} */ text) {
  get('problem').textContent = text;
  get('problem').hidden = !text;
}
