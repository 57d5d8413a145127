// Calls of the engine: in a worker, or in the page.
import { files } from './assets.js';
import { loadCore } from './builds.js';
import { Engine } from './engine.js';
import { GhostdetError } from './errors.js';
import { resolve } from './host.js';
import { startWorker } from './worker-start.js';

/**
 * The engine in a worker, or in the page where there is none. `info`: which, and why.
 * @param {boolean | Worker | string | URL} [worker]
 * @param {AbortSignal} [signal]
 */
export async function openChannel(worker = true, signal) {
  const started = await startWorker(worker, signal);
  return started.worker ? new WorkerChannel(started) : new InlineChannel(started);
}

/** What both kinds share. */
class Channel {
  /** @param {import('./worker-start.js').Started} started */
  constructor({ kind, reason }) {
    /** Where the engine runs, for `Detector.info`. */
    this.info = { worker: kind, workerReason: reason };
  }

  /**
   * @param {string} _op
   * @param {any} [_payload]
   * @param {Transferable[]} [_transfer]
   * @returns {Promise<any>}
   */
  call(_op, _payload, _transfer) {
    throw new Error('each kind has its own');
  }

  /**
   * Starts the wasm module, with as many threads as can be had. It is fetched and compiled here, once for the page and its workers.
   * @param {{ threads?: number, wasm?: any, core?: Promise<import('./builds.js').Core>, burn?: any, [more: string]: any }} [options]
   *   `core`: the module of `loadCore(threads, wasm)`, if that was called already
   */
  async warm({ threads = 1, wasm, core = loadCore(threads, wasm), burn, ...more } = {}) {
    const own = files().burn;
    const rest = { ...more, burn: burn ?? (own && resolve(own()).href) };
    try {
      return await this.call('warm', { ...rest, core: await core });
    } catch (error) {
      if (error.code !== 'threads') throw error;
      return this.call('warm', { ...rest, core: await loadCore(1, wasm) });
    }
  }
}

/** Calls the engine in a worker. */
export class WorkerChannel extends Channel {
  #worker;
  #owned;
  #client = `${Math.random()}`;
  #waiting = new Map();
  #next = 1;
  /** The error that ended the worker, if any. */
  #dead = null;

  /** @param {import('./worker-start.js').Started} started */
  constructor(started) {
    super(started);
    this.#owned = started.owned;
    this.#worker = /** @type {Worker} */ (started.worker);
    this.#worker.addEventListener('message', this.#hear);
    this.#worker.addEventListener('error', this.#break);
  }

  #hear = ({ data }) => {
    if (data?.ghostdet !== 1 || data.client !== this.#client) return;
    const call = this.#waiting.get(data.id);
    this.#waiting.delete(data.id);
    if (!call) return;
    if (!data.error) return call.resolve(data.result);
    const { code, message, line, column } = data.error;
    call.reject(Object.assign(new GhostdetError(code, message), { line, column }));
  };

  // An error that the worker does not catch is a wasm module that trapped: it never answers again. A worker of the caller's has errors of
  // its own, too.
  #break = (event) => {
    if (!this.#owned && !/RuntimeError/.test(event.message ?? '')) return;
    this.#fail(new GhostdetError('internal', `the worker failed: ${event.message ?? 'it could not be loaded'}`));
  };

  call(op, payload, transfer = []) {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ghostdet: 1, client: this.#client, id, op, payload }, transfer);
    });
  }

  close() {
    if (!this.#owned && !this.#dead) this.call('dispose', {}).catch(() => {});
    this.#fail(new GhostdetError('disposed', 'the detector was disposed of'));
    this.#worker.removeEventListener('message', this.#hear);
    this.#worker.removeEventListener('error', this.#break);
    if (this.#owned) this.#worker.terminate();
  }

  #fail(error) {
    this.#dead ??= error;
    for (const call of this.#waiting.values()) call.reject(error);
    this.#waiting.clear();
  }
}

/** The same without a worker: the page is blocked while the network runs. */
export class InlineChannel extends Channel {
  #engine = new Engine();
  #last = Promise.resolve();

  /** @param {import('./worker-start.js').Started} [started] */
  constructor(started = { worker: null, owned: false, kind: 'page', reason: 'asked for' }) {
    super(started);
  }

  /** Calls run one after the other, as in the worker: a call that was aborted may still be running. */
  call(op, payload) {
    const answer = this.#last.then(() => this.#engine[op](payload)).catch((error) => {
      throw GhostdetError.from(error);
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  close() {
    this.#last = this.#last.then(() => this.#engine.dispose());
  }
}
