// Downloads, and what can go wrong with them: every failure is an error of code `network` that names the address.
import { GhostdetError } from './errors.js';

/**
 * The answer of a server that has the file.
 * @param {URL} url
 * @param {{ get: typeof globalThis.fetch, signal?: AbortSignal }} options
 * @returns {Promise<Response>}
 */
export async function ask(url, { get, signal }) {
  let answer;
  try {
    answer = await get(url, { signal });
  } catch (error) {
    throw failure(url, error, signal);
  }
  if (!answer.ok) {
    const advice = answer.status === 404 ? ': there is no such file on the server' : '';
    throw new GhostdetError('network', `${url}: the server answered ${`${answer.status} ${answer.statusText}`.trim()}${advice}`);
  }
  if (/^text\/html/i.test(answer.headers?.get('content-type') ?? '')) throw htmlInstead(url);
  return answer;
}

/**
 * The bytes of an answer. `onBytes` is told how many there are so far, and of how many (0: unknown).
 * @param {Response} answer
 * @param {{ url: URL, signal?: AbortSignal, onBytes?: (loaded: number, total: number) => void }} options
 * @returns {Promise<ArrayBuffer>}
 */
export async function read(answer, { url, signal, onBytes = () => {} }) {
  // What was compressed on the way is longer than its header says.
  const length = answer.headers?.get('content-encoding') ? 0 : Number(answer.headers?.get('content-length')) || 0;
  const bytes = await body(answer, length, onBytes).catch((error) => {
    throw failure(url, error, signal);
  });
  if (length && bytes.byteLength < length) {
    throw new GhostdetError('network', `${url}: the download broke off after ${bytes.byteLength} of ${length} bytes`);
  }
  if (isHtml(new Uint8Array(bytes, 0, Math.min(64, bytes.byteLength)))) throw htmlInstead(url);
  return bytes;
}

async function body(answer, length, onBytes) {
  onBytes(0, length);
  if (!answer.body?.getReader) return answer.arrayBuffer();
  const parts = [];
  let loaded = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    loaded += value.byteLength;
    onBytes(loaded, length);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes.buffer;
}

/** The error of a download that threw. */
function failure(url, error, signal) {
  if (signal?.aborted) return GhostdetError.aborted(signal);
  if (error instanceof GhostdetError) return error;
  const why = error?.message ?? String(error);
  const advice = /fetch|network|load failed/i.test(why) ? ' (no connection, or the server does not allow this page to read it)' : '';
  return new GhostdetError('network', `${url}: the download failed: ${why}${advice}`, { cause: error });
}

function htmlInstead(url) {
  const advice = 'the file is missing, and the server answers with a page instead';
  return new GhostdetError('network', `${url}: an HTML page came in place of the file (${advice})`);
}

/** Whether a file begins as pages do. */
function isHtml(/** @type {Uint8Array} */ start) {
  return /^\s*<(!doctype|html|head|body|script|!--)/i.test(new TextDecoder('latin1').decode(start).replace(/^\u00ef\u00bb\u00bf/, ''));
}
