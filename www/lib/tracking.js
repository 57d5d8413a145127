// The page's side of tracking: options to plain messages, and answers to objects. The tracker itself is in the core.
import { GhostdetError } from './errors.js';
import { checkOptions } from './options.js';

/** Points of a trail where `trails` is `true`. */
const TRAIL = 50;

/** In the kind of a border, as the core's class reads it. */
const ZONE = 1;
const BOTTOM = 2;

/** What the engine is told with a frame. `scale`: pixels of the source per pixel of what the network is given.
 * @typedef {{ id: string, time: number, scale: number[], trails: boolean, options: any,
 *   borders: { names: string[], kinds: number[], lengths: number[], points: number[] } }} Asked */

/**
 * Whether options ask for tracks: lines and zones cannot do without.
 * @param {any} options
 */
export function wantsTracks({ track, lines, zones, trails }) {
  return Boolean(track || trails || lines?.length || zones?.length);
}

/**
 * The time of a source, in seconds, where it has one.
 * @param {any} source
 */
export function timeOf(source) {
  if (typeof VideoFrame !== 'undefined' && source instanceof VideoFrame) return source.timestamp / 1e6;
  return typeof source?.currentTime === 'number' ? source.currentTime : undefined;
}

/** Follows objects through pictures that are given one by one. Made by `Detector.tracker()`. */
export class Tracker {
  #detect;
  #drop;
  /** Ends the pictures that wait. */
  #gone = new AbortController();

  /**
   * @param {(source: any, options: any) => Promise<any>} detect
   * @param {() => void} drop
   */
  constructor(detect, drop) {
    this.#detect = detect;
    this.#drop = drop;
  }

