// Where a network runs, and why. The CPU is always there: it answers until a GPU has proved faster, and goes on when that fails.
import { NOT_BUILT, findAdapter, loadBurn, noAdapter, openGpu } from './burn.js';
import { Tuner } from './tuner.js';

/** Rises when there are ways of running that adapters have not been asked about. */
const KERNELS = 2;

/** The self-test of a start at which nothing is measured is no larger than this. */
const TESTED_SIDE = 320;

/** Milliseconds that `auto` waits for an adapter before the first picture. */
const ADAPTER_WAIT = 300;

/** How often a GPU that is lost is looked for again, and how many milliseconds after. */
const MOST_LOSSES = 5;
const PAUSE = 5000;

/** The way that takes Burn's own operations instead of the fused shaders. */
export const BURN_OPS = 'burn-ops';

/** Why a network runs where it runs: stable codes, and their English text. */
const REASONS = {
  requested: 'asked for',
  'no-webgpu': 'no WebGPU here',
  'software-webgpu': 'WebGPU runs in software here',
  starting: 'WebGPU is being started',
  measuring: 'WebGPU is being measured',
  'cpu-faster': 'measured faster than WebGPU here',
  'webgpu-faster': 'measured faster than the CPU here',
  'webgpu-not-built': NOT_BUILT,
};

/**
 * What an answer is kept for: the adapter, these kernels, the size of the weights and of the pictures.
 * @param {string} name the adapter's
 * @param {string} version
 * @param {number} [bytes] of the weights
 * @param {number} [size] of the pictures
 */
export function tuningKey(name, version, bytes, size) {
  const kilobytes = bytes === undefined ? '' : `${2 ** Math.ceil(Math.log2(Math.max(1, bytes))) / 1024 | 0} kB`;
  const at = size === undefined ? '' : ` at ${size}`;
  return `${name.replace(/[\n=]/g, ' ')}, ${version}/${KERNELS}, ${kilobytes}${at}`;
}

/**
 * The way that was fastest on this adapter for some network at this size.
 * @param {string | null | undefined} remembered lines `KEY=KIND`
 */
export function likelyWay(remembered, /** @type {string} */ name, /** @type {string} */ version, /** @type {number} */ size) {
  const [begin, end] = [tuningKey(name, version), ` at ${size}`];
  for (const [key, kind] of entries(remembered)) {
    if (key.startsWith(begin) && key.endsWith(end) && kind.startsWith('webgpu/')) return kind.slice('webgpu/'.length);
  }
  return undefined;
}

/** The lines as pairs. */
function entries(/** @type {string | null | undefined} */ remembered) {
  const lines = (remembered ?? '').split('\n').filter((line) => line.includes('='));
  return lines.map((line) => [line.slice(0, line.lastIndexOf('=')), line.slice(line.lastIndexOf('=') + 1)]);
}

/** A network's place. */
export class Placement {
  #cpu;
  #asked;
  /** The processor, its threads and precision, as the CPU's module tells them. */
  #processor;
  /** The weights' file, until it is decided where the network runs. @type {Uint8Array | null} */
  #bytes;
  /** @type {import('./burn.js').Burn | null} */
  #burn = null;
  /** The network in Burn's module. @type {import('./pkg/burn/ghostdet_wasm_burn.js').GpuDetector | null} */
  #gpu = null;
  #onGpu = false;
  /** One of REASONS, or `webgpu-failed` with a message. */
  #reason = 'requested';
  #message = '';
  /** The adapter's name, where one is known of. @type {string | null} */
  #adapter = null;
  /** How it runs on the GPU. @type {string | null} */
  #way = null;
  /** @type {{ cpu: number, webgpu: number } | null} */
  #measured = null;
  /** A line for the next start. @type {string | null} */
  #remember = null;
  /** The least picture size that the GPU refused, and why. @type {{ size: number, message: string } | null} */
  #refused = null;
  /** What is left to do until it is decided. @type {(() => Promise<void>) | null} */
  #pending = null;
  /** When the GPU was lost, and the reason for which the network had run on it. @type {{ time: number, reason: string } | null} */
  #lost = null;
  #losses = 0;
  #disposed = false;

  /**
   * @param {import('./pkg/ghostdet_wasm.js').WebDetector} cpu the network on the CPU
   * @param {any} processor
   * @param {Uint8Array} bytes of the weights
   * @param {{ yaml?: string, device: string, remembered?: string | null, side: number, size?: number, version: string }} asked
   */
  constructor(cpu, processor, bytes, asked) {
    this.#cpu = cpu;
    this.#processor = processor;
    this.#asked = { ...asked, byteLength: bytes.byteLength };
    this.#bytes = bytes;
  }

