import { GhostdetError } from './errors.js';

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
export async function captureBitmap(source, { fetch: get = globalThis.fetch, signal } = {}) {
  if (typeof createImageBitmap === 'undefined') return null;
  if (typeof ImageData !== 'undefined' && source instanceof ImageData) return null;
  let drawable = source;
  if (typeof source === 'string' || source instanceof URL) drawable = await download(source, get, signal);
  const blob = typeof Blob !== 'undefined' && drawable instanceof Blob;
  if (!blob) {
    if (typeof HTMLImageElement !== 'undefined' && drawable instanceof HTMLImageElement) await decoded(drawable);
    const [width, height] = dimensions(drawable);
    if (!width || !height) throw new GhostdetError('picture', 'the source has no size yet: wait until it is loaded');
  }
  const made = blob ? await bitmap(drawable) : await createImageBitmap(drawable).catch(() => null);
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
    pixels(made, 1, 1);
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
export async function capture(source, { largest = LARGEST, fetch: get = globalThis.fetch, signal } = {}) {
  if (typeof ImageData !== 'undefined' && source instanceof ImageData) {
    const { width, height } = source;
    return { width, height, frame: { rgba: new Uint8ClampedArray(source.data), width, height } };
  }
  let drawable = source;
  let own = false;
  if (typeof source === 'string' || source instanceof URL) {
    drawable = await bitmap(await download(source, get, signal));
    own = true;
  } else if (typeof Blob !== 'undefined' && source instanceof Blob) {
    drawable = await bitmap(source);
    own = true;
  } else if (typeof HTMLImageElement !== 'undefined' && source instanceof HTMLImageElement) {
    await decoded(source);
  }
  try {
    const [width, height] = dimensions(drawable);
    if (!width || !height) throw new GhostdetError('picture', 'the source has no size yet: wait until it is loaded');
    const scale = Math.min(1, largest / Math.max(width, height));
    const w = Math.max(1, Math.round(width * scale));
    const h = Math.max(1, Math.round(height * scale));
    return { width, height, frame: { rgba: pixels(drawable, w, h), width: w, height: h } };
  } finally {
    if (own) drawable.close?.();
  }
}

function pixels(drawable, width, height) {
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
    'detect() takes an image, video, canvas, ImageBitmap, ImageData, VideoFrame, Blob or URL',
  );
}

async function bitmap(blob) {
  try {
    return await createImageBitmap(blob, { imageOrientation: 'from-image' });
  } catch (error) {
    throw new GhostdetError('picture', 'this is not a picture that the browser can decode', { cause: error });
  }
}

async function download(url, get, signal) {
  const answer = await get(url, { signal });
  if (!answer.ok) throw new GhostdetError('network', `${url}: ${answer.status} ${answer.statusText}`);
  return answer.blob();
}
