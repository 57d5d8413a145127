// The cost of networks: counted, and measured.
import { loadCore } from './builds.js';
import { openChannel } from './channel.js';
import { abortable, checkSize, checkThreads } from './checks.js';
import { core, start } from './engine.js';
import { GhostdetError } from './errors.js';
import { COUNT_OPTIONS, MEASURE_OPTIONS, checkOptions } from './options.js';
import { VERSION } from './version.js';

/**
 * Loads the wasm module into this thread, for {@link summarize} and {@link compare}. `Detector.load` does without.
 * @param {{ wasm?: any }} [options] `wasm`: as in `Detector.load`
 */
export async function ready({ wasm } = {}) {
  if (core) return;
  try {
    await start(await loadCore(1, wasm));
  } catch (error) {
    throw GhostdetError.from(error);
  }
}

/**
 * Parameters, GFLOPs and rows of a configuration. Synchronous once {@link ready} is through.
 * @param {string} yaml
 * @param {{ nc?: number, size?: number }} [options]
 */
export function summarize(yaml, options = {}) {
  const { nc, size = 640 } = checkOptions(options, COUNT_OPTIONS, 'summarize()');
  return calculated(() => core.summarize(String(yaml), nc, size));
}

/**
 * Models side by side, with reductions in percent against the first. Without a list: the three s models.
 * @param {string[]} [yamls] configurations, or names of built-in ones
 * @param {{ nc?: number, size?: number }} [options]
 */
export function compare(yamls = [], options = {}) {
  const { nc = 5, size = 640 } = checkOptions(options, COUNT_OPTIONS, 'compare()');
  return calculated(() => core.compare(yamls.map(String), nc, size));
}

/**
 * What networks take on this device, in milliseconds from bytes to candidates: with random weights (the time does
 * not depend on them), in turns, after a run that is not counted. With `profile` also the milliseconds of each row (CPU only).
 * @param {string[]} [models] built-in names or YAML texts; left out: the three s networks
 * @param {import('./index.d.ts').MeasureOptions} [options]
 * @returns {Promise<import('./index.d.ts').Measured[]>}
 */
export async function measure(models, options = {}) {
  checkOptions(options, MEASURE_OPTIONS, 'measure()');
  const { nc = 80, size = 320, device = 'cpu', rounds = 5, profile = false, onProgress = () => {}, signal } = options;
  const names = models?.length ? models : ['yolov5s', 'yolov5s-ghost', 'yolov5s-ghost-backbone'];
  const threads = checkThreads(options.threads);
  const channel = await openChannel();
  const call = (op, payload) => abortable(channel.call(op, payload), signal);
  try {
    await abortable(channel.warm({ threads }), signal);
    const timers = [];
    const total = names.length * (rounds + 1);
    let loaded = 0;
    for (const model of names) {
      timers.push(await call('timer', { model, nc, size: checkSize(size), device }));
      await call('time', timers.at(-1));
      onProgress({ stage: 'measure', loaded: ++loaded, total });
    }
    const times = names.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, timer] of timers.entries()) {
        times[index].push(await call('time', timer));
        onProgress({ stage: 'measure', loaded: ++loaded, total });
      }
    }
    const rows = [];
    if (profile) for (const timer of timers) rows.push(await profiled(call, timer, rounds));
    return names.map((model, index) => {
      const sorted = [...times[index]].sort((a, b) => a - b);
      return { model, milliseconds: sorted[sorted.length >> 1], best: sorted[0], rounds, rows: rows[index] };
    });
  } catch (error) {
    throw GhostdetError.from(error, signal);
  } finally {
    channel.close();
  }
}

/** Rows are timed for so many milliseconds, but at most so many times. */
const PROFILED = 400;
const MOST_PROFILES = 50;

/**
 * Milliseconds of each row of a network: the mean of several runs. (Browsers' clocks are coarse: a median of short times would be
 * 0 or 0.1, a mean is not.) A row that is part of another one's operation, such as a concatenation, has no time of its own.
 */
async function profiled(call, timer, rounds) {
  const sums = [];
  await call('profile', timer);
  const started = performance.now();
  let runs = 0;
  while (runs < rounds || (runs < MOST_PROFILES && performance.now() - started < PROFILED)) {
    for (const { row, milliseconds } of await call('profile', timer)) sums[row] = (sums[row] ?? 0) + milliseconds;
    runs++;
  }
  return Array.from(sums, (sum = 0, row) => ({ row, milliseconds: sum / runs }));
}

/** The core of this thread, if it is loaded. */
export function loadedCore(/** @type {string} */ what) {
  if (!core) throw new GhostdetError('argument', `the wasm module is not loaded in this thread yet: \`await ready()\` once before ${what}`);
  return core;
}

/** The version of ghostdet. */
export const version = () => VERSION;

/**
 * The YAML of a built-in network, such as `yolov5s-ghost`: something to start from.
 * @param {string} name
 * @returns {string}
 */
export function configuration(name) {
  const text = loadedCore('configuration()').configuration(String(name));
  if (text === undefined) throw new GhostdetError('argument', `no built-in network is called "${name}"; one is yolov5s-ghost`);
  return text;
}

function calculated(call) {
  loadedCore('summarize() and compare()');
  try {
    return JSON.parse(call());
  } catch (error) {
    throw GhostdetError.from(error);
  }
}
