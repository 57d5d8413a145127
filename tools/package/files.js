// Where the package's files are: takes the place of www/lib/files.js in the built package. Each address is written out in the form that
// bundlers know: they take the file along, as it is.
import { original, provide } from './assets.js';

const at = (/** @type {URL} */ url) => original(String(url));

provide({
  worker: () => at(new URL('./inference-worker.js', import.meta.url)),
  relaxed: () => at(new URL('./pkg/cpu.bin', import.meta.url)),
  difference: () => at(new URL('./pkg/cpu-plain.bin', import.meta.url)),
  burn: () => at(new URL('./pkg/burn.bin', import.meta.url)),
  weights: () => at(new URL('./weights/yolov5n-ghost-backbone.bin', import.meta.url)),
});
