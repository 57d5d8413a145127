/**
 * The inference worker. The package starts it by itself. In a worker of your own, import it, and give that worker to
 * `Detector.load({ worker })`:
 *
 *     import { serve } from 'ghostdet/worker';
 *     serve();
 *
 * Messages, all marked `ghostdet: 1`, so that others may pass beside them: `{ client, id, op, payload }` in, `{ client, id, result }`
 * or `{ client, id, error: { code, message, line, column } }` out, in order. Each client (a detector) has an engine of its own.
 *
 * @module ghostdet/worker
 */
import { Engine } from './engine.js';
import { cpuGlue } from './glue.js';
import { NAME, VERSION } from './version.js';

let serving = false;
/** @type {Map<string, Engine>} */
const engines = new Map();
let last = Promise.resolve();

/** Answers detectors of the page from now on. The import has done so already; the call keeps bundlers from leaving it out. */
export function serve() {
  if (serving) return;
  serving = true;
  askForSubgroups();
  self.addEventListener('message', ({ data }) => {
    if (data?.ghostdet !== 1) return;
    last = last.then(() => answer(data));
  });
  // A module that stops in the middle of a promise: the page is told as of any other error.
  // Unless Burn's module has caught it: it ends the call alone.
  // What else runs in a worker of the caller's has errors of its own.
  self.addEventListener('unhandledrejection', (event) => {
    if (self.name !== NAME && !(event.reason instanceof WebAssembly.RuntimeError)) return;
    setTimeout(() => {
      if (!event.defaultPrevented) throw event.reason;
    });
  });
}

async function answer({ client, id, op, payload }) {
  const reply = { ghostdet: 1, client, id };
  try {
    self.postMessage({ ...reply, result: await perform(client, op, payload) });
  } catch (error) {
    const { code = 'internal', message = String(error), line, column } = error ?? {};
    self.postMessage({ ...reply, error: { code, message, line, column } });
  }
}

/** What a client asks for. */
function perform(client, op, payload) {
  if (op === 'hello') {
    // The module's JavaScript is needed next.
    cpuGlue().catch(() => {});
    return { version: VERSION };
  }
  const engine = engines.get(client) ?? new Engine();
  engines.set(client, engine);
  if (op === 'dispose') engines.delete(client);
  return engine[op](payload);
}

/** wgpu 30 doesn't know browsers' subgroups: they are asked for on its behalf, in this worker alone. */
function askForSubgroups() {
  const adapters = /** @type {any} */ (self).GPUAdapter?.prototype;
  if (!adapters) return;
  const request = adapters.requestDevice;
  adapters.requestDevice = function (/** @type {any} */ descriptor = {}) {
    if (!this.features.has('subgroups')) return request.call(this, descriptor);
    const more = { ...descriptor, requiredFeatures: [...(descriptor.requiredFeatures ?? []), 'subgroups'] };
    return request.call(this, more).catch(() => request.call(this, descriptor));
  };
}

if (typeof self !== 'undefined' && typeof (/** @type {any} */ (self).document) === 'undefined' && typeof self.postMessage === 'function') serve();
