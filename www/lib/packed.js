// Files that the package's build made smaller (tools/package/pack-file.js). Others pass through.
import { GhostdetError } from './errors.js';

/** What a file begins with whose low bytes come first, then all high bytes. */
const PARTED = 'parted16';

/**
 * @param {ArrayBuffer} bytes
 * @returns {Promise<ArrayBuffer>}
 */
export async function unpack(bytes) {
  if (!startsWith(bytes, '\x1f\x8b')) return bytes;
  if (typeof DecompressionStream === 'undefined') {
    throw new GhostdetError('unsupported', 'there is no DecompressionStream here: Chrome 80, Firefox 113, Safari 16.4 and Node 20 have it');
  }
  const inflated = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
  return startsWith(inflated, PARTED) ? joined(new Uint8Array(inflated, PARTED.length)) : inflated;
}

function startsWith(/** @type {ArrayBuffer} */ bytes, /** @type {string} */ text) {
  const start = new Uint8Array(bytes, 0, Math.min(text.length, bytes.byteLength));
  return String.fromCharCode(...start) === text;
}

function joined(/** @type {Uint8Array} */ parted) {
  const half = parted.length >> 1;
  const bytes = new Uint8Array(parted.length);
  for (let i = 0; i < half; i++) {
    bytes[2 * i] = parted[i];
    bytes[2 * i + 1] = parted[half + i];
  }
  if (parted.length % 2) bytes[parted.length - 1] = parted[parted.length - 1];
  return bytes.buffer;
}

/**
 * A module, from one that resembles it and what differs (tools/package/difference.js).
 * @param {ArrayBuffer} from
 * @param {ArrayBuffer} difference
 * @returns {ArrayBuffer}
 */
export function apply(from, difference) {
  const [steps, length] = new Int32Array(difference, 0, 2);
  const numbers = new Int32Array(difference, 8, 3 * steps);
  const fresh = new Uint8Array(difference, 8 + numbers.byteLength);
  const [source, result] = [new Uint8Array(from), new Uint8Array(length)];
  let [at, read, place] = [0, 0, 0];
  for (let step = 0; step < steps; step++) {
    const [count, copied] = [numbers[step], numbers[2 * steps + step]];
    result.set(fresh.subarray(read, read + count), at);
    read += count;
    place += numbers[steps + step];
    result.set(source.subarray(place, place + copied), at + count);
    at += count + copied;
    place += copied;
  }
  return result.buffer;
}
