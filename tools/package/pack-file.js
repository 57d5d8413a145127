// Files for the package, smaller: compressed with gzip, which the package undoes itself, so that an app's output stays small and a
// server that compresses nothing sends little. Nothing else may undo it, so their names end in ".bin".
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { difference } from './difference.js';

/** What a file begins with whose bytes were parted into two halves; www/lib/packed.js puts them together again. */
const PARTED = Buffer.from('parted16');

/** @param {string} from @param {string} to */
export function packWasm(from, to) {
  writeFileSync(to, compress(readFileSync(from)));
}

/** What differs in a module from another one. @param {string} other @param {string} from @param {string} to */
export function packDifference(other, from, to) {
  writeFileSync(to, compress(difference(readFileSync(other), readFileSync(from))));
}

/** Weights of 16 bits: first all their low bytes, then all their high bytes, which resemble each other. @param {string} from @param {string} to */
export function packWeights(from, to) {
  const bytes = readFileSync(from);
  const half = bytes.length >> 1;
  const parted = Buffer.alloc(bytes.length);
  for (let i = 0; i < half; i++) {
    parted[i] = bytes[2 * i];
    parted[half + i] = bytes[2 * i + 1];
  }
  if (bytes.length % 2) parted[bytes.length - 1] = bytes[bytes.length - 1];
  writeFileSync(to, compress(Buffer.concat([PARTED, parted])));
}

/** The same bytes on every system: gzip's header names one. */
function compress(/** @type {Buffer} */ bytes) {
  const packed = gzipSync(bytes, { level: 9, memLevel: 9 });
  packed[9] = 255;
  return packed;
}
