// The stage: one picture or video, and the boxes over it, whatever its shape, its enlargement or the screen's pixel ratio.
import { contain, draw } from '../../lib/draw.js';

const stage = document.getElementById('stage');
export const photo = /** @type {HTMLImageElement} */ (document.getElementById('photo'));
export const video = /** @type {HTMLVideoElement} */ (document.getElementById('video'));
const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById('boxes'));

/** The largest enlargement. */
const LARGEST = 12;

/** @type {any} */
let shown = null;
/** @type {number | null} */
let marked = null;
/** @type {HTMLImageElement | HTMLVideoElement | null} */
let element = null;
let mirrored = false;
/** What is shown in the video's place. @type {ImageBitmap | null} */
let still = null;
/** Enlargement and shift: a point of the stage that lay at `p` lies at `zoom * p + (x, y)`. */
let view = { zoom: 1, x: 0, y: 0 };
/** Called when the boxes were drawn anew. @type {Set<() => void>} */
const overlays = new Set();
/** Lines and zones to draw, in pixels of the picture. @type {() => any} */
let shapes = () => ({});
/** @type {Set<() => void>} */
const moved = new Set();

/** @typedef {{ x: number, y: number, scale: number, width: number, height: number, mirror: boolean }} Place in CSS pixels of the stage */

/** Calls `overlay` whenever the picture was drawn anew, perhaps at another place. */
export const addOverlay = (/** @type {() => void} */ overlay) => overlays.add(overlay);

/** Says which lines and zones are drawn. */
export const setShapes = (/** @type {() => any} */ callback) => (shapes = callback);

/** Calls back when the picture was enlarged or moved. */
export const onMove = (/** @type {() => void} */ callback) => moved.add(callback);

/** Shows a still picture; resolves when it is decoded. */
export async function showPhoto(/** @type {string} */ url, /** @type {string} */ alt) {
  // The first sample stands in the page already.
  if (photo.src !== new URL(url, document.baseURI).href) photo.src = url;
  photo.alt = alt;
  await photo.decode();
  swap(photo, false);
  return photo;
}

/** Shows the camera, a screen or a film; `mirror` as in a looking glass. */
export function showVideo(mirror = false) {
  swap(video, mirror);
  return video;
}

/** Calls back when nothing is shown any more. @type {Set<() => void>} */
const emptied = new Set();
export const onEmpty = (/** @type {() => void} */ callback) => emptied.add(callback);

/** Shows nothing but the invitation. */
export function clear() {
  swap(null, false);
  for (const callback of emptied) callback();
}

/** Replaces the boxes: `{ width, height, detections }`, or null for none. */
export function showResult(/** @type {any} */ result, /** @type {number | null} */ index = null) {
  shown = result;
  marked = index;
  redraw();
}

/** Shows a frame in the video's place with the next result; null for the video itself. */
export function showStill(/** @type {ImageBitmap | null} */ frame) {
  still?.close();
  still = frame;
  if (!frame) redraw();
}

/** Makes a box stand out. */
export function highlight(/** @type {number | null} */ index) {
  marked = index;
  redraw();
}

function swap(next, mirror) {
  element = next;
  showStill(null);
  photo.hidden = next !== photo;
  video.hidden = next !== video;
  document.getElementById('empty').hidden = next !== null;
  mirrored = mirror;
  shape();
  reset();
  showResult(null);
}

const size = () => (element === photo ? [photo.naturalWidth, photo.naturalHeight] : [video.videoWidth, video.videoHeight]);

/** On a phone the stage has the picture's shape. */
function shape() {
  const [width, height] = element ? size() : [0, 0];
  if (width && height) stage.style.setProperty('--aspect', String(Math.min(2.4, Math.max(0.7, width / height))));
}

const room = () => ({ width: stage.clientWidth, height: stage.clientHeight });

