// Weights that were fetched, kept in the browser's Cache Storage under their SHA-256.

/** Its name in Cache Storage. */
export const CACHE = 'ghostdet-weights';

/** Whether the bytes are those with this SHA-256; null where it can't be computed (pages without https). */
export async function matches(/** @type {ArrayBuffer} */ bytes, /** @type {string} */ sha256) {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return null;
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('') === sha256.toLowerCase();
}

/**
 * What is kept under this SHA-256, checked against it; null without.
 * @param {string} sha256
 * @returns {Promise<ArrayBuffer | null>}
 */
export async function stored(sha256) {
  try {
    const cache = await globalThis.caches.open(CACHE);
    const answer = await cache.match(key(sha256));
    if (!answer) return null;
    const bytes = await answer.arrayBuffer();
    if (await matches(bytes, sha256)) return bytes;
    await cache.delete(key(sha256));
  } catch {
    // There is none here (a page without https, Node), or it may not be used.
  }
  return null;
}

/**
 * Keeps a copy of bytes once they are checked. That storage is full or forbidden is no failure: the next start downloads again.
 * @param {string} sha256
 * @param {ArrayBuffer} bytes
 * @param {Promise<void>} checked
 */
export async function store(sha256, bytes, checked) {
  try {
    const answer = new Response(bytes, { headers: { 'content-type': 'application/octet-stream' } });
    await checked;
    const cache = await globalThis.caches.open(CACHE);
    await cache.put(key(sha256), answer);
  } catch {
    // See above.
  }
}

/** Cache Storage wants an address. */
function key(sha256) {
  return new URL(`/ghostdet-weights/${sha256.toLowerCase()}`, globalThis.location.origin).href;
}
