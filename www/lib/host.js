// What differs between a page, a worker and a program without a browser (Node, Deno, Bun).
import { GhostdetError } from './errors.js';

/** What `node.js` brings along: reads files, knows the current folder. */
export const host = {
  /** A `Response` for a `file:` address. @type {((url: URL) => Promise<Response>) | null} */
  readFile: null,
  /** What relative addresses count from. @type {(() => string) | null} */
  base: null,
};

/** Whether this is a program without a browser. */
export const outsideBrowser = () => typeof globalThis.document === 'undefined' && typeof globalThis.importScripts === 'undefined' &&
  typeof (/** @type {any} */ (globalThis).WorkerGlobalScope) === 'undefined';

/**
 * An absolute address: a relative one counts from the page, in a worker from the worker's own file, elsewhere from the current folder.
 * @param {string | URL} address
 * @returns {URL}
 */
export function resolve(address) {
  const base = globalThis.document?.baseURI ?? host.base?.() ?? globalThis.location?.href;
  try {
    return new URL(String(address), base);
  } catch (error) {
    throw new GhostdetError('argument', `"${address}" is relative, and there is nothing here that it counts from: give a whole address`, {
      cause: error,
    });
  }
}

/** `fetch`, which reads files, too, where there is a file system. */
export function ownFetch() {
  return /** @type {typeof globalThis.fetch} */ (
    async (address, options) => {
      const url = resolve(/** @type {any} */ (address));
      if (url.protocol === 'file:' && host.readFile) return host.readFile(url);
      if (typeof globalThis.fetch === 'undefined') throw new GhostdetError('unsupported', 'there is no fetch() here: Node 20 or newer has it');
      return globalThis.fetch(url, options);
    }
  );
}
