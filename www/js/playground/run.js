// How fast a network would be on this device: it runs on random weights.
import { measure } from '../../lib/index.js';

/** More parameters than this are not run in a tab: weights are held several times while they are packed. */
export const MOST_PARAMETERS = 120e6;

/** Burn's own operations take long. @type {Record<string, number>} */
const ROUNDS = { cpu: 5, webgpu: 5, 'webgpu/burn-ops': 2 };

/**
 * Milliseconds of a network and of the one it is compared with; of each row of the first on the CPU.
 * @param {string} yaml
 * @param {string} other a built-in name
 * @param {{ nc: number, size: number, device: string, signal: AbortSignal, onProgress: (share: number) => void }} options
 */
export async function run(yaml, other, { nc, size, device, signal, onProgress }) {
  const profile = device === 'cpu';
  const [mine, theirs] = await measure([yaml, other], {
    nc, size, device: /** @type {any} */ (device), rounds: ROUNDS[device], profile, signal,
    onProgress: ({ loaded, total }) => onProgress(loaded / total),
  });
  return {
    milliseconds: mine.milliseconds,
    others: theirs.milliseconds,
    rows: mine.rows?.map(({ milliseconds }) => milliseconds) ?? null,
  };
}
