// The Playground view: a network's YAML, what it costs while one types, and how fast it would be here.
import { configuration, ready, summarize } from '../../lib/index.js';
import { createEditor, MAX_LENGTH } from './editor.js';
import { change, differs, writeRows } from './rows.js';
import { MOST_PARAMETERS, run } from './run.js';
import { pack, unpack } from './share.js';
import { HTML, SIDES } from './view.js';
import * as words from './words.js';

const FAMILIES = ['yolov5', 'yolov5-ghost', 'yolov5-ghost-backbone'];
const NAMES = FAMILIES.flatMap((family) => [...'nsmlx'].map((size) => family.replace('yolov5', `yolov5${size}`)));
/** Milliseconds without a keystroke after which the network is counted anew. */
const PAUSE = 120;

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(`play-${id}`);

/** @type {import('../app.js').App} */
let app;
/** @type {import('./editor.js').Editor} */
let editor;
/** The last network that could be counted. @type {import('../../lib/index.d.ts').Summary | null} */
let counted = null;
/** The number of classes in the text itself; 0 where it has none. */
let own = 0;
/** What was measured, and of which text. @type {any} */
let measured = null;
/** @type {AbortController | null} */
let stop = null;
let failure = '';
let told = { key: '', values: {} };
/** @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;
/** A text from a link is being put in. */
let visiting = false;
/** The text that came with a link. */
let linked = '';
/** The part of the address that was read last. */
let shared = '';

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} given
 */
export async function start(root, given) {
  app = given;
  app.addWords(words);
  root.innerHTML = HTML;
  app.translate(root);
  for (const id of ['base', 'versus']) get(id).append(...NAMES.map((name) => new Option(name, name)));
  await ready();
  get('base').value = known(app.setting('playground', 'base')) || 'yolov5s-ghost';
  get('versus').value = known(app.setting('playground', 'vs')) || 'yolov5s';
  editor = await createEditor(get('editor'), {
    text: app.recall('playground-yaml') ?? configuration(get('base').value),
    label: app.t('play_editor'),
    onChange: typed,
    onTooLong: () => tell('play_too_long'),
  });
  listen();
  offerWebGpu();
  app.onLanguage(write);
  await follow();
  update();
  return { changed: follow };
}

const known = (/** @type {string} */ name) => (NAMES.includes(name) ? name : '');

/** Takes the network and the settings that the address carries. */
async function follow() {
  const params = app.params();
  // A link is the whole network: a number that was typed before it does not change that.
  if (params.has('y')) get('nc').value = '';
  for (const [key, id] of [['nc', 'nc'], ['size', 'size'], ['at', 'run-size']]) {
    const value = Number(params.get(key));
    if (!Number.isInteger(value) || value <= 0) continue;
    if (id !== 'run-size' || SIDES.includes(value)) get(id).value = String(value);
  }
  for (const [key, id] of [['vs', 'versus'], ['base', 'base']]) if (known(params.get(key) ?? '')) get(id).value = params.get(key);
  const packed = params.get('y') ?? '';
  if (packed && packed !== shared) {
    shared = packed;
    const text = await unpack(packed);
    if (text === null) tell('play_link_bad');
    else startsFrom(text);
    if (text !== null && text !== editor.text) {
      // A link replaces what is shown, not what one has worked on, until one edits it.
      visiting = true;
      editor.text = text;
      visiting = false;
    }
  }
  update();
}

/** Shows what a link's network is: a shipped one, or an entry of its own. */
function startsFrom(/** @type {string} */ text) {
  const name = NAMES.find((one) => configuration(one) === text) ?? '';
  if (!name) linked = text;
  get('linked').hidden = !linked;
  get('base').value = name;
}

const origin = () => (get('base').value ? configuration(get('base').value) : linked);

