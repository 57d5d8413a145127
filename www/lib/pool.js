// The number of threads of a run, and their workers.
import { files } from './assets.js';

/** The most threads for `auto`. More bring little: operations of a light network are short, and phones have few fast cores. */
const MAX_THREADS = 4;

/** Milliseconds within which a worker has to answer. Without an answer the network runs on one thread. */
const PATIENCE = 5000;

/**
 * The number of threads for `wanted`: 1 where the page is not isolated, because memory can't be shared there.
 * @param {number | 'auto'} wanted
 */
export function threadsFor(wanted) {
  if (!globalThis.crossOriginIsolated || typeof SharedArrayBuffer === 'undefined' || !files().pool) return 1;
  return wanted === 'auto' ? Math.min(MAX_THREADS, navigator.hardwareConcurrency ?? 1) : wanted;
}

/**
 * Starts `count` workers on the memory of the module.
 * @param {string} address of pool-worker.js
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory} memory
 * @param {number} count
 */
export async function startWorkers(address, module, memory, count) {
  const workers = [];
  const start = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(address, { type: 'module', name: 'ghostdet-thread' });
      workers.push(worker);
      const fail = (/** @type {string} */ why) => reject(new Error(`a thread could not be started: ${why}`));
      worker.addEventListener('message', ({ data: { error } }) => (error ? fail(error) : resolve(undefined)));
      worker.addEventListener('error', (event) => fail(event.message ?? 'not loaded'));
      setTimeout(fail, PATIENCE, 'no answer');
      worker.postMessage({ module, memory });
    });
  try {
    await Promise.all(Array.from({ length: count }, start));
  } catch (error) {
    for (const worker of workers) worker.terminate();
    throw error;
  }
}
