// A network without trained weights, to be timed on one device.
import { loadBurn, openGpu } from './burn.js';

/** One of them. */
export class Timer {
  #network;
  /** What guards it, for a GPU. @type {import('./burn.js').Burn | null} */
  #burn;
  /** Its counterpart on the CPU. */
  #reference;

  constructor(network, burn, reference) {
    this.#network = network;
    this.#burn = burn;
    this.#reference = reference;
  }

  /**
   * @param {typeof import('./pkg/ghostdet_wasm.js')} core
   * @param {{ model: string, nc: number, size: number, device: string }} asked `device`: `cpu` (`cpu/float`, `cpu/fixed`), `webgpu`,
   *   `webgpu/TUNING`, `webgpu/burn-ops`
   */
  static async load(core, { model, nc, size, device }) {
    if (!device.startsWith('webgpu')) return new Timer(core.WebTimer.load(model, nc, size, device), null, null);
    const way = device.slice('webgpu/'.length) || undefined;
    const burn = await loadBurn();
    await openGpu(burn);
    const network = await burn.call((module) => module.GpuTimer.load(model, nc, size, way));
    return new Timer(network, burn, () => core.WebTimer.load(model, nc, size, 'cpu/float'));
  }

  /** Milliseconds of one run. */
  async run() {
    return this.#burn ? this.#burn.call(() => this.#network.run()) : this.#network.run();
  }

  /** The largest difference between the raw maps of WebGPU and of the CPU, and the largest value among them. */
  async deviation() {
    if (!this.#burn) throw new Error('there is nothing to compare on the CPU');
    const found = await this.#burn.call(() => this.#network.maps());
    const reference = this.#reference();
    const expected = reference.maps();
    reference.free();
    let [difference, largest] = [expected.length === found.length ? 0 : NaN, 0];
    for (const [index, value] of expected.entries()) {
      difference = Math.max(difference, Math.abs(value - found[index]));
      largest = Math.max(largest, Math.abs(value));
    }
    if (!Number.isFinite(difference)) throw new Error('a map holds something that is not a number');
    return [difference, largest];
  }

  /** Milliseconds of each operation in one run, on the CPU. */
  async profile() {
    if (this.#burn) throw Object.assign(new Error('operations are timed on the CPU only'), { code: 'argument' });
    return JSON.parse(await this.#network.profile());
  }

  free() {
    if (!this.#burn || this.#burn.works) this.#network.free();
  }
}
