// Which way of running a network is the fastest on this GPU.

/** A GPU that takes so many times what the CPU takes is not tried in other ways. */
const HOPELESS = 4;

/**
 * What was found out: milliseconds on the CPU (if they were asked for) and on the GPU, and the way that took those.
 * @typedef {{ cpu: number | null, webgpu: number, way: string }} Found
 */

/** Times a network in all ways on the GPU, a step at a time, so that pictures can be looked at in between. */
export class Tuner {
  #burn;
  #network;
  #cpu;
  #side;
  #againstCpu;
  /** Milliseconds on the CPU. @type {number | null} */
  #milliseconds = null;
  /** @type {Float32Array | null} */
  #test = null;
  /** @type {string[]} */
  #ways = [];
  /** Variants of the best that were tried. */
  #varied = 0;
  /** @type {{ way: string, took: number } | null} */
  #best = null;
  #attached = '';
  /** @type {any} */
  #failed = null;
  /** Nothing more is tried: a device was lost on the way. */
  #over = false;

  /**
   * @param {import('./burn.js').Burn} burn
   * @param {import('./pkg/burn/ghostdet_wasm_burn.js').GpuDetector} network the network in Burn's module
   * @param {import('./pkg/ghostdet_wasm.js').WebDetector} cpu the same on the CPU
   * @param {{ side: number, ways: string[], againstCpu: boolean }} options
   */
  constructor(burn, network, cpu, { side, ways, againstCpu }) {
    this.#burn = burn;
    this.#network = network;
    this.#cpu = cpu;
    this.#side = side;
    this.#ways = [...ways];
    this.#againstCpu = againstCpu;
  }

  /**
   * One step; null while there are more. Ways that compute wrongly are left out.
   * @returns {Promise<Found | null>}
   */
  async step() {
    if (!this.#test) {
      if (this.#againstCpu) this.#milliseconds = await this.#cpu.time(this.#side);
      this.#test = this.#cpu.selfTest(this.#side);
      return null;
    }
    const way = await this.#next();
    if (way) {
      try {
        const took = await this.#time(way);
        if (!this.#best || took < this.#best.took) this.#best = { way, took };
        if (this.#milliseconds === null || this.#best.took <= HOPELESS * this.#milliseconds) return null;
      } catch (error) {
        this.#attached = '';
        this.#failed = error;
        // A way that the driver can't stand costs the device, not what is known: another device runs the best.
        if (!this.#burn.alive) {
          if (!this.#best || !this.#burn.works) throw error;
          this.#burn.close();
          this.#over = true;
        }
        return null;
      }
    }
    if (!this.#best) throw this.#failed ?? new Error('no way to run was tried');
    const best = this.#best;
    if (this.#attached !== best.way) await this.#attach(best.way);
    await this.#burn.call((module) => module.forgetShaders());
    return { cpu: this.#milliseconds, webgpu: best.took, way: best.way };
  }

  /** The next way to try, if there is one. */
  async #next() {
    if (this.#over) return undefined;
    const way = this.#ways.shift();
    if (way) return way;
    const best = this.#best;
    if (!best) return undefined;
    // The best so far is varied, in one thing after the other.
    const variants = JSON.parse(await this.#burn.call((module) => module.variants(best.way)));
    return variants[this.#varied++];
  }

  async #time(/** @type {string} */ way) {
    await this.#attach(way);
    return this.#burn.call(() => this.#network.time(this.#side));
  }

  async #attach(/** @type {string} */ way) {
    await this.#burn.call(() => this.#network.attach(way, this.#side, this.#test));
    this.#attached = way;
  }
}
