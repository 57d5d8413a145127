// The results of autotuning on this device: lines `KEY=CONFIGURATION`, which the wasm module writes and reads.

/** Prefix of the keys in local storage: a list for each `device` option. */
const STORAGE_KEY = 'ghostdet';

/** The most lines that are kept: one for each network, size and adapter. */
const MAX_LINES = 16;

/**
 * The results of earlier starts, or null.
 * @param {string} device
 * @param {number} threads
 */
export function loadTuning(device, threads) {
  try {
    return globalThis.localStorage?.getItem(storageKey(device, threads)) ?? null;
  } catch {
    return null;
  }
}

/**
 * Keeps a line for the next start. It replaces the line with the same key.
 * @param {string | null} line
 * @param {string} device
 * @param {number} threads
 */
export function storeTuning(line, device, threads) {
  if (!line) return;
  const key = line.slice(0, line.lastIndexOf('=') + 1);
  const others = (loadTuning(device, threads) ?? '').split('\n').filter((one) => one && !one.startsWith(key));
  try {
    globalThis.localStorage?.setItem(storageKey(device, threads), [line, ...others].slice(0, MAX_LINES).join('\n'));
  } catch {
    // Storage may be forbidden: the next start measures again.
  }
}

/** The CPU's time depends on the number of threads. */
function storageKey(device, threads) {
  return threads > 1 ? `${STORAGE_KEY}.${device}.${threads}` : `${STORAGE_KEY}.${device}`;
}
