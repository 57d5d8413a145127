// What the first starts found out about this device: lines `KEY=KIND`, which the wasm module writes and reads.

/** Where they are kept, one list for each `device` that can be asked for. */
const REMEMBERED = 'ghostdet';

/** Networks, sizes and adapters that are remembered. */
const MOST = 16;

/** What earlier starts found out, or null. */
export function recall(device, threads) {
  try {
    return globalThis.localStorage?.getItem(place(device, threads)) ?? null;
  } catch {
    return null;
  }
}

/** Keeps a line for the next start, in place of that of the same key. */
export function remember(line, device, threads) {
  if (!line) return;
  const key = line.slice(0, line.lastIndexOf('=') + 1);
  const others = (recall(device, threads) ?? '').split('\n').filter((one) => one && !one.startsWith(key));
  try {
    globalThis.localStorage?.setItem(place(device, threads), [line, ...others].slice(0, MOST).join('\n'));
  } catch {
    // Storage may be forbidden: then it is measured again next time.
  }
}

/** The CPU's time depends on its threads. */
function place(device, threads) {
  return threads > 1 ? `${REMEMBERED}.${device}.${threads}` : `${REMEMBERED}.${device}`;
}