function listen() {
  get('base').addEventListener('change', () => {
    editor.text = origin();
    app.setSetting('playground', 'base', get('base').value || null);
  });
  get('reset').addEventListener('click', () => (editor.text = origin()));
  get('versus').addEventListener('change', () => {
    app.setSetting('playground', 'vs', get('versus').value);
    update();
  });
  for (const id of ['nc', 'size']) get(id).addEventListener('input', update);
  get('share').addEventListener('click', share);
  get('open').addEventListener('click', () => get('file').click());
  get('file').addEventListener('change', () => open(get('file').files[0]));
  get('editor').addEventListener('drop', (/** @type {DragEvent} */ event) => {
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    open(file);
  }, true);
  get('save').addEventListener('click', save);
  get('run').addEventListener('click', time);
}

/** @param {File | undefined} file */
async function open(file) {
  get('file').value = '';
  if (!file) return;
  const name = file.name;
  if (/^(image|video|audio)\//.test(file.type)) return tell('play_no_text', { name });
  if (file.size > MAX_LENGTH) return tell('play_too_long');
  const text = await file.arrayBuffer().then((bytes) => new TextDecoder('utf-8', { fatal: true }).decode(bytes)).catch(() => '\0');
  if (text.includes('\0')) return tell('play_no_text', { name });
  editor.text = text;
}

function save() {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([editor.text], { type: 'text/yaml' }));
  link.download = 'network.yaml';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function share() {
  shared = await pack(editor.text);
  const settings = { y: shared, nc: get('nc').value || null, size: get('size').value, at: get('run-size').value, vs: get('versus').value };
  for (const [key, value] of Object.entries(settings)) app.setSetting('playground', key, value, false);
  try {
    await navigator.clipboard.writeText(location.href);
    tell('play_copied');
  } catch {
    tell('play_link_here');
  }
}

function typed() {
  const keep = !visiting;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (keep) app.remember('playground-yaml', editor.text);
    tell('');
    update();
  }, PAUSE);
}

function tell(/** @type {string} */ key, values = {}) {
  told = { key, values };
  get('told').textContent = key && app.t(key, values);
}

const settings = () => ({ nc: get('nc').valueAsNumber || undefined, size: get('size').valueAsNumber });

/** Counts the network anew. One that can't be counted leaves the last figures, faded, and says what is wrong. */
function update() {
  if (!editor) return;
  try {
    if (!get('nc').validity.valid) throw new Error(app.t('play_classes_wrong'));
    counted = summarize(editor.text, settings());
    own = settings().nc ? ownClasses() : counted.nc;
    get('nc').placeholder = String(own || '');
    fault(null);
  } catch (error) {
    fault(error);
  }
  write();
}

/** The text's own number of classes: a number in the field replaces it. */
function ownClasses() {
  try {
    return summarize(editor.text, { size: settings().size }).nc;
  } catch {
    return 0;
  }
}

/** Shows what is wrong with the text, at its line. */
function fault(/** @type {any} */ error) {
  get('error').hidden = !error;
  document.querySelector('.play-cost').classList.toggle('stale', Boolean(error));
  if (!error) return editor.error(null);
  // The sentence without the excerpt: the line is beside it.
  const message = error.message.replace(/^line \d+, column \d+: /, '').replace(/\n\d+ \| .*\n +\| +\^+/, '');
  get('error').replaceChildren();
  if (error.line) {
    const jump = Object.assign(document.createElement('button'), { type: 'button', className: 'quiet' });
    jump.textContent = app.t('play_at', { line: error.line, message });
    jump.addEventListener('click', () => editor.go(error.line, error.column));
    get('error').append(jump);
    editor.error({ line: error.line, column: error.column, message });
  } else {
    get('error').textContent = message;
    editor.error(null);
  }
}

