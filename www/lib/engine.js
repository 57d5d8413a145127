import { configureBurn, findAdapter, loadBurn, openGpu } from './burn.js';
import { capture } from './capture.js';
import { GhostdetError } from './errors.js';
import { cpuGlue, threadsGlue } from './glue.js';
import { BURN_OPS, Placement, likelyWay } from './placement.js';
import { startWorkers } from './pool.js';
import { Timer } from './timer.js';
import { Trackers, track } from './trackers.js';
import { instantiate } from './wasm.js';

// The engine: the worker runs it for the page, and `worker: false` runs it in the page.

/**
 * The wasm module's functions, once `start()` has started it.
 * @type {typeof import('./pkg/ghostdet_wasm.js') | null}
 */
export let core = null;

/** @type {Promise<void> | null} */
let starting = null;

/**
 * Starts the CPU's module, once per thread.
 * @param {import('./builds.js').Core} [wanted]
 */
export function start(wanted) {
  starting ??= run(wanted).catch((error) => {
    // What failed may succeed the next time.
    starting = null;
    throw error;
  });
  return starting;
}

async function run(/** @type {import('./builds.js').Core | undefined} */ wanted) {
  if (!wanted) throw new GhostdetError('internal', 'the wasm module was not handed over');
  const { module, threads, pool } = wanted;
  if (!pool) {
    const glue = await cpuGlue();
    await instantiate(glue, module);
    core = glue;
    return;
  }
  try {
    const glue = await threadsGlue();
    const { memory } = await instantiate(glue, module);
    await startWorkers(pool, module, memory, threads - 1);
    glue.setWorkers(threads - 1);
    // The same functions, and those of the threads.
    core = /** @type {any} */ (glue);
  } catch (error) {
    // The browser may start no more workers: whoever asked tries again with one thread.
    throw new GhostdetError('threads', error?.message ?? String(error), { cause: error });
  }
}

/** One detector, driven by plain messages. */
export class Engine {
  /** The network on the CPU. @type {import('./pkg/ghostdet_wasm.js').WebDetector | null} */
  #cpu = null;
  /** Where it runs. @type {Placement | null} */
  #placement = null;
  /** The network that ran last: its candidates are asked for. */
  #last = null;
  /** The adapter that was asked for while the weights came in. @type {ReturnType<typeof findAdapter> | null} */
  #adapter = null;
  /** The image size that was asked for last. */
  #size = 640;
  #timers = [];
  #trackers = new Trackers();

  /**
   * Loads the CPU's module and checks the name of the device. Where a GPU will probably run the network, Burn's module and the
   * shaders are got ready, too.
   * @param {{ core?: import('./builds.js').Core, burn?: any, device?: string, model?: string, remembered?: string | null, size?: number }} [options]
   *   `core`, `burn`: the modules, or their addresses
   */
  async warm({ core: wanted, burn: file, device = 'cpu', model = '', remembered, size = 320 } = {}) {
    await start(wanted);
    core.checkDevice(device);
    configureBurn(file);
    if (device.startsWith('cpu')) return;
    const warmed = this.#warmGpu(device, model, remembered, size);
    // With `auto` the CPU answers meanwhile.
    if (device !== 'auto') await warmed;
  }

