// Two networks on one picture, with a line between what the one and the other finds.
import { draw } from '../../lib/index.js';
import * as models from './models.js';

const SAMPLES = ['astronaut', 'cat', 'coffee', 'lifeboat'];
/** Where the slider ends. */
const LEAST = 0.01;
/** Two boxes of a class that overlap so much are the same. */
const SAME = 0.5;

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(`two-${id}`);

/** @type {import('../app.js').App} */
let app;
/** @typedef {{ name: string, result: import('../../lib/index.d.ts').Result | null }} Side */
/** @type {{ left: Side, right: Side }} */
const sides = { left: { name: '', result: null }, right: { name: '', result: null } };
/** @type {HTMLImageElement} */
let photo;
/** Numbers what was asked for: an answer that comes late is dropped. */
let turn = 0;
let shows = 0;
/** Files that were left out as the picture or the weights were opened. */
let others = 0;
let told = { key: '', values: {} };

export async function start(/** @type {import('../app.js').App} */ given) {
  app = given;
  photo = get('photo');
  const [first, second = first] = models.choices();
  sides.left.name = first.name;
  sides.right.name = second.name;
  writeModels();
  for (const side of /** @type {const} */ (['left', 'right'])) {
    get(`model-${side}`).addEventListener('change', (/** @type {any} */ event) => {
      sides[side].name = event.target.value;
      look();
    });
  }
  for (const name of SAMPLES) {
    const button = Object.assign(document.createElement('button'), { type: 'button' });
    button.append(Object.assign(document.createElement('img'), { src: `samples/${name}.jpg`, alt: name, loading: 'lazy' }));
    button.addEventListener('click', () => {
      others = 0;
      show(`samples/${name}.jpg`, name);
    });
    get('samples').append(button);
  }
  get('open').addEventListener('click', () => get('file').click());
  get('file').addEventListener('change', () => take(get('file')));
  get('weights').addEventListener('click', () => get('weights-file').click());
  get('weights-file').addEventListener('change', () => take(get('weights-file')));
  get('conf').addEventListener('input', refine);
  get('split').addEventListener('input', split);
  drag(get('stage'));
  new ResizeObserver(paint).observe(get('stage'));
  app.onLanguage(write);
  split();
  await show('samples/coffee.jpg', 'coffee');
}

function take(/** @type {HTMLInputElement} */ input) {
  if (input.files?.length) open([...input.files]);
  input.value = '';
}

/** Opens what was dropped or chosen: a picture, or weights, which become the right network; of two files the first is the left one. */
export async function open(/** @type {File[]} */ files) {
  const weights = files.filter(({ name }) => /\.(pt|pth|safetensors)$/i.test(name)).slice(0, 2);
  const picture = files.find(({ type }) => type.startsWith('image/'));
  others = files.length - weights.length - Number(picture !== undefined);
  for (const [index, file] of weights.entries()) {
    const side = index === weights.length - 1 ? sides.right : sides.left;
    const before = side.name;
    side.name = models.add(file);
    writeModels();
    if (!(await look()) && side.name.startsWith('file:')) {
      models.forget(side.name);
      side.name = before;
      writeModels();
      return;
    }
  }
  if (picture) await show(URL.createObjectURL(picture), picture.name);
  else if (!weights.length && files.length) problem(app.t('no_file', { name: files[0].name }));
}

async function show(/** @type {string} */ url, /** @type {string} */ name) {
  const mine = ++shows;
  const next = Object.assign(new Image(), { src: url, alt: app.t('two_photo', { name }), id: photo.id });
  try {
    await next.decode();
  } catch {
    // Figures beside it would be taken for this picture's.
    tell('');
    return problem(app.t('no_picture', { name }));
  }
  // Another picture was asked for meanwhile.
  if (mine !== shows) return;
  if (photo.src.startsWith('blob:')) URL.revokeObjectURL(photo.src);
  photo.replaceWith(next);
  photo = next;
  await look();
}

function writeModels() {
  for (const side of /** @type {const} */ (['left', 'right'])) {
    get(`model-${side}`).replaceChildren(...models.choices().map(({ name, title }) => new Option(title, name)));
    get(`model-${side}`).value = sides[side].name;
  }
  document.dispatchEvent(new CustomEvent('evaluate-models'));
}

