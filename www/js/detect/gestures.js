// Fingers, mouse and keys on the picture: enlarge, move, point at boxes.
import { highlight, highlightNext } from './session.js';
import * as stage from './stage.js';

/** Milliseconds between two taps that count as a double tap, and pixels that a tap may wander. */
const DOUBLE = 300;
const STILL = 8;

/** @type {Map<number, { x: number, y: number }>} */
const down = new Map();
let last = { at: 0, x: 0, y: 0 };
let wandered = 0;

function at(event) {
  const box = stage.surface.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

const spread = () => {
  const [a, b] = [...down.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.hypot(a.x - b.x, a.y - b.y) };
};

function start(event) {
  if (event.button > 0 || event.target.closest('button, select, input, label')) return;
  if (!down.size) wandered = 0;
  down.set(event.pointerId, at(event));
  if (event.isTrusted) stage.surface.setPointerCapture(event.pointerId);
}

function move(event) {
  const point = at(event);
  if (!down.has(event.pointerId)) {
    if (event.pointerType === 'mouse' && !event.buttons) highlight(stage.boxAt(point.x, point.y));
    return;
  }
  const before = down.get(event.pointerId);
  wandered += Math.hypot(point.x - before.x, point.y - before.y);
  if (down.size === 1) {
    if (stage.zoom() > 1) stage.pan(point.x - before.x, point.y - before.y);
    down.set(event.pointerId, point);
    return;
  }
  const old = spread();
  down.set(event.pointerId, point);
  const now = spread();
  stage.pan(now.x - old.x, now.y - old.y);
  if (old.length > 0) stage.zoomAt(now.length / old.length, now.x, now.y);
  wandered += STILL;
}

function end(event) {
  const point = at(event);
  if (!down.delete(event.pointerId) || event.type !== 'pointerup' || down.size || wandered > STILL) return;
  const now = performance.now();
  if (now - last.at < DOUBLE && Math.hypot(point.x - last.x, point.y - last.y) < 3 * STILL) {
    last.at = 0;
    if (stage.zoom() > 1) stage.reset();
    else stage.zoomAt(2.5, point.x, point.y);
    return;
  }
  last = { at: now, ...point };
  highlight(stage.boxAt(point.x, point.y));
}

function wheel(event) {
  // Two fingers on a trackpad say ctrlKey; a plain wheel scrolls the page unless the picture is enlarged.
  if (!event.ctrlKey && stage.zoom() === 1) return;
  event.preventDefault();
  const { x, y } = at(event);
  if (event.ctrlKey || !event.shiftKey) stage.zoomAt(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), x, y);
  else stage.pan(-event.deltaY, 0);
}

function key(event) {
  if (event.target !== stage.surface || event.altKey || event.ctrlKey || event.metaKey) return;
  const step = 40;
  const actions = {
    '+': () => stage.zoomAt(1.4), '=': () => stage.zoomAt(1.4), '-': () => stage.zoomAt(1 / 1.4), 0: () => stage.reset(),
    ArrowRight: () => (event.shiftKey ? stage.pan(-step, 0) : highlightNext(1)),
    ArrowLeft: () => (event.shiftKey ? stage.pan(step, 0) : highlightNext(-1)),
    ArrowDown: () => (event.shiftKey ? stage.pan(0, -step) : highlightNext(1)),
    ArrowUp: () => (event.shiftKey ? stage.pan(0, step) : highlightNext(-1)),
    Escape: () => highlight(null),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

/** Listens to pointers, wheel and keys. */
export function listen() {
  const { surface } = stage;
  surface.addEventListener('pointerdown', start);
  surface.addEventListener('pointermove', move);
  for (const type of ['pointerup', 'pointercancel']) surface.addEventListener(type, end);
  surface.addEventListener('pointerleave', (event) => {
    if (event.pointerType === 'mouse' && !down.size) highlight(null);
  });
  surface.addEventListener('wheel', wheel, { passive: false });
  surface.addEventListener('keydown', key);
  const buttons = document.getElementById('zoom');
  stage.onMove(() => (buttons.hidden = stage.zoom() === 1));
  document.getElementById('zoom-in').addEventListener('click', () => stage.zoomAt(1.6));
  document.getElementById('zoom-out').addEventListener('click', () => stage.zoomAt(1 / 1.6));
  document.getElementById('zoom-reset').addEventListener('click', () => stage.reset());
}
