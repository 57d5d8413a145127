// Which build of the CPU's module runs here. The page compiles it, and hands it to its worker.
import { files } from './assets.js';
import { GhostdetError } from './errors.js';
import { ownFetch, resolve } from './host.js';
import { checkSupport, compile, hasRelaxedSimd } from './wasm.js';

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
  const { cpu, relaxed, threads: shared, threadsRelaxed, pool } = files();
  const fused = hasRelaxedSimd();
  const several = fused ? (threadsRelaxed ?? shared) : shared;
  if (threads > 1 && several && pool) {
    try {
      return { module: await compile(several(), { get }), threads, pool: resolve(pool()).href };
    } catch {
      // The site may lack the build with threads: one thread works everywhere.
    }
  }
  const file = fused ? (relaxed ?? cpu) : cpu;
  if (!file) {
    throw new GhostdetError('argument', 'ghostdet/slim brings no files along: give the option `wasm` (a compiled module, its bytes or its address)');
  }
  return { module: await compile(file(), { get }), threads: 1 };
}