function write() {
  if (!counted) return;
  const { rows, parameters, gflops_exact: gflops, layers } = counted;
  const { nc } = counted;
  get('classes-note').textContent = own && own !== nc && get('nc').validity.valid ? app.t('play_classes_other', { nc, own }) : '';
  const model = get('versus').value;
  let other;
  try {
    other = summarize(model, { nc, size: settings().size });
  } catch {
    return;
  }
  get('parameters').textContent = app.count(parameters);
  get('gflops').textContent = gflops === null ? '–' : gflops.toFixed(gflops < 1 ? 3 : 2);
  get('rows').textContent = String(rows.length);
  get('layers').textContent = app.t('play_layers', { layers });
  const against = (/** @type {any} */ from, /** @type {any} */ to) => {
    const changed = change(from, to, 1);
    return changed ? app.t('play_against', { change: changed, model }) : app.t('play_same', { model });
  };
  get('parameters-change').textContent = against(other.parameters, parameters);
  get('gflops-change').textContent = against(other.gflops_exact, gflops);
  const valid = get('error').hidden;
  const fresh = measured && measured.text === editor.text;
  const times = fresh && measured.rows ? rows.map((_, index) => measured.rows[index] ?? 0) : null;
  writeRows(get('table'), rows, other.rows, times, (line) => editor.go(line));
  if (valid) editor.marks(rows.filter((row, index) => differs(row, other.rows[index])).map((row) => row.line));
  writeTimes(other);
}

function writeTimes(/** @type {any} */ other) {
  get('run').textContent = app.t(stop ? 'play_running' : 'play_run');
  if (failure) return void (get('ran').textContent = failure);
  if (!measured) return void (get('ran').textContent = '');
  if (measured.text !== editor.text) return void (get('ran').textContent = app.t('play_changed'));
  const ms = (/** @type {number} */ value) => value.toFixed(value < 10 ? 1 : 0);
  const { milliseconds, others, model, size, device } = measured;
  const values = { device: get('where').querySelector(`[value="${device}"]`).text, size, model, mine: ms(milliseconds), theirs: ms(others) };
  const sentences = [app.t('play_ran', values)];
  if (counted.gflops_exact && other.gflops_exact && model === get('versus').value) {
    const flops = (counted.gflops_exact / other.gflops_exact).toFixed(2);
    sentences.push(app.t('play_paradox', { flops, time: (milliseconds / others).toFixed(2) }));
  }
  if (!measured.rows) sentences.push(app.t('play_gpu'));
  get('ran').textContent = sentences.join(' ');
}

/** Runs the network on random weights, or stops that. */
async function time() {
  if (stop) return stop.abort();
  failure = '';
  update();
  if (!get('error').hidden || !counted) return void (get('ran').textContent = app.t('play_broken', { why: get('error').textContent }));
  if (counted.parameters > MOST_PARAMETERS) {
    const values = { parameters: app.count(counted.parameters), most: app.count(MOST_PARAMETERS) };
    return void (get('ran').textContent = app.t('play_too_large', values));
  }
  if (app.isBusy()) return void (get('ran').textContent = app.t('play_busy'));
  const [text, model] = [editor.text, get('versus').value];
  const [size, device] = [Number(get('run-size').value), get('where').value];
  stop = new AbortController();
  app.setBusy('playground', true);
  get('progress').hidden = false;
  get('progress').value = 0;
  write();
  try {
    const onProgress = (/** @type {number} */ share) => (get('progress').value = share);
    const times = await run(text, model, { nc: counted.nc, size, device, signal: stop.signal, onProgress });
    measured = { text, model, size, device, ...times };
  } catch (error) {
    if (error.code !== 'aborted') failure = app.t('play_failed', { why: error.message });
  } finally {
    stop = null;
    app.setBusy('playground', false);
    get('progress').hidden = true;
    write();
  }
}

async function offerWebGpu() {
  const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter().catch(() => null);
  if (!adapter) return;
  const own = new Option('', 'webgpu/burn-ops');
  const name = () => (own.text = app.t('device_ops'));
  name();
  app.onLanguage(name);
  get('where').append(new Option('WebGPU', 'webgpu'), own);
}
