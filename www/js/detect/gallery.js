// Many pictures at once: a strip that fills while the network runs.
import { contain, draw } from '../../lib/draw.js';
import { app } from '../app.js';
import { onLanguage, t } from '../text.js';
import * as controls from './controls.js';
import { filtered } from './film.js';
import * as photo from './photo.js';
import { begin, countRun, onNetwork, onSource, session, take } from './session.js';
import * as sources from './sources.js';
import * as stage from './stage.js';
import * as status from './status.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);

/** Results are kept from this score on, so that the slider may go down to it later. */
const LEAST = 0.05;
/** A thumbnail's size in pixels. */
const WIDE = 208;
const TALL = 156;

/**
 * `all`: what the network found, with which settings `asked`; `result`: what the settings leave of it now; `drawn`: how many boxes
 * the thumbnail has.
 * @typedef {{ file: File, name: string, all: any, asked: any, result: any, drawn: number, error: string, button: HTMLButtonElement }} Item
 */
/** @type {Item[]} */
let items = [];
/** @type {AbortController | null} */
let running = null;
/** Of a run that waits for a network: whether its first result may be shown. @type {(() => boolean) | null} */
let waiting = null;
/** Files that were no pictures. */
let others = 0;

/** The results so far, by the names of their pictures. */
export const results = () => items.filter(({ result }) => result).map(({ name, result }) => ({ name, ...result }));
export const pictures = () => items.filter(({ result }) => result);
export const isOpen = () => items.length > 0;

/** Puts the small picture with its boxes on the button. */
async function paint(/** @type {Item} */ item) {
  const { file, result, button } = item;
  item.drawn = result.detections.length;
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: WIDE, height: TALL });
  const view = contain(bitmap.width, bitmap.height, { width: WIDE, height: TALL });
  draw(canvas, result, { image: bitmap, view, labels: false, unit: 0.8 });
  bitmap.close();
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.8));
  if (!blob || !item.result) return;
  unpaint(item);
  button.prepend(Object.assign(document.createElement('img'), { src: URL.createObjectURL(blob), alt: '', width: WIDE, height: TALL }));
}

function unpaint(/** @type {Item} */ { button }) {
  const image = button.querySelector('img');
  if (!image) return;
  URL.revokeObjectURL(image.src);
  image.remove();
}

/** The settings as the network was given them: weaker candidates and other classes may be wanted later. */
const asking = () => ({ ...controls.options(), conf: Math.min(LEAST, controls.options().conf), classes: null });

function settle(/** @type {Item} */ item) {
  item.result = filtered(item.all);
  item.button.dataset.count = String(item.result.detections.length);
}

/** Other thresholds or classes: other boxes, without the network. */
export async function refine() {
  const mine = (refining = {});
  for (const item of items) if (item.all) settle(item);
  if (isOpen()) write();
  // A slider goes on moving.
  await new Promise((resolve) => setTimeout(resolve, 250));
  for (const item of items) {
    if (mine !== refining) return;
    if (item.result && item.drawn !== item.result.detections.length) await paint(item).catch(() => {});
  }
}
let refining = {};

function add(file) {
  const button = document.createElement('button');
  button.type = 'button';
  const name = file.webkitRelativePath || file.name;
  const label = Object.assign(document.createElement('span'), { textContent: name });
  button.append(label);
  /** @type {Item} */
  const item = { file, name, all: null, asked: null, result: null, drawn: 0, error: '', button };
  button.addEventListener('click', () => choose(item));
  items.push(item);
  return button;
}

/** Shows one of the pictures large. */
function choose(item) {
  for (const one of items) one.button.setAttribute('aria-pressed', String(one === item));
  if (item.error) {
    begin();
    take(null);
    stage.clear();
    return status.tell('gallery_bad', { name: item.name, why: item.error }, true);
  }
  photo.open(item.file, item.name, { known: running ? item.result : null });
}

/** Takes pictures and runs the network on one after the other; `rest` files were something else. */
export async function open(/** @type {File[]} */ files, rest = 0) {
  const isMine = begin();
  close();
  const taken = files.slice(0, sources.MOST);
  others = rest + files.length - taken.length;
  get('gallery').hidden = false;
  get('thumbnails').replaceChildren(...taken.map(add));
  await run(isMine);
}

const noneOrPhoto = () => !session.source || session.source.kind === 'photo';

/** Runs the network on the pictures that have no result yet. The first result is shown if nothing else was opened meanwhile. */
async function run(mayShow = noneOrPhoto) {
  const { detector } = app;
  waiting = detector ? null : mayShow;
  if (!detector) return write();
  const mine = (running = new AbortController());
  app.setBusy('gallery', true);
  let first = items.find(({ result }) => result) === undefined;
  for (const item of items) {
    if (item.result || item.error) continue;
    if (mine.signal.aborted) break;
    session.ran = null;
    try {
      const asked = asking();
      const all = await detector.detect(item.file, { ...asked, signal: mine.signal });
      if (mine.signal.aborted) break;
      countRun();
      Object.assign(item, { all, asked });
      settle(item);
      await paint(item);
      if (first && mayShow()) choose(item);
      first = false;
    } catch (error) {
      if (['aborted', 'disposed'].includes(error.code)) break;
      item.error = error.message;
      item.button.classList.add('failed');
    }
    write();
  }
  if (running !== mine) return;
  running = null;
  app.setBusy('gallery', false);
  write();
}

/** Puts all away. */
function close() {
  running?.abort();
  running = waiting = null;
  app.setBusy('gallery', false);
  items.forEach(unpaint);
  items = [];
  others = 0;
  get('gallery').hidden = true;
  get('thumbnails').replaceChildren();
}

function write() {
  const done = items.filter(({ result, error }) => result || error).length;
  const failed = items.filter(({ error }) => error).length;
  const objects = items.reduce((sum, { result }) => sum + (result?.detections.length ?? 0), 0);
  const parts = [t(running ? 'gallery_running' : 'gallery_done', { k: done, n: items.length, objects })];
  if (failed) parts.push(t('gallery_failed', { n: failed }));
  const { conf, iou } = controls.options();
  if (items.some(({ all, asked }) => all && (asked.iou !== iou || asked.conf > conf))) parts.push(t('gallery_changed'));
  if (others) parts.push(t('left_out', { n: others }));
  get('gallery-text').textContent = parts.join(' ');
  get('gallery-progress').hidden = !running;
  get('gallery-progress').value = items.length ? done / items.length : 0;
  get('gallery-stop').textContent = t(running ? 'gallery_cancel' : done < items.length ? 'gallery_go_on' : 'gallery_again');
}

export function listen() {
  get('gallery-stop').addEventListener('click', () => {
    if (running) {
      running.abort();
      running = null;
      app.setBusy('gallery', false);
      return write();
    }
    if (items.every(({ result, error }) => result || error)) {
      for (const item of items) {
        Object.assign(item, { all: null, result: null, error: '' });
        unpaint(item);
        item.button.classList.remove('failed');
      }
    }
    run();
  });
  get('gallery-close').addEventListener('click', close);
  onNetwork(() => waiting && run(waiting));
  onSource(() => {
    if (session.source?.kind && session.source.kind !== 'photo') for (const { button } of items) button.setAttribute('aria-pressed', 'false');
  });
  onLanguage(() => isOpen() && write());
}
