// Compiles the wasm modules: from an address, from bytes, or as they are handed over. Each address is fetched and compiled once.
import { ask, read } from './download.js';
import { GhostdetError } from './errors.js';
import { resolve } from './host.js';
import { unpack } from './packed.js';
import { VERSION } from './version.js';

/** A module with an instruction of SIMD, and one with an instruction of relaxed SIMD: they validate where the browser has it. */
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);
const RELAXED = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253,
  128, 2, 11,
);

/** The smallest module: compiles wherever compiling is allowed. */
const EMPTY = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

/**
 * Throws an error of code `unsupported` where the network can't run at all.
 */
export function checkSupport() {
  if (typeof WebAssembly !== 'object') {
    throw new GhostdetError('unsupported', 'there is no WebAssembly here: the browser is too old, or its settings (a lockdown mode) forbid it');
  }
  if (!WebAssembly.validate(SIMD)) {
    throw new GhostdetError('unsupported', 'WebAssembly has no SIMD here: Chrome 91, Firefox 89, Safari 16.4 and Node 20 have it');
  }
}

/** Whether fused multiply-add is there. */
export function hasRelaxedSimd() {
  return WebAssembly.validate(RELAXED);
}

/** @type {Map<string, Promise<WebAssembly.Module>>} */
const compiling = new Map();

/**
 * @param {any} source a compiled module, its bytes, an address, or a `Response`
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compile(source, { get }) {
  const given = await source;
  if (given instanceof WebAssembly.Module) return given;
  if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) return fromBytes(await unpack(whole(given)), 'the given bytes');
  if (typeof Response !== 'undefined' && given instanceof Response) return fromAnswer(given, new URL(given.url || 'about:blank'));
  const url = resolve(given);
  const known = compiling.get(url.href);
  if (known) return known;
  const mine = ask(url, { get }).then((answer) => fromAnswer(answer, url));
  compiling.set(url.href, mine);
  // A download that failed may succeed the next time.
  mine.catch(() => compiling.delete(url.href));
  return mine;
}

/** @param {Response} answer */
async function fromAnswer(answer, /** @type {URL} */ url) {
  const streams = WebAssembly.compileStreaming && /^application\/wasm\b/.test(answer.headers.get('content-type') ?? '');
  if (!streams) return fromBytes(await unpack(await read(answer, { url })), String(url));
  try {
    return await WebAssembly.compileStreaming(answer);
  } catch (error) {
    throw refused(error, String(url));
  }
}

/** The bytes of a file of the package. */
export async function fetchFile(/** @type {string | URL | Uint8Array} */ source, { get }) {
  if (source instanceof Uint8Array) return unpack(whole(source));
  const url = resolve(source);
  return unpack(await read(await ask(url, { get }), { url }));
}

/** What a view shows, alone. */
function whole(/** @type {ArrayBuffer | ArrayBufferView} */ given) {
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(given) ? given : { buffer: given, byteOffset: 0, byteLength: given.byteLength };
  return /** @type {ArrayBuffer} */ (byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength));
}

async function fromBytes(/** @type {any} */ bytes, /** @type {string} */ place) {
  const view = new Uint8Array(bytes, 0, Math.min(4, bytes.byteLength));
  if (view.join() !== '0,97,115,109') throw new GhostdetError('network', `${place}: this is no wasm file`);
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw refused(error, place);
  }
}

/** The error of a module that was not compiled. */
function refused(error, /** @type {string} */ place) {
  try {
    new WebAssembly.Module(EMPTY);
  } catch (cause) {
    const header = "Content-Security-Policy: script-src 'self' 'wasm-unsafe-eval'";
    return new GhostdetError('unsupported', `this page's security policy forbids WebAssembly; its server has to allow it: ${header}`, { cause });
  }
  if (error instanceof WebAssembly.CompileError) {
    return new GhostdetError('network', `${place}: the wasm file is damaged or cut off: ${error.message}`, { cause: error });
  }
  return new GhostdetError('network', `${place}: the download failed: ${error?.message ?? error}`, { cause: error });
}

/**
 * Starts a module with its JavaScript, and checks that both are of one version.
 * @param {any} glue
 * @param {WebAssembly.Module} module
 */
export async function instantiate(glue, module) {
  let exports;
  try {
    exports = await glue.default({ module_or_path: module });
  } catch (error) {
    if (error instanceof WebAssembly.LinkError || error instanceof TypeError) throw stale('another build', error);
    throw error;
  }
  const version = glue.version?.() ?? VERSION;
  if (version !== VERSION) throw stale(`version ${version}`);
  return exports;
}

function stale(found, cause) {
  const advice = 'an old copy is in a cache: reload without it, or publish all files of the package together';
  return new GhostdetError('network', `the wasm file is of ${found}, and ghostdet's JavaScript of version ${VERSION}: ${advice}`, { cause });
}
