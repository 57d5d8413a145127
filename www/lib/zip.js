// Writes zip files whose entries are stored as they are: pictures and short texts hardly get smaller.

const TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  for (let bit = 0; bit < 8; bit++) number = number & 1 ? (number >>> 1) ^ 0xedb88320 : number >>> 1;
  return number;
});

function crc32(/** @type {Uint8Array} */ bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 255];
  return ~crc >>> 0;
}

/** Numbers as little-endian bytes: pairs of size and value. */
function record(/** @type {[2 | 4, number][]} */ ...fields) {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

/** The largest zip without the 64-bit extension, and the most files in one. */
const LARGEST = 0xffffffff;
const MOST = 0xffff;

/**
 * A zip file. Names that come twice are numbered: `a.txt`, `a-2.txt`.
 * @param {{ name: string, data: string | Uint8Array }[]} files
 * @returns {Blob}
 */
export function zip(files) {
  if (files.length > MOST) throw new RangeError(`a zip holds at most ${MOST} files, not ${files.length}`);
  const names = new Set();
  /** @type {any[]} */
  const parts = [];
  /** @type {any[]} */
  const directory = [];
  let offset = 0;
  for (const { name, data } of files) {
    let unique = name;
    for (let number = 2; names.has(unique); number++) unique = name.replace(/(\.[^./]*)?$/, `-${number}$1`);
    names.add(unique);
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    const path = new TextEncoder().encode(unique);
    // Version 2.0, names in UTF-8, stored, 1 January 1980 (the first date there is).
    const facts = /** @type {[2 | 4, number][]} */ ([
      [2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, crc32(bytes)], [4, bytes.length], [4, bytes.length], [2, path.length], [2, 0],
    ]);
    const local = record([4, 0x04034b50], ...facts);
    parts.push(local, path, bytes);
    directory.push(record([4, 0x02014b50], [2, 20], ...facts, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), path);
    offset += local.length + path.length + bytes.length;
    if (offset > LARGEST) throw new RangeError('a zip holds at most 4 GB: take fewer files at once');
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: 'application/zip' });
}
