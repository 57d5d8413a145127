// Where the package's files are. Each address is written out in the form that bundlers know: they take the file along.
import { original, provide } from './assets.js';

const at = (/** @type {URL} */ url) => original(String(url));

provide({
  worker: () => at(new URL('./worker.js', import.meta.url)),
  cpu: () => at(new URL('./pkg/ghostdet_wasm_bg.wasm', import.meta.url)),
  relaxed: () => at(new URL('./pkg/relaxed/ghostdet_wasm_bg.wasm', import.meta.url)),
  burn: () => at(new URL('./pkg/burn/ghostdet_wasm_burn_bg.wasm', import.meta.url)),
  weights: () => at(new URL('./weights/yolov5n-ghost-backbone.safetensors', import.meta.url)),
});
