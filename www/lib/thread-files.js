// The builds with threads, for `ghostdet/threads`.
import { original, provide } from './assets.js';

const at = (/** @type {URL} */ url) => original(String(url));

provide({
  pool: () => at(new URL('./pool-worker.js', import.meta.url)),
  threads: () => at(new URL('./pkg/threads/ghostdet_wasm_bg.wasm', import.meta.url)),
  threadsRelaxed: () => at(new URL('./pkg/threads/relaxed/ghostdet_wasm_bg.wasm', import.meta.url)),
});
