import { files } from './assets.js';
import { abortable } from './checks.js';
import { ask, read } from './download.js';
import { GhostdetError } from './errors.js';
import { resolve } from './host.js';
import { unpack } from './packed.js';
import { DEFAULT_WEIGHTS } from './shipped.js';
import { matches, store, stored } from './weights-cache.js';

/** The weights that `Detector.load()` takes without being told. */
export const DEFAULT_MODEL = DEFAULT_WEIGHTS.name;

/**
 * Bytes, and a promise that fails if they are not the expected ones: the network may be made of them meanwhile.
 * @typedef {{ bytes: ArrayBuffer, name: string, checked?: Promise<void> }} Fetched
 */

/**
 * @typedef {{ get: typeof globalThis.fetch, signal?: AbortSignal, onProgress: (progress: any) => void, sha256?: string, cache?: boolean }} Taking
 */

/**
 * Bytes of a model: a URL, a Blob, an ArrayBuffer (or view), or a name of the manifest.
 * @param {any} model
 * @param {Taking} taking
 * @returns {Promise<Fetched>}
 */
export async function fetchWeights(model, taking) {
  if (model instanceof ArrayBuffer) return { bytes: model.slice(0), name: '' };
  if (ArrayBuffer.isView(model)) {
    const { buffer, byteOffset, byteLength } = model;
    return { bytes: /** @type {ArrayBuffer} */ (new Uint8Array(buffer, byteOffset, byteLength).slice().buffer), name: '' };
  }
  if (typeof Blob !== 'undefined' && model instanceof Blob) {
    return { bytes: await model.arrayBuffer(), name: /** @type {any} */ (model).name ?? '' };
  }
  if (typeof model !== 'string' && !(model instanceof URL)) {
    throw new GhostdetError('argument', 'model: it is an address, a Blob, an ArrayBuffer, or the name of weights that came with the package');
  }
  const address = model instanceof URL || /[./]/.test(model);
  const { source, ...known } = address ? { source: model, sha256: undefined, bytes: 0, file: '' } : named(String(model));
  if (source instanceof Uint8Array) return { bytes: await unpack(/** @type {ArrayBuffer} */ (source.buffer)), name: known.file };
  const url = resolve(source);
  const sha256 = taking.sha256 ?? known.sha256;
  const { bytes, checked } = await download(url, { ...taking, sha256, expected: known.bytes });
  return { bytes, checked, name: known.file || (url.pathname.split('/').pop() ?? '') };
}

/** Where the weights of that name are, and what is known of them. Only what is part of the package has a name. */
function named(/** @type {string} */ name) {
  const { weights } = files();
  if (name === DEFAULT_MODEL && weights) return { source: weights(), ...DEFAULT_WEIGHTS };
  const there = weights ? `"${DEFAULT_MODEL}" did` : 'ghostdet/slim has none';
  throw new GhostdetError('argument', `model: no weights called "${name}" came with the package (${there}); of others give the address, a URL`);
}

/** Downloads under way, by SHA-256: they end without an error. @type {Map<string, Promise<void>>} */
const running = new Map();

/**
 * What is kept is downloaded once, even if several ask for it at the same time: the others wait for the first one and find it kept.
 * @param {URL} url
 * @param {Taking & { expected: number }} options
 */
async function download(url, options) {
  const { signal, sha256, cache = true } = options;
  if (!cache || !sha256) return fetchOrTake(url, options);
  const first = running.get(sha256);
  if (first) {
    await abortable(first, signal);
    return fetchOrTake(url, options);
  }
  const answer = fetchOrTake(url, options);
  const kept = answer.then(({ kept }) => kept).catch(() => {});
  running.set(sha256, kept.then(() => void running.delete(sha256)));
  return answer;
}

/**
 * `kept` resolves when the bytes are in the browser's storage, or can't be.
 * @param {URL} url
 * @param {Taking & { expected: number }} options
 * @returns {Promise<{ bytes: ArrayBuffer, checked?: Promise<void>, kept?: Promise<void> }>}
 */
async function fetchOrTake(url, { get, signal, onProgress, sha256, cache = true, expected }) {
  const onBytes = (loaded, total) => onProgress({ stage: 'download', loaded, total: Math.max(total || expected, loaded) });
  const kept = cache && sha256 ? await stored(sha256) : null;
  if (kept) {
    onBytes(kept.byteLength, kept.byteLength);
    return { bytes: kept };
  }
  const bytes = await unpack(await read(await ask(url, { get, signal }), { url, signal, onBytes }));
  if (!sha256) return { bytes };
  // Whoever asked goes on meanwhile, and may hand the bytes over to another thread: both work on copies.
  const checked = check(url, bytes, sha256);
  const keep = cache ? store(sha256, bytes, checked) : undefined;
  checked.catch(() => {});
  return { bytes, checked, kept: keep };
}

async function check(/** @type {URL} */ url, /** @type {ArrayBuffer} */ bytes, /** @type {string} */ sha256) {
  if ((await matches(bytes, sha256)) !== false) return;
  throw new GhostdetError('network', `${url}: the file is not the one that was expected (its SHA-256 differs from ${sha256}); reload it without a cache`);
}
