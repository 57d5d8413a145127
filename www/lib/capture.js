import { ask, read } from './download.js';
import { GhostdetError, throwIfAborted } from './errors.js';
import { ownFetch, resolve } from './host.js';
import { opaquePixels } from './opaque.js';

/** The longest side of the pixels that are read; larger images are scaled down. */
const LARGEST = 4096;

let canvas;
let context;

/**
 * The source as a bitmap for the GPU, without reading its pixels. Null if it is better read as pixels.
 * @param {any} source
 * @param {{ largest?: number, fetch?: typeof globalThis.fetch, signal?: AbortSignal }} [options]
 * @returns {Promise<{ width: number, height: number, frame: { bitmap: ImageBitmap, width: number, height: number } } | null>}
 */
export async function captureBitmap(source, { fetch: get = ownFetch(), signal } = {}) {
  if (typeof createImageBitmap === 'undefined' || isPixels(source)) return null;
  let drawable = source;
  if (typeof source === 'string' || source instanceof URL) drawable = await download(source, get, signal);
  const blob = typeof Blob !== 'undefined' && drawable instanceof Blob;
  if (!blob) {
    if (typeof HTMLImageElement !== 'undefined' && drawable instanceof HTMLImageElement) await decoded(drawable);
    const [width, height] = dimensions(drawable);
    if (!width || !height) throw new GhostdetError('picture', 'the source has no size yet: wait until it is loaded');
  }
  const made = blob ? await bitmap(drawable) : await createImageBitmap(drawable, { premultiplyAlpha: 'none' }).catch(() => null);
  if (!made || Math.max(made.width, made.height) > LARGEST || !(blob || readable(made, drawable))) {
    made?.close();
    return null;
  }
  const { width, height } = made;
  return { width, height, frame: { bitmap: made, width, height } };
}

/** Images and videos that are known to be readable, and the address they showed then. */
const known = new WeakMap();

/**
 * Whether the page may read these pixels: reads one, once per address of an image or a video. A camera is always readable.
 * (Of others, the copy to the GPU would throw.)
 * @param {ImageBitmap} made
 * @param {any} source
 */
function readable(made, source) {
  const address = source.currentSrc;
  if (source.srcObject || (address && known.get(source) === address)) return true;
  try {
    drawn(made, 1, 1);
    known.set(source, address);
    return true;
  } catch {
    return false;
  }
}

/** @param {HTMLImageElement} image */
function decoded(image) {
  return image.decode().catch(() => {
    throw new GhostdetError('picture', 'the image could not be decoded');
  });
}

/**
 * The pixels of anything that can be drawn.
 * @param {any} source
 * @param {{ largest?: number, fetch?: typeof globalThis.fetch, signal?: AbortSignal }} [options]
 * @returns {Promise<{ width: number, height: number, frame: { rgba: Uint8ClampedArray, width: number, height: number } }>}
 *   the source's own size, and the pixels, which may be fewer
 */
export async function capture(source, { largest = LARGEST, fetch: get = ownFetch(), signal } = {}) {
  if (isPixels(source)) return given(source);
  let drawable = source;
  let own = false;
  if (typeof source === 'string' || source instanceof URL) {
    needsBrowser('a picture file');
    drawable = await bitmap(await download(source, get, signal));
    own = true;
  } else if (typeof Blob !== 'undefined' && source instanceof Blob) {
    needsBrowser('a picture file');
    drawable = await bitmap(source);
    own = true;
  } else if (typeof HTMLImageElement !== 'undefined' && source instanceof HTMLImageElement) {
    await decoded(source);
  }
  try {
    const [width, height] = dimensions(drawable);
    if (!width || !height) throw new GhostdetError('picture', 'the source has no size yet: wait until it is loaded');
    needsBrowser('a source that has to be drawn');
    const scale = Math.min(1, largest / Math.max(width, height));
    const w = Math.max(1, Math.round(width * scale));
    const h = Math.max(1, Math.round(height * scale));
    return { width, height, frame: { rgba: await pixels(drawable, w, h), width: w, height: h } };
  } finally {
    if (own) drawable.close?.();
  }
}

