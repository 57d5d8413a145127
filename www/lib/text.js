// Text that people make: labels, lists, YAML, JSON. Editors write UTF-8 and UTF-16, with and without a byte order mark.

/** The text in a file; its lines end with a line feed. */
export async function textOf(/** @type {File} */ file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const head = bytes.subarray(0, 4096);
  // Of UTF-16 in Latin letters, every other byte is zero.
  const zeros = (/** @type {number} */ from) => head.filter((byte, i) => !byte && i % 2 === from).length * 4 > head.length;
  const mark = head[0] * 256 + head[1];
  const encoding = mark === 0xfffe || zeros(1) ? 'utf-16le' : mark === 0xfeff || zeros(0) ? 'utf-16be' : 'utf-8';
  // Joined files have byte order marks inside, those of DOS a mark at the end.
  return new TextDecoder(encoding).decode(bytes).replace(/[\uFEFF\x1A]/g, '').replace(/\r\n?/g, '\n');
}
