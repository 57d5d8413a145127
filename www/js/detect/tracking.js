// Objects that are followed: numbers, trails, lines and zones to drag, counts.
import { Detector } from '../../lib/index.js';
import { app } from '../app.js';
import { onLanguage, t } from '../text.js';
import { onSource, session } from './session.js';
import * as stage from './stage.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);

/** Points as parts of the picture's sides: a turned phone or another camera keeps them. @typedef {{ name: string, points: number[][] }} Shape */
/** @type {{ lines: Shape[], zones: Shape[] }} */
let shapes = { lines: [], zones: [] };
let numbers = { lines: 0, zones: 0 };

const isMoving = () => Boolean(session.source && session.source.kind !== 'photo');
const isOn = () => get('track').checked && 'tracker' in Detector.prototype;

/** Lines and zones in pixels of the picture, as `stream` and `draw` take them. */
export function drawn() {
  const { videoWidth: width, videoHeight: height } = stage.video;
  if (!isMoving() || !isOn() || !width) return {};
  const pixels = (point) => /** @type {[number, number]} */ ([point[0] * width, point[1] * height]);
  const lines = shapes.lines.map(({ name, points }) => ({ name, start: pixels(points[0]), end: pixels(points[1]) }));
  return { lines, zones: shapes.zones.map(({ name, points }) => ({ name, points: points.map(pixels) })) };
}

/** What `stream` is told. */
export const options = () => (isOn() ? { track: true, trails: true, ...drawn() } : {});

export const isTracking = () => isMoving() && isOn();

function add(kind) {
  const n = ++numbers[kind];
  const shift = ((n - 1) % 4) * 0.08;
  const points = kind === 'lines'
    ? [[0.15, 0.5 + shift], [0.85, 0.5 + shift]]
    : [[0.3, 0.3 + shift], [0.7, 0.3 + shift], [0.75, 0.7 + shift], [0.25, 0.7 + shift]];
  shapes[kind].push({ name: t(kind === 'lines' ? 'line_name' : 'zone_name', { n }), points });
  get('track').checked = true;
  changed();
}

function changed() {
  place();
  stage.redraw();
  write();
}

/** A point that is dragged, or moved by arrow keys. */
function handle(shape, index) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'handle';
  button.setAttribute('aria-label', t('handle', { name: shape.name, n: index + 1 }));
  const move = (x, y) => {
    shape.points[index] = [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
    settle();
    stage.redraw();
  };
  button.addEventListener('pointerdown', (event) => {
    event.stopPropagation();
    if (event.isTrusted) button.setPointerCapture(event.pointerId);
    button.onpointermove = (to) => {
      const box = stage.surface.getBoundingClientRect();
      const at = stage.toPicture(to.clientX - box.left, to.clientY - box.top);
      const where = stage.place();
      if (at && where) move(at.x / where.width, at.y / where.height);
    };
  });
  for (const type of ['pointerup', 'pointercancel']) button.addEventListener(type, () => (button.onpointermove = null));
  button.addEventListener('keydown', (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!steps) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = shape.points[index];
    const by = event.shiftKey ? 0.05 : 0.01;
    move(x + by * steps[0], y + by * steps[1]);
  });
  return button;
}

/** @type {{ button: HTMLButtonElement, shape: Shape, index: number }[]} */
let handles = [];

/** Makes the handles anew. */
function place() {
  handles = (isTracking() ? [...shapes.lines, ...shapes.zones] : []).flatMap((shape) =>
    shape.points.map((_, index) => ({ button: handle(shape, index), shape, index })));
  get('handles').replaceChildren(...handles.map(({ button }) => button));
  settle();
}

/** Puts the handles where their points are now. */
function settle() {
  const at = stage.place();
  for (const { button, shape, index } of handles) {
    const [x, y] = shape.points[index];
    button.hidden = !at;
    if (!at) continue;
    button.style.left = `${at.x + (at.mirror ? 1 - x : x) * at.width * at.scale}px`;
    button.style.top = `${at.y + y * at.height * at.scale}px`;
  }
}

/** The counts, a row per line and zone, and the classes that were counted. */
export function report(/** @type {any} */ { counts }) {
  if (!counts) return;
  const rows = [...counts.lines.map((one) => [one, null]), ...counts.zones.map((one) => [one, one.inside])];
  const body = get('counts').tBodies[0];
  body.replaceChildren(...rows.flatMap(([{ name, in: into, out, classes }, inside]) => {
    const row = (label, cells, kind) => {
      const line = document.createElement('tr');
      line.className = kind;
      const head = Object.assign(document.createElement('th'), { scope: 'row', textContent: label });
      line.append(head);
      for (const cell of cells) line.insertCell().textContent = String(cell ?? '–');
      return line;
    };
    return [
      row(name, [into, out, inside], ''),
      ...Object.entries(classes).map(([label, one]) => row(label, [one.in, one.out, one.inside], 'class')),
    ];
  }));
  get('counts').hidden = !rows.length;
}

function write() {
  const some = shapes.lines.length + shapes.zones.length > 0;
  get('counting').hidden = !isMoving() || !('tracker' in Detector.prototype);
  get('counts').hidden = !isTracking() || !some;
  get('shapes-turn').hidden = !shapes.lines.length;
  get('shapes-clear').hidden = !some;
}

export function listen() {
  get('track').checked = app.setting('detect', 'track') === '1';
  get('track').addEventListener('change', () => {
    app.setSetting('detect', 'track', get('track').checked ? '1' : null);
    changed();
  });
  get('add-line').addEventListener('click', () => add('lines'));
  get('add-zone').addEventListener('click', () => add('zones'));
  get('shapes-turn').addEventListener('click', () => {
    for (const { points } of shapes.lines) points.reverse();
    changed();
  });
  get('shapes-clear').addEventListener('click', () => {
    shapes = { lines: [], zones: [] };
    numbers = { lines: 0, zones: 0 };
    get('counts').tBodies[0].replaceChildren();
    changed();
  });
  stage.setShapes(drawn);
  stage.addOverlay(settle);
  onSource(() => (place(), write()));
  onLanguage(() => (place(), write()));
}
