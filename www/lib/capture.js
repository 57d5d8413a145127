import { GhostdetError } from './errors.js';

/** Longest side taken from a still picture; larger ones are scaled down first. */
const LARGEST = 4096;

let canvas;
let context;

/**
 * Pixels of anything that can be drawn.
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
    await source.decode().catch(() => {
      throw new GhostdetError('picture', 'the image could not be decoded');
    });
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
