import { BUILDS, choose } from './builds.js';
import { findAdapter, loadBurn } from './burn.js';
import { capture } from './capture.js';
import { BURN_OPS, Placement, likelyWay } from './placement.js';
import { startWorkers } from './threads.js';
import { Timer } from './timer.js';

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
  /** The network on the CPU. @type {import('./pkg/ghostdet_wasm.js').WebDetector | null} */
  #cpu = null;
  /** Where it runs. @type {Placement | null} */
  #placement = null;
  /** The network that ran last: its candidates are asked for. */
  #last = null;
  /** The image size that was asked for last. */
  #size = 640;
  #timers = [];

  /**
   * Loads the CPU's module and checks the name of the device. Where a GPU will probably run the network, Burn's module and the
   * shaders are got ready, too.
   * @param {{ device?: string, threads?: number, model?: string, remembered?: string | null, size?: number }} [options]
   */
  async warm({ device = 'cpu', threads = 1, model = '', remembered, size = 320 } = {}) {
    await ready(threads);
    core.checkDevice(device);
    if (device.startsWith('cpu')) return;
    const adapter = await findAdapter();
    const way = adapter && likelyWay(remembered, adapter.name, core.version(), size);
    if (device === 'auto' && !way) return;
    // What goes wrong here goes wrong in `load`, too, which reports it.
    const warmed = loadBurn().then((burn) => burn.call(async (module) => {
      const { likely } = JSON.parse(await module.openGpu());
      if (device !== `webgpu/${BURN_OPS}`) await module.warmGpu(model, way || likely[0], size);
    })).catch(() => {});
    // With `auto` the CPU answers meanwhile.
    if (device !== 'auto') await warmed;
  }

  /** One step of autotuning. */
  async tune() {
    this.#need();
    await this.#placement.tune();
    return this.#placement.info(this.#size);
  }

  async load({ bytes, yaml, device, remembered, size }) {
    await ready();
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
      await placement.choose();
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
   * `options`. The candidates stay for `boxes`.
   */
  async run({ rgba, bitmap, width, height, size, options }) {
    const started = performance.now();
    const done = await this.#network({ rgba, bitmap, width, height, size });
    return { ...done, run: performance.now() - started, ...this.boxes(options) };
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
    const speed = JSON.parse(await cpu.run(bytesOf(rgba), width, height, size));
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

  /** The raw maps for channels-last values, for checks: on the GPU through Burn's tensors. */
  async maps({ values, height, width }) {
    const cpu = this.#need();
    const place = this.#placement.on(0);
    return place ? place.burn.call(() => place.gpu.maps(values, height, width)) : cpu.maps(values, height, width);
  }

  /** Loads a network for a benchmark; returns its index. */
  async timer({ model, nc, size, device }) {
    await ready();
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