/** Where the picture lies, in CSS pixels of the stage. @returns {Place | null} */
export function place() {
  const [width, height] = shown ? [shown.width, shown.height] : element ? size() : [0, 0];
  if (!width || !height) return null;
  const at = contain(width, height, room());
  const { zoom, x, y } = view;
  return { x: at.x * zoom + x, y: at.y * zoom + y, scale: at.scale * zoom, width, height, mirror: mirrored };
}

/** A point of the stage, in CSS pixels, as a point of the picture. */
export function toPicture(/** @type {number} */ x, /** @type {number} */ y) {
  const at = place();
  if (!at) return null;
  const left = (x - at.x) / at.scale;
  return { x: at.mirror ? at.width - left : left, y: (y - at.y) / at.scale };
}

/** The smallest box around a point of the stage, as its index; null for none. */
export function boxAt(/** @type {number} */ x, /** @type {number} */ y) {
  const point = shown && toPicture(x, y);
  if (!point) return null;
  let best = null;
  let least = Infinity;
  for (const [index, { box }] of shown.detections.entries()) {
    const inside = point.x >= box.x && point.y >= box.y && point.x <= box.x + box.width && point.y <= box.y + box.height;
    if (inside && box.width * box.height < least) [best, least] = [index, box.width * box.height];
  }
  return best;
}

export const zoom = () => view.zoom;

/** Enlarges by a factor around a point of the stage. */
export function zoomAt(/** @type {number} */ factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  if (!element) return;
  const next = Math.min(LARGEST, Math.max(1, view.zoom * factor));
  const grown = next / view.zoom;
  view = { zoom: next, x: x - (x - view.x) * grown, y: y - (y - view.y) * grown };
  settle();
}

/** Moves the enlarged picture. */
export function pan(/** @type {number} */ dx, /** @type {number} */ dy) {
  view = { ...view, x: view.x + dx, y: view.y + dy };
  settle();
}

/** Shows the whole picture. */
export function reset() {
  view = { zoom: 1, x: 0, y: 0 };
  settle();
}

/** Keeps the picture over the stage, puts it there, draws the boxes anew. */
function settle() {
  const box = room();
  const [width, height] = element ? size() : [0, 0];
  if (width && height) {
    const at = contain(width, height, box);
    const keep = (shift, start, length, whole) => {
      const wide = length * view.zoom;
      if (wide <= whole) return (whole - wide) / 2 - start * view.zoom;
      return Math.min(-start * view.zoom, Math.max(whole - wide - start * view.zoom, shift));
    };
    view.x = keep(view.x, at.x, width * at.scale, box.width);
    view.y = keep(view.y, at.y, height * at.scale, box.height);
  }
  const { zoom: by, x, y } = view;
  const flip = mirrored ? ' translateX(100%) scaleX(-1)' : '';
  for (const one of [photo, video]) one.style.transform = by === 1 && !flip ? '' : `translate(${x}px, ${y}px) scale(${by})${flip}`;
  stage.classList.toggle('enlarged', by > 1);
  redraw();
  for (const callback of moved) callback();
}

/** Draws the boxes anew. */
export function redraw() {
  const { width, height } = room();
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext('2d');
  canvas.dataset.drawn = String(shown ? shown.detections.length : 0);
  const at = place();
  const more = shapes();
  if (at && (shown || more.lines?.length || more.zones?.length)) {
    const scaled = { x: at.x * ratio, y: at.y * ratio, scale: at.scale * ratio };
    const result = shown ?? { width: at.width, height: at.height, detections: [] };
    draw(canvas, result, { image: still ?? undefined, view: scaled, mirror: mirrored, unit: ratio, highlight: marked, ...more });
  } else {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, w, h);
  }
  for (const overlay of overlays) overlay();
}

/** The stage's own element, for gestures. */
export const surface = stage;

video.addEventListener('resize', () => {
  // A turned phone or another camera: the picture has another shape.
  if (element !== video) return;
  shape();
  settle();
});
new ResizeObserver(settle).observe(stage);
(function watchRatio() {
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener('change', () => (redraw(), watchRatio()), { once: true });
})();
