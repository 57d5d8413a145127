// The second wasm module: Burn's WebGPU backend, with the network as one operation in it. It is fetched when a GPU is wanted,
// once per thread. What it does wrong never reaches the CPU's module: if it stops in the middle of a call, the call fails.

/**
 * The module's functions.
 * @typedef {typeof import('./pkg/burn/ghostdet_wasm_burn.js')} BurnModule
 */

import { ask } from './download.js';
import { files } from './assets.js';
import { burnGlue } from './glue.js';
import { outsideBrowser, ownFetch, resolve } from './host.js';
import { compile, instantiate } from './wasm.js';

/** The module, or its address: whoever starts the engine says it. @type {any} */
let file = null;

/** @type {Promise<Burn> | null} */
let loading = null;

/** The reason where the module is missing. `make demo` serves the page before it is built. */
export const NOT_BUILT = "Burn's WebGPU module is not built yet";

/** Milliseconds that an adapter may take to answer, and a device to open. */
const PATIENCE = 6000;
const OPENING = 6000;

/** Milliseconds for which a failure to open a device counts. */
const AGAIN = 1000;

/** Says where the module is, for this thread. */
export function configureBurn(/** @type {any} */ source) {
  file ??= source ?? null;
}

/** Names of adapters that compute on the processor. */
export const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i;

/**
 * The adapter as the browser tells it; null without WebGPU, or if it does not answer. Nothing is fetched for it.
 * @returns {Promise<{ name: string, software: boolean } | null>}
 */
export async function findAdapter() {
  try {
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, null));
    const gpu = /** @type {any} */ (globalThis.navigator)?.gpu;
    const adapter = await Promise.race([gpu?.requestAdapter({ powerPreference: 'high-performance' }), late]);
    if (!adapter) return null;
    const info = adapter.info ?? {};
    const parts = [info.vendor, info.architecture, info.device, info.description].filter(Boolean);
    const name = info.description || parts.join(' ') || 'WebGPU';
    return { name, software: Boolean(info.isFallbackAdapter ?? adapter.isFallbackAdapter) || SOFTWARE.test(parts.join(' ')) };
  } catch {
    return null;
  }
}

/**
 * Burn's module, fetched and compiled at the first call.
 * @returns {Promise<Burn>}
 */
export function loadBurn() {
  loading ??= start().catch((error) => {
    // A download that broke off may succeed the next time.
    loading = null;
    throw deviceError(error.message, error);
  });
  return loading;
}

/** Whether the module is where it should be. */
export async function isBuilt() {
  const { burn = file } = files();
  const address = typeof burn === 'function' ? burn() : burn;
  if (typeof address !== 'string' && !(address instanceof URL)) return Boolean(address);
  const answer = await ask(resolve(address), { get: (url) => fetch(url, { method: 'HEAD' }) }).catch((error) => error);
  return !/\b404\b|HTML page/.test(answer?.message ?? '');
}

async function start() {
  if (!file) throw new Error('ghostdet/slim was given no file for WebGPU (the option `burn`)');
  adaptAdapters();
  try {
    const [glue, module] = await Promise.all([burnGlue(), compile(file, { get: ownFetch() })]);
    await instantiate(glue, module);
    return new Burn(glue);
  } catch (error) {
    throw new Error((await isBuilt()) ? `Burn's module could not be loaded: ${error.message}` : NOT_BUILT);
  }
}

/** wgpu expects more of adapters than some browsers give: `info` (some versions of Safari), and a promise where they throw. */
function adaptAdapters() {
  const adapters = /** @type {any} */ (globalThis).GPUAdapter?.prototype;
  if (!adapters) return;
  const request = adapters.requestDevice;
  adapters.requestDevice = async function (/** @type {any} */ descriptor) {
    return request.call(this, descriptor);
  };
  if ('info' in adapters) return;
  const info = { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false };
  Object.defineProperty(adapters, 'info', { configurable: true, get: () => info });
}

/** The GPU being opened. @type {Promise<{ name: string, software: boolean, ways: string[], likely: string[] }> | null} */
let opening = null;

