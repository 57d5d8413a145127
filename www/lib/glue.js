// The JavaScript that belongs to the wasm modules. The package's build puts it into the same file; from the sources it is fetched
// when a module is used.

/** Of the CPU's module in its two builds. */
export const cpuGlue = () => import('./pkg/ghostdet_wasm.js');
/** Of the two builds with threads. */
export const threadsGlue = () => import('./pkg/threads/ghostdet_wasm.js');
/** Of the module with Burn's WebGPU backend. */
export const burnGlue = () => import('./pkg/burn/ghostdet_wasm_burn.js');
