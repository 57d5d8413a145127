// The addresses of the package's files. `files.js` knows them; an app that brings its own (`ghostdet/slim`) does without.

/**
 * Addresses are asked for when they are needed, never on import: what a bundler puts there may be a bare path, which only a page
 * can complete. In place of an address stand the bytes where there are no files (`ghostdet/inline`).
 * @typedef {() => string | URL} Address
 * @typedef {() => string | URL | Uint8Array} Content
 * @typedef {object} Files
 * @property {Address} [worker] the inference worker: one file without imports
 * @property {Content} [cpu] the CPU's module
 * @property {Content} [relaxed] the same with fused multiply-add
 * @property {Content} [difference] in place of `cpu`: what differs in it from `relaxed`
 * @property {Address} [burn] the module with Burn's WebGPU backend
 * @property {Content} [weights] the default weights
 * @property {Address} [pool] the worker of a thread
 * @property {Content} [threads] the CPU's module with threads
 * @property {Content} [threadsRelaxed] the same with fused multiply-add
 * @property {Content} [threadsDifference] in place of `threads`: what differs in it from `threadsRelaxed`
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