/** Whether it holds pixels as numbers: ImageData, or `{ data, width, height }`. */
function isPixels(source) {
  return ArrayBuffer.isView(source?.data) && typeof source.width === 'number' && typeof source.height === 'number';
}

/** Pixels as numbers, four bytes each, or three without alpha. */
function given({ data, width, height }) {
  const count = width * height;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1 || data.BYTES_PER_ELEMENT !== 1) {
    throw new GhostdetError('argument', 'pixels: { data, width, height } with whole numbers above 0, and data in bytes (Uint8ClampedArray, Uint8Array)');
  }
  if (data.length === 4 * count) return { width, height, frame: { rgba: new Uint8ClampedArray(data), width, height } };
  if (data.length !== 3 * count) {
    const wanted = `${4 * count} bytes (RGBA) or ${3 * count} (RGB)`;
    throw new GhostdetError('argument', `pixels: ${width} x ${height} are ${wanted}, not ${data.length}`);
  }
  const rgba = new Uint8ClampedArray(4 * count).fill(255);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    rgba[to] = data[from];
    rgba[to + 1] = data[from + 1];
    rgba[to + 2] = data[from + 2];
  }
  return { width, height, frame: { rgba, width, height } };
}

function needsBrowser(what) {
  if (typeof OffscreenCanvas !== 'undefined' || typeof document !== 'undefined') return;
  throw new GhostdetError('unsupported', `${what} is decoded by a browser, and there is none here: give pixels, { data, width, height } (for example those of the package sharp)`);
}

/** The pixels of a drawable. A canvas multiplies colours by alpha and loses those of clear pixels; alpha is to be left out. */
async function pixels(drawable, width, height) {
  const rgba = drawn(drawable, width, height);
  const still = (typeof ImageBitmap !== 'undefined' && drawable instanceof ImageBitmap) ||
    (typeof HTMLImageElement !== 'undefined' && drawable instanceof HTMLImageElement);
  return (still && (await opaquePixels(drawable, rgba, width, height))) || rgba;
}

function drawn(drawable, width, height) {
  if (!canvas) {
    canvas = typeof OffscreenCanvas === 'undefined' ? document.createElement('canvas') : new OffscreenCanvas(1, 1);
    context = canvas.getContext('2d', { willReadFrequently: true });
  }
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  context.clearRect(0, 0, width, height);
  try {
    context.drawImage(drawable, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  } catch (error) {
    throw new GhostdetError('picture', `the pixels can't be read: ${error.message}`, { cause: error });
  }
}

function dimensions(source) {
  if (source?.videoWidth !== undefined) return [source.videoWidth, source.videoHeight];
  if (source?.naturalWidth !== undefined) return [source.naturalWidth, source.naturalHeight];
  if (source?.displayWidth !== undefined) return [source.displayWidth, source.displayHeight];
  if (typeof source?.width === 'number') return [source.width, source.height];
  throw new GhostdetError(
    'argument',
    'detect() takes an image, video, canvas, ImageBitmap, ImageData, VideoFrame, Blob, URL or { data, width, height }',
  );
}

async function bitmap(blob) {
  try {
    return await createImageBitmap(blob, { imageOrientation: 'from-image', premultiplyAlpha: 'none' });
  } catch (error) {
    throw new GhostdetError('picture', 'this is not a picture that the browser can decode', { cause: error });
  }
}

async function download(address, get, signal) {
  const url = resolve(address);
  const answer = await ask(url, { get, signal });
  const bytes = await read(answer, { url, signal });
  throwIfAborted(signal);
  return new Blob([bytes], { type: answer.headers?.get('content-type') ?? '' });
}
