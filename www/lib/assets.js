// The addresses of the package's files. `files.js` knows them; an app that brings its own (`ghostdet/slim`) does without.

/**
 * Addresses are asked for when they are needed, never on import: what a bundler puts there may be a bare path, which only a page
 * can complete.
 * @typedef {() => string | URL} Address
 * @typedef {object} Files
 * @property {Address} [worker] the inference worker: one file without imports
 * @property {Address} [cpu] the CPU's module
 * @property {Address} [relaxed] the same with fused multiply-add
 * @property {Address} [burn] the module with Burn's WebGPU backend
 * @property {Address} [weights] the default weights
 * @property {Address} [pool] the worker of a thread
 * @property {Address} [threads] the CPU's module with threads
 * @property {Address} [threadsRelaxed] the same with fused multiply-add
 */

/** @type {Files} */
const known = {};

/** Makes files known. */
export function provide(/** @type {Files} */ files) {
  Object.assign(known, files);
}

/** @returns {Files} */
export function files() {
  return known;
}

/**
 * Dev servers that bundle dependencies in advance (Vite up to 7) move this JavaScript to a folder of their own, and leave the
 * files behind. An address in that folder is led back to the package.
 * @param {string} address of a file beside this JavaScript
 */
export function original(address) {
  const moved = /^(.*?)\/(?:node_modules\/\.[\w./-]*?|\.[\w-]+\/[\w./-]*?)\/?deps(?:_[\w-]+)?\/(.+)$/.exec(address);
  return moved ? `${moved[1]}/node_modules/ghostdet/dist/${moved[2]}` : address;
}
