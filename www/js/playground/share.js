// A YAML as a short text for an address: deflated, in letters that addresses carry.

/** An address unpacks to at most so many characters, whatever it says. */
const MOST = 64 * 1024;

/** @param {string} text */
export async function pack(text) {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(letters).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * The text that was packed; null if this is none of ours.
 * @param {string} packed
 */
export async function unpack(packed) {
  // No text of that length takes more, and what is inflated at once stays small.
  if (packed.length > 4 * MOST) return null;
  try {
    const letters = atob(packed.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let text = '';
    for (const reader = stream.getReader(); ; ) {
      const { done, value } = await reader.read();
      text += decoder.decode(value, { stream: !done });
      if (text.length > MOST) {
        reader.cancel().catch(() => {});
        return null;
      }
      if (done) return text;
    }
  } catch {
    return null;
  }
}
