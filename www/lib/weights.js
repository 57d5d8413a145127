import { GhostdetError } from './errors.js';

/** The weights that `Detector.load()` takes without being told. */
export const DEFAULT_MODEL = 'yolov5n-ghost-backbone';

/** The default weights' file; a literal address, so that bundlers take it along. */
const DEFAULT_FILE = new URL('./weights/yolov5n-ghost-backbone.safetensors', import.meta.url);

/** Where other named weights and their manifest are: with the default ones. */
const FOLDER = new URL('.', DEFAULT_FILE);

/**
 * Bytes of a model: a URL, a Blob, an ArrayBuffer (or view), or a name of the manifest.
 * @returns {Promise<{ bytes: ArrayBuffer, name: string }>}
 */
export async function fetchWeights(model, { get, signal, onProgress }) {
  if (model instanceof ArrayBuffer) return { bytes: model.slice(0), name: '' };
  if (ArrayBuffer.isView(model)) {
    return { bytes: new Uint8Array(model.buffer, model.byteOffset, model.byteLength).slice().buffer, name: '' };
  }
  if (typeof Blob !== 'undefined' && model instanceof Blob) {
    return { bytes: await model.arrayBuffer(), name: /** @type {any} */ (model).name ?? '' };
  }
  const text = String(model);
  const url = model instanceof URL || /[./]/.test(text) ? new URL(text, document.baseURI) : await named(text, get, signal);
  const bytes = await download(url, { get, signal, onProgress });
  return { bytes, name: url.pathname.split('/').pop() };
}

/** The manifest's file of that name; without a manifest, the file called so. */
async function named(name, get, signal) {
  if (name === DEFAULT_MODEL) return DEFAULT_FILE;
  const answer = await get(new URL('manifest.json', FOLDER), { signal }).catch(() => null);
  signal?.throwIfAborted();
  if (answer?.ok) {
    const manifest = await answer.json();
    const entries = Array.isArray(manifest) ? manifest : (manifest.weights ?? manifest.models ?? []);
    const file = (entry) => entry.file?.replace(/\.safetensors$/, '');
    const entry = entries.find((one) => one.name === name || file(one) === name);
    if (entry) return new URL(entry.file, FOLDER);
    if (entries.length) {
      throw new GhostdetError('argument', `no weights called "${name}"; there are: ${entries.map(file).join(', ')}`);
    }
  }
  return new URL(`${name}.safetensors`, FOLDER);
}

async function download(url, { get, signal, onProgress }) {
  const answer = await get(url, { signal });
  if (!answer.ok) throw new GhostdetError('network', `${url}: ${answer.status} ${answer.statusText}`);
  const length = answer.headers.get('content-encoding') ? 0 : Number(answer.headers.get('content-length')) || 0;
  onProgress({ stage: 'download', loaded: 0, total: length });
  if (!answer.body) return answer.arrayBuffer();
  const parts = [];
  let loaded = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    loaded += value.byteLength;
    onProgress({ stage: 'download', loaded, total: Math.max(length, loaded) });
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes.buffer;
}