/** Runs both networks on the picture. Returns whether that worked. */
async function look() {
  const mine = ++turn;
  problem('');
  sides.left.result = sides.right.result = null;
  paint();
  try {
    for (const side of /** @type {const} */ (['left', 'right'])) {
      const { name } = sides[side];
      tell('two_loading', { model: models.title(name) });
      const result = await models.use(name, async (detector) => {
        if (mine === turn) tell('two_looking');
        return detector.detect(photo, { conf: LEAST, maxDetections: 1000 });
      });
      if (mine !== turn) return true;
      sides[side].result = result;
      paint();
    }
    found();
    return true;
  } catch (error) {
    if (mine === turn) {
      tell('');
      problem(error.message);
      if (!navigator.onLine) window.addEventListener('online', () => mine === turn && look(), { once: true });
    }
    return false;
  }
}

/** Other boxes of the same runs, for another threshold. */
function refine() {
  get('conf-value').value = Number(get('conf').value).toFixed(2);
  paint();
  found();
}

/** What a network found above the threshold. The weaker boxes that it was asked for never push out a stronger one. */
function strong(/** @type {'left' | 'right'} */ side) {
  const { result } = sides[side];
  const conf = Number(get('conf').value);
  return result && { ...result, detections: result.detections.filter(({ score }) => score > conf) };
}

function found() {
  const [left, right] = [strong('left'), strong('right')];
  if (!left || !right) return;
  tell('two_found', {
    left: models.title(sides.left.name), k: left.detections.length, ms: left.speed.network.toFixed(0),
    right: models.title(sides.right.name), n: right.detections.length, others: right.speed.network.toFixed(0),
    same: common(left.detections, right.detections),
  });
  document.getElementById('view-evaluate').dataset.pair = `${left.detections.length} ${right.detections.length}`;
}

/** How many objects both found. */
function common(/** @type {any[]} */ left, /** @type {any[]} */ right) {
  const free = new Set(right);
  let same = 0;
  for (const one of left) {
    for (const other of free) {
      if (one.classId === other.classId && overlap(one.box, other.box) >= SAME) {
        free.delete(other);
        same++;
        break;
      }
    }
  }
  return same;
}

function overlap(/** @type {any} */ a, /** @type {any} */ b) {
  const side = (/** @type {'x' | 'y'} */ at, /** @type {'width' | 'height'} */ size) =>
    Math.max(0, Math.min(a[at] + a[size], b[at] + b[size]) - Math.max(a[at], b[at]));
  const both = side('x', 'width') * side('y', 'height');
  return both / (a.width * a.height + b.width * b.height - both || 1);
}

function paint() {
  const stage = get('stage');
  const ratio = window.devicePixelRatio || 1;
  for (const side of /** @type {const} */ (['left', 'right'])) {
    const canvas = get(side);
    canvas.width = Math.round(stage.clientWidth * ratio);
    canvas.height = Math.round(stage.clientHeight * ratio);
    const result = strong(side);
    canvas.dataset.drawn = result ? result.detections.length : '';
    if (result) draw(canvas, result, { unit: ratio });
    get(`name-${side}`).textContent = models.title(sides[side].name);
  }
}

function split() {
  get('stage').style.setProperty('--split', `${get('split').value}%`);
}

/** The line follows the finger. */
function drag(/** @type {HTMLElement} */ stage) {
  const follow = (/** @type {PointerEvent} */ event) => {
    const { left, width } = stage.getBoundingClientRect();
    get('split').value = String((100 * (event.clientX - left)) / width);
    split();
  };
  stage.addEventListener('pointerdown', (event) => {
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener('pointermove', (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
}

function tell(/** @type {string} */ key, values = {}) {
  told = { key, values };
  write();
}

function write() {
  get('status').textContent = [told.key && app.t(told.key, told.values), told.key && others && app.t('left_out', { n: others })].filter(Boolean).join(' ');
}

function problem(/** @type {string} */ text) {
  get('problem').textContent = text;
  get('problem').hidden = !text;
}
