// What the view shows now: one source at a time, its last result, and the detection that stands out.
import { app } from '../app.js';
import * as controls from './controls.js';
import * as found from './found.js';
import * as stage from './stage.js';
import * as tracking from './tracking.js';

/**
 * A photo, a camera, a screen, a video. `stop` lets go of it; `again` runs a new network, or the same with another input
 * size, on it; `refine` says whether other boxes of the last run may be shown.
 * @typedef {{ kind: 'photo' | 'camera' | 'screen' | 'film', name: string, element: HTMLImageElement | HTMLVideoElement,
 *   mirrored?: boolean, stop: () => void, again: () => unknown, refine: () => boolean }} Source
 */

export const session = {
  /** @type {Source | null} */
  source: null,
  /** @type {any} */
  result: null,
  /** Whose picture the network was given last: other boxes of that run may be asked for. @type {Source | null} */
  ran: null,
};

/** Network runs so far, for whoever wants to see that sliders need none. */
let runs = 0;
/** @type {Set<() => void>} */
const changed = new Set();

/** Calls back when another source is there, or none. */
export const onSource = (/** @type {() => void} */ callback) => changed.add(callback);

/** @type {Set<() => void>} */
const networks = new Set();
/** Calls back when a network is there, the first or another. */
export const onNetwork = (/** @type {() => void} */ callback) => networks.add(callback);
/** A network is there: what is shown is looked at by it. */
export function withNetwork() {
  for (const callback of networks) callback();
  return session.source?.again();
}

let opening = {};
/** Begins to open something. The answer tells whether nothing else was begun since: of several, whatever their kind, the last wins. */
export function begin() {
  const mine = (opening = {});
  return () => mine === opening;
}

/** Lets go of the source at work, and takes another one or none. */
export function take(/** @type {Source | null} */ source) {
  const before = session.source;
  session.source = source;
  session.result = null;
  if (before !== source) before?.stop();
  highlight(null);
  for (const callback of changed) callback();
}

/** Counts a run of the network. */
export function countRun() {
  document.body.dataset.runs = String(++runs);
}

/** The highlighted detection, followed from frame to frame. @type {{ index: number, classId: number, box: any, track?: number } | null} */
let marked = null;

const overlap = (a, b) => {
  const wide = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const tall = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (wide <= 0 || tall <= 0) return 0;
  return (wide * tall) / (a.width * a.height + b.width * b.height - wide * tall);
};

/** Finds the highlighted detection again among newer ones. */
function follow(detections) {
  if (!marked) return;
  let best = -1;
  let most = 0.2;
  for (const [index, { classId, box, track }] of detections.entries()) {
    if (classId !== marked.classId) continue;
    const share = track !== undefined && track === marked.track ? 2 : overlap(box, marked.box);
    if (share > most) [best, most] = [index, share];
  }
  marked = best < 0 ? null : { index: best, ...detections[best] };
}

/** Makes a detection stand out, in the picture and in the list; null for none. */
export function highlight(/** @type {number | null} */ index) {
  const one = index === null ? null : session.result?.detections[index];
  if ((marked?.index ?? null) === (one ? index : null)) return;
  marked = one ? { index, ...one } : null;
  stage.highlight(marked?.index ?? null);
  found.highlight(marked?.index ?? null);
}

/** Goes `step` detections on in the list. */
export function highlightNext(/** @type {number} */ step) {
  const many = Math.min(session.result?.detections.length ?? 0, found.MOST);
  if (!many) return;
  const from = marked?.index ?? (step > 0 ? -1 : many);
  highlight((from + step + many) % many);
}

/** When a live source's finds were read out last, and what was said. */
let said = { at: 0, text: '' };
/** @type {ReturnType<typeof setTimeout> | undefined} */
let saying;

/** Reads out what was found: at once for a still picture, at most every five seconds, and only news, for a moving one. */
function announce(live) {
  clearTimeout(saying);
  const say = () => {
    const text = found.summary(session.result?.detections ?? []);
    if (live && text === said.text) return;
    said = { at: performance.now(), text };
    app.announce(text);
  };
  if (live) saying = setTimeout(say, Math.max(1500, 5000 - (performance.now() - said.at)));
  else say();
}

stage.onEmpty(() => {
  session.result = null;
  found.clear();
  controls.report(null);
});

/** Shows a result: boxes, list, times. */
export function show(/** @type {any} */ result) {
  session.result = result;
  follow(result?.detections ?? []);
  stage.showResult(result, marked?.index ?? null);
  if (!result) return;
  controls.report(result);
  tracking.report(result);
  found.report(result, marked?.index ?? null);
  announce(session.source?.kind !== 'photo');
}
