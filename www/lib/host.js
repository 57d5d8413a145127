// What differs between a page, a worker and a program without a browser (Node, Deno, Bun).
import { GhostdetError } from './errors.js';

/**
 * A module of Node's own, which Deno and Bun have, too; undefined in browsers. Not by `import`, which bundlers would follow.
 * @param {string} name
 */
const builtin = (name) => /** @type {any} */ (globalThis).process?.getBuiltinModule?.(name);

/** Whether this is a program without a browser. */
export const outsideBrowser = () => typeof globalThis.document === 'undefined' && typeof globalThis.importScripts === 'undefined' &&
  typeof (/** @type {any} */ (globalThis).WorkerGlobalScope) === 'undefined';

/**
 * An absolute address: a relative one counts from the page, in a worker from the worker's own file, elsewhere from the current folder.
 * @param {string | URL} address
 * @returns {URL}
 */
export function resolve(address) {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href ?? currentFolder();
  try {
    return new URL(String(address), base);
  } catch (error) {
    throw new GhostdetError('argument', `"${address}" is relative, and there is nothing here that it counts from: give a whole address`, {
      cause: error,
    });
  }
}

/** The address of the folder in which a program runs. */
function currentFolder() {
  return builtin('node:url')?.pathToFileURL(`${/** @type {any} */ (globalThis).process.cwd()}/`).href;
}

/** `fetch`, which reads files, too, where there is a file system. */
export function ownFetch() {
  return /** @type {typeof globalThis.fetch} */ (
    async (address, options) => {
      const url = resolve(/** @type {any} */ (address));
      if (url.protocol === 'file:' && outsideBrowser()) return readFile(url);
      if (typeof globalThis.fetch === 'undefined') throw new GhostdetError('unsupported', 'there is no fetch() here: Node 20 or newer has it');
      return globalThis.fetch(url, options);
    }
  );
}

/** @param {URL} url */
async function readFile(url) {
  const files = builtin('node:fs/promises');
  if (!files) throw new GhostdetError('unsupported', `${url}: files can be read from Node 20.16 on, and in Deno and Bun`);
  return new Response(await files.readFile(url));
}
