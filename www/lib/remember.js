// What the first start found out about this device.

/** Where the choice between CPU and WebGPU is kept. */
const REMEMBERED = 'ghostdet.device';

/** What `auto` measured earlier in this browser, as `adapter=cpu` or `adapter=webgpu/tuning`. */
export function recall(threads) {
  try {
    return globalThis.localStorage?.getItem(remembered(threads)) ?? null;
  } catch {
    return null;
  }
}

/** Keeps it for the next start. */
export function remember({ kind, gpu, measured, tuning }, threads) {
  if (!measured || !gpu) return;
  try {
    globalThis.localStorage?.setItem(remembered(threads), `${gpu}=${kind}${tuning ? `/${tuning}` : ''}`);
  } catch {
    // Storage may be forbidden: then it is measured again next time.
  }
}

/** The CPU's time depends on its threads. */
function remembered(threads) {
  return threads > 1 ? `${REMEMBERED}.${threads}` : REMEMBERED;
}
