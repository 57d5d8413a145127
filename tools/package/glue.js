// The JavaScript that belongs to the wasm modules: takes the place of www/lib/glue.js in the built package, where it is part of the same
// file. An `import()` would break bundlers that make classic workers.
import * as burn from './pkg/burn/ghostdet_wasm_burn.js';
import * as cpu from './pkg/ghostdet_wasm.js';
import * as threads from './pkg/threads/ghostdet_wasm.js';

export const cpuGlue = async () => cpu;
export const threadsGlue = async () => threads;
export const burnGlue = async () => burn;
