// Starts the inference worker, in one of the ways that the page allows.
import { files } from './assets.js';
import { ask, read } from './download.js';
import { GhostdetError, throwIfAborted } from './errors.js';
import { outsideBrowser, ownFetch, resolve } from './host.js';
import { NAME, VERSION } from './version.js';

/** Milliseconds within which a worker of the caller has to answer. */
const PATIENCE = 8000;
/** After an error, which may be one of its owner's code, so many remain. */
const OWN_ERROR = 1000;

/**
 * A worker that answers; `null` for none, and why.
 * @typedef {{ worker: Worker | null, owned: boolean, kind: 'worker' | 'blob' | 'given' | 'page', reason: string }} Started
 */

/**
 * @param {boolean | Worker | string | URL} wanted
 * @param {AbortSignal} [signal]
 * @returns {Promise<Started>}
 */
export async function startWorker(wanted, signal) {
  const here = (/** @type {string} */ reason) => ({ worker: null, owned: false, kind: /** @type {const} */ ('page'), reason });
  if (!wanted) return here('asked for');
  const address = wanted === true ? files().worker?.() : /** @type {string | URL} */ (wanted);
  if (wanted !== true && typeof wanted !== 'string' && !(wanted instanceof URL)) return given(wanted);
  if (typeof Worker === 'undefined' || outsideBrowser()) return here('there are no workers here');
  if (!address) return here('no file for a worker was given');
  const url = resolve(address);
  let failed = 'it is of another origin';
  if (url.origin === globalThis.location?.origin || url.protocol === 'blob:') {
    const worker = await tryOut(url);
    if (typeof worker !== 'string') return { worker, owned: true, kind: 'worker', reason: 'asked for' };
    failed = worker;
  }
  throwIfAborted(signal);
  const copy = await fromBlob(url, signal);
  throwIfAborted(signal);
  if (typeof copy !== 'string') return { worker: copy, owned: true, kind: 'blob', reason: `${url} can't be a worker: ${failed}` };
  return here(`${url} can't be a worker: ${failed}; ${copy}`);
}

/** From a copy of the file: other origins' workers are refused. Or why it can't be. */
async function fromBlob(/** @type {URL} */ url, /** @type {AbortSignal | undefined} */ signal) {
  try {
    const text = await read(await ask(url, { get: ownFetch(), signal }), { url, signal });
    // From the sources, the file imports others: a worker of two lines imports it.
    const single = !/^import /m.test(new TextDecoder().decode(text));
    const source = single ? text : `import ${JSON.stringify(url.href)};`;
    const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = await tryOut(new URL(address));
    URL.revokeObjectURL(address);
    return worker;
  } catch (error) {
    return error?.message ?? String(error);
  }
}

/** A worker from that address that has answered, or why there is none. */
async function tryOut(/** @type {URL} */ url) {
  let worker;
  try {
    worker = new Worker(url, { type: 'module', name: NAME });
  } catch (error) {
    return error?.message ?? String(error);
  }
  try {
    await hello(worker);
    return worker;
  } catch (error) {
    worker.terminate();
    if (error.code === 'network') throw error;
    return error.message;
  }
}

/** The caller's worker: it has to answer soon. */
async function given(/** @type {any} */ worker) {
  if (typeof worker?.postMessage !== 'function' || typeof worker.addEventListener !== 'function') {
    throw new GhostdetError('argument', 'worker: it is true, false, the address of a worker, or a Worker');
  }
  const silent = new Promise((_, reject) => setTimeout(reject, PATIENCE, null));
  await Promise.race([hello(worker, OWN_ERROR), silent]).catch((error) => {
    if (error?.code === 'network') throw error;
    const what = error ? `failed: ${error.message}` : `did not answer within ${PATIENCE / 1000} seconds`;
    const advice = "it has to run \"import { serve } from 'ghostdet/worker'; serve();\" (a bundler may leave out an import whose names are not used)";
    throw new GhostdetError('unsupported', `the given worker ${what}; ${advice}`, { cause: error ?? undefined });
  });
  return { worker, owned: false, kind: /** @type {const} */ ('given'), reason: 'asked for' };
}

/**
 * Resolves when the worker answers, and is of this version.
 * @param {Worker} worker
 * @param {number} [grace] milliseconds in which it may still answer after an error
 */
function hello(worker, grace = 0) {
  return new Promise((resolve, reject) => {
    const client = `hello-${Math.random()}`;
    const done = () => {
      worker.removeEventListener('message', heard);
      worker.removeEventListener('error', failed);
    };
    const heard = ({ data }) => {
      if (data?.ghostdet !== 1 || data.client !== client) return;
      done();
      const { version } = data.result;
      if (version === VERSION) return resolve(undefined);
      const advice = 'an old copy is in a cache: reload without it';
      reject(new GhostdetError('network', `the worker is of version ${version}, and ghostdet of version ${VERSION}: ${advice}`));
    };
    const failed = (event) => {
      if (!grace) event.preventDefault?.();
      setTimeout(() => {
        done();
        reject(new Error(event.message || 'the file could not be loaded'));
      }, grace);
    };
    worker.addEventListener('message', heard);
    worker.addEventListener('error', failed);
    worker.postMessage({ ghostdet: 1, client, id: 0, op: 'hello' });
  });
}