  /**
   * Chooses as far as that takes no time; `tune` does the rest. Asked for WebGPU, it is on the GPU then.
   * @param {ReturnType<typeof findAdapter>} asking
   * @throws an error of code `device` if WebGPU was asked for and can't be had
   */
  async choose(asking) {
    const { device } = this.#asked;
    if (device.startsWith('cpu')) return this.#decide('requested');
    if (device !== 'auto') {
      const adapter = await asking;
      if (!adapter) throw noAdapter();
      this.#adapter = adapter.name;
      return this.#take(device.slice('webgpu/'.length));
    }
    // The CPU waits for no GPU: an adapter that takes long is heard later.
    const later = new Promise((resolve) => setTimeout(resolve, ADAPTER_WAIT, undefined));
    const adapter = await Promise.race([asking, later]);
    if (adapter !== undefined) return this.#consider(adapter);
    this.#reason = 'starting';
    this.#pending = this.#after(asking, (found) => this.#consider(found));
  }

  /** `auto`: whether the adapter is worth it. */
  #consider(/** @type {{ name: string, software: boolean } | null} */ adapter) {
    this.#adapter = adapter?.name ?? null;
    if (!adapter) return this.#decide('no-webgpu');
    if (adapter.software) return this.#decide('software-webgpu');
    const kind = this.#known();
    if (kind === 'cpu') return this.#decide('cpu-faster');
    this.#reason = 'starting';
    this.#pending = this.#after(loadBurn(), () => this.#start(kind?.slice('webgpu/'.length)));
  }

  /**
   * A step that goes on with what `promise` brings. Nobody waits for it: until it is there, the step does nothing.
   * @template T
   * @param {Promise<T>} promise
   * @param {(found: T) => Promise<void> | void} next
   */
  #after(promise, next) {
    /** @type {{ done: boolean, found?: T, error?: any }} */
    const state = { done: false };
    promise.then((found) => Object.assign(state, { done: true, found }), (error) => Object.assign(state, { done: true, error }));
    return async () => {
      if (!state.done) return;
      if (state.error) throw state.error;
      await next(/** @type {T} */ (state.found));
    };
  }

  /** Whether it may change without a failure. */
  get pending() {
    return Boolean(this.#pending);
  }

  /** Goes on with what is undecided, one step; pictures are looked at by the CPU meanwhile. */
  async tune() {
    const step = this.#pending;
    if (!step) return;
    try {
      await step();
    } catch (error) {
      if (error.message === NOT_BUILT) this.#decide('webgpu-not-built');
      else this.#decide('webgpu-failed', error.message);
    }
  }

  /** The network in Burn's module if pictures of `size` go to the GPU, and what guards it. */
  on(/** @type {number} */ size) {
    return this.takes(size) ? { burn: this.#burn, gpu: this.#gpu } : null;
  }

  /** Whether pictures of `size` go to the GPU. */
  takes(/** @type {number} */ size) {
    return this.#onGpu && (!this.#refused || size < this.#refused.size);
  }

  /**
   * The GPU failed at a picture of `size`. One that is there still refused that size alone; else it is the CPU from now on.
   * @param {number} size
   * @param {any} error
   */
  failed(size, error) {
    const { message } = error;
    if (error.code === 'device' && this.#burn?.alive) this.#refused = { size, message };
    else this.#lose(message);
  }

  /** Goes back to a GPU that was lost a while ago, if it is there again. */
  async revive() {
    // Of a loss one may be told only after something was refused.
    if (this.#refused && !this.#burn?.alive) this.#lose(this.#refused.message);
    const lost = this.#lost;
    if (!lost || performance.now() - lost.time < PAUSE) return;
    this.#lost = null;
    try {
      await this.#attach(this.#way ?? '', TESTED_SIDE);
      this.#onGpu = true;
      this.#reason = lost.reason;
      this.#message = '';
    } catch {
      this.#release();
    }
  }

  /** As `info.device` tells it: where pictures of `size` run. */
  info(/** @type {number} */ size) {
    const onGpu = this.takes(size);
    const ops = this.#way === BURN_OPS;
    const failed = !onGpu && this.#refused ? this.#refused.message : this.#message;
    return {
      kind: onGpu ? 'webgpu' : 'cpu',
      backend: onGpu ? 'burn-wgpu' : 'wasm',
      executor: onGpu ? (ops ? BURN_OPS : 'fused') : 'simd',
      adapter: onGpu ? this.#adapter : this.#processor.processor,
      reason: failed ? `WebGPU failed: ${failed}` : REASONS[this.#reason],
      reasonCode: failed ? 'webgpu-failed' : this.#reason,
      gpu: this.#adapter,
      tuning: this.#onGpu && !ops ? this.#way : null,
      memory: (this.#burn?.works && this.#gpu?.memory()) || null,
      threads: this.#processor.threads,
      precision: this.#processor.precision,
      measured: this.#measured,
      remember: this.#remember,
      pending: this.pending,
    };
  }

  /** Frees what is in Burn's module. */
  dispose() {
    this.#disposed = true;
    this.#pending = null;
    this.#release();
  }

  /** What earlier starts found out about this network here. */
  #known() {
    const key = this.#key();
    return entries(this.#asked.remembered).find(([name]) => name === key)?.[1];
  }

  #key() {
    const { version, size, byteLength } = this.#asked;
    return tuningKey(this.#adapter ?? '', version, byteLength, size);
  }

  /** It is decided: the CPU, for this reason. */
  #decide(/** @type {string} */ reason, message = '') {
    this.#reason = reason;
    this.#message = message;
    this.#pending = null;
    this.#onGpu = false;
    this.#release();
  }

  /** Asked for WebGPU: on the GPU at once, in the given way, a known one, or the fastest. */
  async #take(/** @type {string} */ asked) {
    const { software, likely, ways } = await this.#open();
    const kind = this.#known();
    const known = kind?.startsWith('webgpu/') ? [kind.slice('webgpu/'.length)] : [];
    const tried = new Set(asked ? [asked] : [...known, ...(software ? likely : [])]);
    let failed = null;
    for (const way of tried) {
      try {
        return await this.#settleOn(way, 'requested');
      } catch (error) {
        failed = error;
        if (!this.#burn?.works) throw error;
      }
    }
    if (asked || software) throw failed;
    const tuner = this.#tuner(ways, false);
    let found = null;
    while (!found) found = await tuner.step();
    this.#found(found, 'requested');
  }

  /** `auto`: Burn's module is there. The GPU is opened, and what is known of it tried. */
  #start(/** @type {string | undefined} */ known) {
    this.#pending = this.#after(this.#open(), ({ software, ways }) => {
      if (software) return this.#decide('software-webgpu');
      this.#reason = 'measuring';
      const measure = () => {
        const tuner = this.#tuner(ways, true);
        this.#pending = async () => {
          const found = await tuner.step();
          if (found) this.#found(found, 'webgpu-faster');
        };
      };
      if (!known) return measure();
      this.#pending = () => this.#settleOn(known, 'webgpu-faster').catch(measure);
    });
  }

  /** Opens the GPU and reads the network there. */
  async #open() {
    const burn = (this.#burn = await loadBurn());
    const opened = await openGpu(burn);
    this.#adapter = opened.name;
    const { yaml, device } = this.#asked;
    const ops = device.endsWith(BURN_OPS);
    const bytes = /** @type {any} */ (this.#bytes);
    if (!bytes) throw new Error('the detector was disposed of');
    const gpu = await burn.call((module) => module.GpuDetector.load(bytes, yaml, ops));
    if (this.#disposed) gpu.free();
    else this.#gpu = gpu;
    return opened;
  }

  #tuner(/** @type {string[]} */ ways, /** @type {boolean} */ againstCpu) {
    const network = /** @type {any} */ (this.#gpu);
    return new Tuner(/** @type {any} */ (this.#burn), network, this.#cpu, { side: this.#asked.side, ways, againstCpu });
  }

  /** On the GPU in this way, tested and not timed. */
  async #settleOn(/** @type {string} */ way, /** @type {string} */ reason) {
    await this.#attach(way, Math.min(this.#asked.side, TESTED_SIDE));
    this.#arrive(way, reason);
  }

  async #attach(/** @type {string} */ way, /** @type {number} */ side) {
    const burn = /** @type {import('./burn.js').Burn} */ (this.#burn);
    const expected = this.#cpu.selfTest(side);
    await burn.call(() => /** @type {any} */ (this.#gpu).attach(way, side, expected));
  }

  #arrive(/** @type {string} */ way, /** @type {string} */ reason) {
    this.#onGpu = true;
    this.#way = way;
    this.#reason = reason;
    this.#pending = null;
    this.#bytes = null;
  }

  /** What the tuner found decides. */
  #found(/** @type {import('./tuner.js').Found} */ { cpu, webgpu, way }, /** @type {string} */ reason) {
    const key = this.#key();
    if (cpu !== null) this.#measured = { cpu, webgpu };
    if (cpu !== null && cpu < webgpu) {
      this.#decide('cpu-faster');
      this.#remember = `${key}=cpu`;
      return;
    }
    this.#arrive(way, reason);
    this.#remember = `${key}=webgpu/${way}`;
  }

  #lose(/** @type {string} */ message) {
    const { alive, works } = /** @type {import('./burn.js').Burn} */ (this.#burn);
    const before = this.#reason;
    this.#onGpu = false;
    this.#refused = null;
    this.#reason = 'webgpu-failed';
    this.#message = message;
    this.#losses++;
    this.#burn?.close();
    // Phones take the GPU away from pages in the background; what computes wrongly or fails again and again stays away.
    if (alive || !works || this.#losses > MOST_LOSSES || this.#way === BURN_OPS) return this.#release();
    this.#gpu?.detach();
    this.#lost = { time: performance.now(), reason: before };
  }

  /** Gives back what only a GPU needs. */
  #release() {
    if (this.#burn?.works) this.#gpu?.free();
    this.#gpu = null;
    this.#lost = null;
    this.#bytes = null;
    this.#cpu.dropWeights();
  }
}