/**
 * Opens this thread's GPU; what `openGpu` of Burn's module tells of it. A GPU that doesn't answer is an error of code `device`.
 * @param {Burn} burn
 */
export function openGpu(burn) {
  if (opening) return opening;
  const opened = burn.call((module) => module.openGpu()).catch((error) => {
    // What a browser throws arrives with the names of our functions around it.
    const thrown = /JsValue\((?:\w*(?:Error|Exception): )?(.*?)(?:\\?\n|\\n|\)$|\) \()/s.exec(error.message)?.[1];
    throw thrown === undefined ? error : deviceError(`the GPU can't be opened: ${thrown}`, error);
  });
  const mine = Promise.race([opened, patience()]).then((text) => JSON.parse(text));
  opening = mine;
  // Whoever asks next opens it anew. One that did not answer is not asked again at once.
  const forget = () => opening === mine && (opening = null);
  mine.then(forget, () => setTimeout(forget, AGAIN));
  return mine;
}

/** @returns {Promise<never>} */
async function patience() {
  await new Promise((resolve) => setTimeout(resolve, OPENING));
  throw deviceError(`the GPU did not answer within ${OPENING / 1000} seconds`);
}

/** The error where WebGPU was asked for, and there is no adapter. */
export function noAdapter() {
  if (/** @type {any} */ (globalThis.navigator)?.gpu) return deviceError('WebGPU gave no adapter: this machine or driver is not supported, or did not answer');
  const code = outsideBrowser() ? 'unsupported' : 'device';
  const message = outsideBrowser() ? 'WebGPU needs a browser: take device "cpu" here' : 'there is no WebGPU here: the browser lacks it, or the page is not served by https';
  return Object.assign(new Error(message), { code });
}

/**
 * @param {string} message
 * @param {unknown} [cause]
 */
function deviceError(message, cause) {
  return Object.assign(new Error(message, { cause }), { code: 'device' });
}

/** The loaded module, and whether it still works. */
export class Burn {
  #module;
  #running = 0;
  #said = '';
  /** End the calls under way. One promise for all calls would keep something of each for ever. @type {Set<(why: Error) => void>} */
  #stops = new Set();
  /** Why it stopped. @type {Error | null} */
  #dead = null;

  /** @param {BurnModule} module */
  constructor(module) {
    this.#module = module;
    module.onPanic((/** @type {string} */ message) => (this.#said = message));
    // The modules never run at the same time: a trap that nobody caught while one of these calls runs is this module's. It
    // comes as a rejection or as an error, as the browser runs the module's tasks.
    const trapped = (/** @type {Event} */ event, /** @type {unknown} */ reason) => {
      if (!this.#running || !(reason instanceof WebAssembly.RuntimeError)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      this.#fail(reason);
    };
    globalThis.addEventListener?.('unhandledrejection', (event) => trapped(event, event.reason));
    globalThis.addEventListener?.('error', (event) => trapped(event, event.error));
  }

  /** Whether its GPU can be used. */
  get alive() {
    return !this.#dead && this.#module.gpuFailure() === undefined;
  }

  /** Whether another device could be opened after a loss. */
  get works() {
    return !this.#dead;
  }

  /**
   * The answer of `action`, or an error of code `device` if the module stops before it comes.
   * @template T
   * @param {(module: BurnModule) => Promise<T> | T} action
   * @returns {Promise<T>}
   */
  async call(action) {
    if (this.#dead) throw this.#dead;
    this.#running++;
    let stop = (/** @type {Error} */ _) => {};
    const stopped = /** @type {Promise<never>} */ (new Promise((_, reject) => (stop = reject)));
    stopped.catch(() => {});
    this.#stops.add(stop);
    try {
      return await Promise.race([action(this.#module), stopped]);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) this.#fail(error);
      throw this.#dead ?? error;
    } finally {
      this.#running--;
      this.#stops.delete(stop);
    }
  }

  /** The next network gets another device. */
  close() {
    if (!this.#dead) this.#module.closeGpu();
  }

  /** @param {Error} reason */
  #fail(reason) {
    this.#dead ??= deviceError(`Burn's module stopped: ${this.#said || reason.message}`, reason);
    for (const stop of this.#stops) stop(this.#dead);
  }
}
