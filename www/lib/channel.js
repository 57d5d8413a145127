import { Engine } from './engine.js';
import { GhostdetError } from './errors.js';

/** Calls the engine in a worker. */
export class WorkerChannel {
  #worker;
  #owned;
  #waiting = new Map();
  #next = 1;
  /** The error that ended the worker, if any. */
  #dead = null;

  /** @param {Worker} [given] */
  constructor(given) {
    this.#owned = !given;
    this.#worker = given ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'ghostdet' });
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const call = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (!call) return;
      if (error) call.reject(new GhostdetError(error.code, error.message));
      else call.resolve(result);
    };
    // An error that the worker does not catch is a wasm module that trapped: it never answers again.
    this.#worker.onerror = (event) => {
      this.#fail(new GhostdetError('internal', `the worker failed: ${event.message ?? 'it could not be loaded'}`));
    };
  }

  call(op, payload, transfer = []) {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, op, payload }, transfer);
    });
  }

  close() {
    if (!this.#owned && !this.#dead) this.call('dispose', {}).catch(() => {});
    this.#fail(new GhostdetError('disposed', 'the detector was disposed of'));
    if (this.#owned) this.#worker.terminate();
  }

  #fail(error) {
    this.#dead ??= error;
    for (const call of this.#waiting.values()) call.reject(error);
    this.#waiting.clear();
  }
}

/** The same without a worker: the page is blocked while the network runs. */
export class InlineChannel {
  #engine = new Engine();
  #last = Promise.resolve();

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
