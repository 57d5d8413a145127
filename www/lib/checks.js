// Checks of arguments, and abortable calls.
import { GhostdetError } from './errors.js';
import { files } from './assets.js';
import { threadsFor } from './pool.js';

/**
 * The number of threads for the option `threads`.
 * @param {number | 'auto'} [threads]
 */
export function checkThreads(threads = 1) {
  if (threads !== 'auto' && !(Number.isInteger(threads) && threads >= 1 && threads <= 64)) {
    throw new GhostdetError('argument', `threads: ${threads} is neither "auto" nor a whole number from 1 to 64`);
  }
  if (threads !== 'auto' && threads > 1 && !files().pool) {
    throw new GhostdetError('argument', `threads: ${threads} needs other wasm files: import Detector from 'ghostdet/threads'`);
  }
  return threadsFor(threads);
}

/** The side of a network's input. */
export function checkSize(size) {
  if (!Number.isInteger(size) || size < 32 || size > 4096) {
    throw new GhostdetError('argument', `size: ${size} is not a whole number between 32 and 4096`);
  }
  return size;
}

/** `promise`, or an error of code `aborted` as soon as `signal` says so. */
export function abortable(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(GhostdetError.aborted(signal));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
