// CPU, Burn's WebGPU backend with the fused kernels, and Burn's own operations beside each other, on this device.
import { measure } from '../../lib/threads.js';
import { onLanguage, t } from '../text.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);

/** The network that is timed: the smallest one that ships. */
const MODEL = 'yolov5n-ghost-backbone';

/** Runs of each that count. Burn's own operations may take seconds a run. */
const ROUNDS = { cpu: 5, webgpu: 5, 'webgpu/burn-ops': 2 };

/** Milliseconds by device; what went wrong. @type {{ size: number, times: Record<string, number> } | null} */
let measured = null;
let failure = '';
/** @type {AbortController | null} */
let stop = null;

/** Offers the comparison where there is WebGPU; `done` is called when something was measured. */
export async function start(/** @type {() => void} */ done) {
  const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter().catch(() => null);
  get('executors').hidden = !adapter;
  get('measure-executors').addEventListener('click', () => (stop ? stop.abort() : run().then(done)));
  onLanguage(write);
}

/** What was measured: the network, its size, and milliseconds by device. */
export const result = () => measured && { model: MODEL, ...measured };

/** Shows what was measured at an earlier visit. */
export function restore(/** @type {{ size: number, times: Record<string, number> }} */ { size, times }) {
  measured = { size, times };
  write();
}

/** Measures all of them; `signal` ends that. */
export async function run(/** @type {AbortSignal} */ signal = undefined) {
  stop = new AbortController();
  signal?.addEventListener('abort', () => stop?.abort(), { once: true });
  const size = Number(get('measure-size').value);
  /** @type {Record<string, number>} */
  const times = {};
  failure = '';
  get('measure-executors').textContent = t('measuring');
  try {
    for (const [device, rounds] of Object.entries(ROUNDS)) {
      const options = { nc: 80, size, rounds, signal: stop.signal };
      const [{ milliseconds }] = await measure([MODEL], { ...options, device: /** @type {any} */ (device) });
      times[device] = milliseconds;
      measured = { size, times };
      write();
    }
  } catch (error) {
    if (error.code !== 'aborted') failure = error.message;
  }
  stop = null;
  get('measure-executors').textContent = t('measure_executors');
  write();
}

/** What was measured as a sentence. */
function write() {
  const note = get('executors-note');
  if (failure) return void (note.textContent = failure);
  if (!measured) return;
  const { size, times } = measured;
  const say = (device, name) => (device in times ? [t(name, { ms: times[device].toFixed(times[device] < 10 ? 1 : 0) })] : []);
  const parts = [...say('cpu', 'executor_cpu'), ...say('webgpu', 'executor_fused'), ...say('webgpu/burn-ops', 'executor_ops')];
  const text = [t('executors_note', { model: MODEL, size, list: parts.join(t('list_comma')) })];
  const { cpu, webgpu: fused, 'webgpu/burn-ops': ops } = times;
  if (fused && ops) {
    const values = { times: (ops / fused).toFixed(1), percent: (100 * (1 - fused / ops)).toFixed(0) };
    text.push(t(ops > fused ? 'executors_saved' : 'executors_lost', values));
    const best = Math.min(fused, ops);
    if (cpu < best) text.push(t('executors_cpu', { times: (best / cpu).toFixed(1) }));
  }
  note.textContent = text.join(' ');
}
