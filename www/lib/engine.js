import { BUILDS, choose } from './builds.js';
import { capture } from './capture.js';
import { startWorkers } from './threads.js';

// The engine: the worker runs it for the page, and `worker: false` runs it in the page.

/**
 * The wasm module's functions, once `ready()` has loaded it.
 * @type {typeof import('./pkg/ghostdet_wasm.js') | null}
 */
export let core = null;

/**
 * Loads the wasm module, once per thread: the one with fused multiply-add where the browser knows it, and the one with
 * threads where more than one is asked for (and memory can be shared).
 */
let loading = null;
export function ready(wanted = 1) {
  loading ??= load(wanted).catch((error) => {
    // A download that failed may succeed the next time.
    loading = null;
    throw error;
  });
  return loading;
}

async function load(wanted) {
  const build = choose(wanted);
  const { glue, file, shared } = BUILDS[build];
  try {
    const module = await glue();
    const { memory } = await module.default({ module_or_path: file() });
    if (shared) {
      await startWorkers(build, module.compiledModule(), memory, wanted - 1);
      module.setWorkers(wanted - 1);
    }
    core = module;
  } catch (error) {
    // The site may lack the build with threads, or the browser may start no more workers: one thread works everywhere.
    if (!shared) throw error;
    await load(1);
  }
}

/** One detector, driven by plain messages. */
export class Engine {
  #detector = null;
  #timers = [];

  /**
   * Loads the wasm module, checks the name of the device, and opens the GPU if it may be used.
   * @param {{ device?: string, threads?: number, model?: string, remembered?: string | null, size?: number }} [options]
   */
  async warm({ device = 'cpu', threads = 1, model = '', remembered, size = 320 } = {}) {
    await ready(threads);
    await core.warm(device, model, remembered ?? undefined, size);
  }

  /** One step of autotuning. */
  async tune() {
    return JSON.parse(await this.#need().tune());
  }

  async load({ bytes, yaml, device, remembered, size }) {
    await ready();
    this.dispose();
    this.#detector = await core.WebDetector.load(new Uint8Array(bytes), yaml ?? undefined, device, remembered ?? undefined, size ?? undefined);
    return JSON.parse(this.#detector.info());
  }

  /**
   * Runs the network once, on pixels or on a bitmap (which goes to the GPU without being read), and gives the boxes for
   * `options`. The candidates stay for `boxes`.
   */
  async run({ rgba, bitmap, width, height, size, options }) {
    const started = performance.now();
    const done = await this.#network({ rgba, bitmap, width, height, size });
    return { ...done, run: performance.now() - started, ...this.boxes(options) };
  }

  async #network({ rgba, bitmap, width, height, size }) {
    if (bitmap) {
      try {
        const done = await this.#need().runBitmap(bitmap, size);
        if (done) return { ...JSON.parse(done), bitmap: true };
        ({ rgba } = (await capture(bitmap)).frame);
      } finally {
        bitmap.close();
      }
    }
    const bytes = new Uint8Array(rgba.buffer ?? rgba, rgba.byteOffset ?? 0, rgba.byteLength);
    return JSON.parse(await this.#need().run(bytes, width, height, size));
  }

  /** The boxes of the last run for these options: takes milliseconds, runs no network. */
  boxes({ conf, iou, classes, maxDetections, agnostic }) {
    const started = performance.now();
    const wanted = classes ? Uint32Array.from(classes) : undefined;
    const flat = this.#need().boxes(conf, iou, wanted, maxDetections, agnostic);
    return { flat, nms: performance.now() - started };
  }

  /** The raw maps for channels-last values, for checks. */
  maps({ values, height, width }) {
    return this.#need().maps(values, height, width);
  }

  /** Loads a network for a benchmark; returns its index. */
  async timer({ model, nc, size, device }) {
    await ready();
    return this.#timers.push(await core.WebTimer.load(model, nc, size, device)) - 1;
  }

  /** Milliseconds of one run. */
  time(index) {
    return this.#timers[index].run();
  }

  /** The largest difference of WebGPU to the CPU, and the largest value. */
  deviation(index) {
    return this.#timers[index].deviation();
  }

  /** Milliseconds of each operation in one run. */
  async profile(index) {
    return JSON.parse(await this.#timers[index].profile());
  }

  dispose() {
    for (const timer of this.#timers) timer.free();
    this.#timers = [];
    this.#detector?.free();
    this.#detector = null;
  }

  #need() {
    if (!this.#detector) throw Object.assign(new Error('no weights are loaded'), { code: 'disposed' });
    return this.#detector;
  }
}
