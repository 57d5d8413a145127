// The builds with threads: takes the place of www/lib/thread-files.js in the built package.
import { original, provide } from './assets.js';

const at = (/** @type {URL} */ url) => original(String(url));

provide({
  pool: () => at(new URL('./pool-worker.js', import.meta.url)),
  threadsRelaxed: () => at(new URL('./pkg/threads.bin', import.meta.url)),
  threadsDifference: () => at(new URL('./pkg/threads-plain.bin', import.meta.url)),
});