  /** What goes wrong here goes wrong in `load`, too, which reports it. */
  async #warmGpu(device, model, remembered, size) {
    try {
      this.#adapter = findAdapter();
      const adapter = await this.#adapter;
      const way = adapter && likelyWay(remembered, adapter.name, core.version(), size);
      if (!adapter || (device === 'auto' && !way)) return;
      const burn = await loadBurn();
      const { likely } = await openGpu(burn);
      if (device !== `webgpu/${BURN_OPS}`) await burn.call((module) => module.warmGpu(model, way || likely[0], size));
    } catch {
      // See above.
    }
  }

  /** One step of autotuning. */
  async tune() {
    this.#need();
    await this.#placement.tune();
    return this.#placement.info(this.#size);
  }

  async load({ bytes, yaml, device, remembered, size }) {
    await start();
    this.dispose();
    const file = new Uint8Array(bytes);
    const onCpu = device.startsWith('cpu');
    const cpu = core.WebDetector.load(file, yaml ?? undefined, onCpu ? device : 'cpu', size ?? undefined, !onCpu);
    const { processor, threads, precision, ...info } = JSON.parse(cpu.info());
    // Burn's module reads safetensors only.
    const weights = onCpu || info.format.startsWith('safetensors') ? file : core.toSafetensors(file);
    const side = size ?? info.imgsz;
    const asked = { yaml: yaml ?? undefined, device, remembered, side, size: size ?? undefined, version: core.version() };
    const placement = new Placement(cpu, { processor, threads, precision }, weights, asked);
    try {
      await placement.choose(this.#adapter ?? findAdapter());
      this.#adapter = null;
    } catch (error) {
      placement.dispose();
      cpu.free();
      throw error;
    }
    this.#cpu = cpu;
    this.#placement = placement;
    this.#size = side;
    return { ...info, device: placement.info(side) };
  }

  /**
   * Runs the network once, on pixels or on a bitmap (which goes to the GPU without being read), and gives the boxes for
   * `options`, or those that belong to tracks. The candidates stay for `boxes`.
   */
  async run({ rgba, bitmap, width, height, size, options, tracking }) {
    this.#need();
    // What it does not take is told before the network runs.
    const tracker = tracking && this.#trackers.use(core, tracking);
    const started = performance.now();
    const done = await this.#network({ rgba, bitmap, width, height, size });
    const run = performance.now() - started;
    if (!tracker) return { ...done, run, ...this.boxes(options) };
    const { flat, nms } = this.boxes({ ...options, conf: Math.min(options.conf, tracking.options.low) });
    return { ...done, run, nms, ...track(tracker, flat, tracking) };
  }

  /** Frees the tracks of a stream. */
  untrack(id) {
    this.#trackers.drop(id);
  }

  async #network({ rgba, bitmap, width, height, size }) {
    const cpu = this.#need();
    const placement = this.#placement;
    this.#last = null;
    this.#size = size;
    let failed = null;
    try {
      await placement.revive();
      const place = placement.on(size);
      if (place) {
        try {
          return await this.#onGpu(place, { rgba, bitmap, width, height, size });
        } catch (error) {
          failed = error;
        }
      }
      if (bitmap) ({ rgba } = (await capture(bitmap)).frame);
    } finally {
      bitmap?.close();
    }
    // If the CPU refuses the image, too, it is not the GPU's fault.
    const speed = JSON.parse(await cpu.run(bytesOf(rgba), width, height, size, false));
    if (failed) placement.failed(size, failed);
    this.#last = cpu;
    return { ...speed, device: placement.info(size) };
  }

  /** On the GPU: a bitmap as it is where that works, else its pixels. */
  async #onGpu({ burn, gpu }, { rgba, bitmap, width, height, size }) {
    const done = bitmap && (await burn.call(() => gpu.runBitmap(bitmap, size)));
    if (bitmap && !done) ({ rgba } = (await capture(bitmap)).frame);
    const speed = done || (await burn.call(() => gpu.run(bytesOf(rgba), width, height, size)));
    this.#last = gpu;
    return { ...JSON.parse(speed), device: this.#placement.info(size), bitmap: Boolean(done) };
  }

  /** The boxes of the last run for these options: takes milliseconds, runs no network. */
  boxes({ conf, iou, classes, maxDetections, agnostic }) {
    const started = performance.now();
    this.#need();
    const wanted = classes ? Uint32Array.from(classes) : undefined;
    const flat = this.#last?.boxes(conf, iou, wanted, maxDetections, agnostic) ?? new Float32Array();
    return { flat, nms: performance.now() - started };
  }

  /** What `ghostdet val` judges in these pixels: on the CPU, wherever pictures run else. */
  async validate({ rgba, width, height, size }) {
    const cpu = this.#need();
    this.#last = null;
    await cpu.run(bytesOf(rgba), width, height, size, true);
    return cpu.judgedBoxes();
  }

  /** The raw maps for channels-last values, for checks: on the GPU through Burn's tensors. */
  async maps({ values, height, width }) {
    const cpu = this.#need();
    const place = this.#placement.on(0);
    return place ? place.burn.call(() => place.gpu.maps(values, height, width)) : cpu.maps(values, height, width);
  }

  /** Loads a network for a benchmark; returns its index. */
  async timer({ model, nc, size, device }) {
    await start();
    return this.#timers.push(await Timer.load(core, { model, nc, size, device })) - 1;
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
  profile(index) {
    return this.#timers[index].profile();
  }

  dispose() {
    for (const timer of this.#timers) timer.free();
    this.#timers = [];
    this.#trackers.clear();
    this.#last = null;
    this.#placement?.dispose();
    this.#cpu?.free();
    this.#placement = this.#cpu = null;
  }

  #need() {
    if (!this.#cpu) throw Object.assign(new Error('no weights are loaded'), { code: 'disposed' });
    return this.#cpu;
  }
}

/** Pixels as bytes. */
function bytesOf(rgba) {
  return new Uint8Array(rgba.buffer ?? rgba, rgba.byteOffset ?? 0, rgba.byteLength);
}
