// What both sides share: the worker runs it for the page, and `worker: false` runs it in place.
import init, { WebDetector, WebTimer } from './pkg/ghostdet_web.js';

/** The wasm module, compiled once per thread. */
let compiled;
export function ready() {
  compiled ??= init({ module_or_path: new URL('./pkg/ghostdet_web_bg.wasm', import.meta.url) });
  return compiled;
}

/** One detector, driven by plain messages. */
export class Engine {
  #detector = null;
  #timers = [];

  async load({ bytes, yaml, device, remembered }) {
    await ready();
    this.dispose();
    this.#detector = await WebDetector.load(new Uint8Array(bytes), yaml ?? undefined, device, remembered ?? undefined);
    return JSON.parse(this.#detector.info());
  }

  /** The network, once; candidates stay behind for `boxes`. */
  async run({ rgba, width, height, size }) {
    const started = performance.now();
    const bytes = new Uint8Array(rgba.buffer ?? rgba, rgba.byteOffset ?? 0, rgba.byteLength);
    const speed = JSON.parse(await this.#need().run(bytes, width, height, size));
    return { ...speed, run: performance.now() - started };
  }

  /** Boxes of the last run under these options: milliseconds, no network. */
  boxes({ conf, iou, classes, maxDetections, agnostic }) {
    const started = performance.now();
    const wanted = classes ? Uint32Array.from(classes) : undefined;
    const flat = this.#need().boxes(conf, iou, wanted, maxDetections, agnostic);
    return { flat, nms: performance.now() - started };
  }

  /** A network to time; answers its number. */
  async timer({ model, nc, size, device }) {
    await ready();
    return this.#timers.push(await WebTimer.load(model, nc, size, device)) - 1;
  }

  /** Milliseconds of one run. */
  time(index) {
    return this.#timers[index].run();
  }

  /** Milliseconds of each operation in one run. */
  profile(index) {
    return JSON.parse(this.#timers[index].profile());
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