  /**
   * Finds objects in the next picture, and which of the last ones they are.
   * @param {import('./index.d.ts').Source} source
   * @param {import('./index.d.ts').TrackedDetectOptions} [options]
   * @returns {Promise<import('./index.d.ts').TrackedResult>}
   */
  async detect(source, options = {}) {
    const gone = () => new GhostdetError('disposed', 'the tracker was disposed of');
    if (!this.#drop) throw gone();
    // What is no object of options is refused below.
    if (typeof options !== 'object' || options === null) return this.#detect(source, options);
    const { signal } = options;
    const stop = new AbortController();
    const end = () => stop.abort(signal?.aborted ? signal.reason : undefined);
    if (signal?.aborted) end();
    for (const one of [this.#gone.signal, signal]) one?.addEventListener('abort', end, { once: true });
    try {
      return await this.#detect(source, { ...options, signal: stop.signal });
    } catch (error) {
      throw error?.code === 'aborted' && !signal?.aborted ? gone() : error;
    } finally {
      for (const one of [this.#gone.signal, signal]) one?.removeEventListener('abort', end);
    }
  }

  /** Frees the tracks and their counts. Pictures that wait for their turn are not looked at any more: an error of code `disposed`. */
  dispose() {
    this.#gone.abort();
    this.#drop?.();
    this.#drop = null;
  }
}

/** The tracks of one video, or of single pictures in order. Their state is in the engine. */
export class Tracks {
  id = `${Math.random()}`;
  /** Whether the engine knows them. */
  used = false;

  /**
   * What the engine is told of a frame.
   * @param {any} options of the stream
   * @param {{ conf: number, agnostic: boolean }} checked
   * @param {number | undefined} time seconds
   * @returns {Asked}
   */
  ask({ track, lines, zones, trails }, { conf, agnostic }, time) {
    this.used = true;
    if (time !== undefined && typeof time !== 'number') throw refused('time', time, 'seconds, as a number');
    const given = typeof track === 'object' && track !== null ? checkOptions(track, ['high', 'low', 'start', 'buffer'], 'track') : {};
    const number = (name, fallback) => {
      const value = given[name] ?? fallback;
      if (typeof value !== 'number') throw refused(`track.${name}`, value, 'a number');
      return value;
    };
    const high = number('high', conf);
    const [low, start, buffer] = [number('low', Math.min(0.1, high)), number('start', high), number('buffer', 2)];
    const trail = trails === true ? TRAIL : (trails || 0);
    if (!Number.isInteger(trail) || trail < 0 || trail > 1000) throw refused('trails', trails, 'true or a number of points from 1 to 1000');
    const borders = { names: [], kinds: [], lengths: [], points: [] };
    for (const [at, line] of list(lines, 'lines')) {
      add(borders, line, `line ${at + 1}`, `lines[${at}]`, ['start', 'end'].map((end) => line?.[end]), 0);
    }
    for (const [at, zone] of list(zones, 'zones')) {
      const points = list(zone?.points, `zones[${at}].points`).map(([, point]) => point);
      add(borders, zone, `zone ${at + 1}`, `zones[${at}]`, points, ZONE);
    }
    const options = { high, low, start, buffer, agnostic, trail };
    return { id: this.id, time: time ?? NaN, scale: [1, 1], trails: trail > 0, options, borders };
  }
}

/**
 * The answer as the page sees it: detections with `track`, `counts`, and `trails` if they were asked for.
 * @param {{ tracked: Float64Array, counts: Float64Array, trails: Float64Array | null }} done
 * @param {Asked} asked
 * @param {string[]} labels
 * @param {{ width: number, height: number }} size
 */
export function readTracks({ tracked, counts, trails }, { borders }, labels, { width, height }) {
  const label = (id) => labels[id] ?? `class ${id}`;
  const clamp = (value, top) => Math.min(Math.max(value, 0), top);
  const detections = chunks(tracked, 7).map(([x1, y1, x2, y2, score, classId, track]) => {
    const [x, y] = [clamp(x1, width), clamp(y1, height)];
    const box = { x, y, width: clamp(x2, width) - x, height: clamp(y2, height) - y };
    return { label: label(classId), classId, score, box, track };
  });
  const read = { detections, counts: counted(counts, borders, label) };
  return trails ? { ...read, trails: trailed(trails, label) } : read;
}

function counted(flat, { names, kinds }, label) {
  const counts = { lines: [], zones: [] };
  let at = 0;
  for (const [i, name] of names.entries()) {
    const zone = Boolean(kinds[i] & ZONE);
    const empty = () => (zone ? { in: 0, out: 0, inside: 0 } : { in: 0, out: 0 });
    const count = { name, ...empty(), classes: {} };
    const end = at + 1 + 4 * flat[at];
    for (const [classId, entered, left, inside] of chunks(flat.subarray(at + 1, end), 4)) {
      const one = Object.assign(empty(), { in: entered, out: left }, zone && { inside });
      for (const key of Object.keys(one)) count[key] += one[key];
      count.classes[label(classId)] = one;
    }
    counts[zone ? 'zones' : 'lines'].push(count);
    at = end;
  }
  return counts;
}

function trailed(flat, label) {
  const trails = [];
  for (let at = 0; at < flat.length;) {
    const [track, classId, seen, length] = flat.subarray(at, at + 4);
    const end = at + 4 + 2 * length;
    trails.push({ track, label: label(classId), classId, seen: seen === 1, points: chunks(flat.subarray(at + 4, end), 2) });
    at = end;
  }
  return trails;
}

function chunks(flat, size) {
  return Array.from({ length: flat.length / size }, (_, i) => [...flat.subarray(size * i, size * (i + 1))]);
}

/** The entries of a list that may be missing. */
function list(value, where) {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw refused(where, value, 'a list');
  return [...value.entries()];
}

function add(borders, given, name, where, points, kind) {
  const known = kind === ZONE ? ['name', 'points', 'anchor'] : ['name', 'start', 'end', 'anchor'];
  checkOptions(given, known, where);
  const anchor = given.anchor ?? 'center';
  if (anchor !== 'center' && anchor !== 'bottom') throw refused(`${where}.anchor`, anchor, '"center" or "bottom"');
  for (const point of points) {
    const fine = Array.isArray(point) && point.length === 2 && point.every((value) => Number.isFinite(value));
    if (!fine) throw refused(where, JSON.stringify(point), 'points as [x, y], in pixels of the source');
  }
  borders.names.push(String(given.name ?? name));
  borders.kinds.push(kind + (anchor === 'bottom' ? BOTTOM : 0));
  borders.lengths.push(points.length);
  borders.points.push(...points.flat());
}

function refused(where, value, expected) {
  return new GhostdetError('argument', `${where}: ${value} is not ${expected}`);
}
