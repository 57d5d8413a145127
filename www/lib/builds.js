// Which build of the CPU's module runs here. The page compiles it, and hands it to its worker.
import { files } from './assets.js';
import { GhostdetError } from './errors.js';
import { ownFetch, resolve } from './host.js';
import { apply } from './packed.js';
import { checkSupport, compile, fetchFile, hasRelaxedSimd } from './wasm.js';

/**
 * The CPU's module, compiled, and how to start it.
 * @typedef {{ module: WebAssembly.Module, threads: number, pool?: string }} Core
 */

/**
 * @param {number} threads
 * @param {any} [given] the caller's own module, bytes or address
 * @returns {Promise<Core>}
 */
export async function loadCore(threads, given) {
  checkSupport();
  const get = ownFetch();
  if (given) return { module: await compile(given, { get }), threads: 1 };
  const { cpu, relaxed, difference, threads: shared, threadsRelaxed, threadsDifference, pool } = files();
  const several = build(shared, threadsRelaxed, threadsDifference, get);
  if (threads > 1 && several && pool) {
    try {
      return { module: await compile(several(), { get }), threads, pool: resolve(pool()).href };
    } catch {
      // The site may lack the build with threads: one thread works everywhere.
    }
  }
  const file = build(cpu, relaxed, difference, get);
  if (!file) {
    throw new GhostdetError('argument', 'ghostdet/slim brings no files along: give the option `wasm` (a compiled module, its bytes or its address)');
  }
  return { module: await compile(file(), { get }), threads: 1 };
}

/**
 * The build of a module for this browser. The plain one, for browsers without fused multiply-add, may be given by what differs in it.
 * @param {import('./assets.js').Content} [plain]
 * @param {import('./assets.js').Content} [relaxed]
 * @param {import('./assets.js').Content} [difference]
 * @param {typeof globalThis.fetch} [get]
 */
function build(plain, relaxed, difference, get) {
  if (hasRelaxedSimd() && relaxed) return relaxed;
  if (plain || !relaxed || !difference) return plain;
  return async () => apply(.../** @type {[ArrayBuffer, ArrayBuffer]} */ (await Promise.all([relaxed, difference].map((file) => fetchFile(file(), { get })))));
}
