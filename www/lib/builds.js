// The wasm module in its four builds. Written out, so that bundlers find the files.

/** A module of one function with an instruction of relaxed SIMD: validates where the browser has it. */
const RELAXED = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253,
  128, 2, 11,
);

/**
 * @typedef {{ glue: () => Promise<any>, file: () => URL, shared: boolean }} Build
 */

/** @type {Record<string, Build>} */
export const BUILDS = {
  plain: {
    glue: () => import('./pkg/ghostdet_wasm.js'),
    file: () => new URL('./pkg/ghostdet_wasm_bg.wasm', import.meta.url),
    shared: false,
  },
  relaxed: {
    glue: () => import('./pkg/relaxed/ghostdet_wasm.js'),
    file: () => new URL('./pkg/relaxed/ghostdet_wasm_bg.wasm', import.meta.url),
    shared: false,
  },
  threads: {
    glue: () => import('./pkg/threads/ghostdet_wasm.js'),
    file: () => new URL('./pkg/threads/ghostdet_wasm_bg.wasm', import.meta.url),
    shared: true,
  },
  'threads-relaxed': {
    glue: () => import('./pkg/threads/relaxed/ghostdet_wasm.js'),
    file: () => new URL('./pkg/threads/relaxed/ghostdet_wasm_bg.wasm', import.meta.url),
    shared: true,
  },
};

/** The name of the build for this browser: with fused multiply-add where it has that, with threads where wanted. */
export function choose(threads) {
  const relaxed = WebAssembly.validate(RELAXED);
  if (threads > 1) return relaxed ? 'threads-relaxed' : 'threads';
  return relaxed ? 'relaxed' : 'plain';
}
