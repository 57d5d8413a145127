// `ghostdet/inline`: everything in one file of JavaScript, for bundlers that take no other files along (esbuild, Angular's), and for pages
// that are opened from the disk. Without WebGPU, so that it stays small.
import cpu from 'packed:cpu';
import plain from 'packed:plain';
import weights from 'packed:weights';
import worker from 'packed:worker';
import { provide } from './assets.js';

/** Bytes, from base64. */
function decode(/** @type {string} */ text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

let script = '';

provide({
  worker: () => (script ||= URL.createObjectURL(new Blob([worker], { type: 'text/javascript' }))),
  relaxed: () => decode(cpu),
  difference: () => decode(plain),
  weights: () => decode(weights),
});

export * from './slim.js';
