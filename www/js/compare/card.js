// What was measured, as a sentence and as a text to hand on.
import { t } from '../text.js';

/** Times that differ by less than this are the same: they do, from run to run. */
const SPREAD = 0.05;

const ms = (/** @type {number} */ value) => value.toFixed(value < 10 ? 1 : 0);

/**
 * Does Ghost pay here? For each of the networks against the first.
 * @param {{ model: string, milliseconds: number }[]} times
 * @param {{ model: string, gflops_exact: number }[]} models
 */
export function verdict(times, models) {
  const [plain] = times;
  const flops = (/** @type {string} */ name) => models.find(({ model }) => same(model, name))?.gflops_exact ?? 0;
  return times.slice(1).map(({ model, milliseconds }) => {
    const ratio = milliseconds / plain.milliseconds;
    const values = {
      model, plain: plain.model, ratio: ratio.toFixed(2), flops: (flops(model) / (flops(plain.model) || 1)).toFixed(2),
      percent: Math.abs(100 * (1 - ratio)).toFixed(0),
    };
    if (ratio < 1 - SPREAD) return t('ghost_pays', values);
    return t(ratio > 1 + SPREAD ? 'ghost_costs' : 'ghost_even', values);
  }).join(' ');
}

const same = (/** @type {string} */ a, /** @type {string} */ b) => a.toLowerCase() === b.toLowerCase();

/** The device and the browser, as far as the browser tells. */
export async function describe() {
  const data = /** @type {any} */ (navigator).userAgentData;
  const more = await data?.getHighEntropyValues(['architecture', 'bitness', 'model', 'platformVersion']).catch(() => null);
  const system = more
    ? [more.model, data.platform, more.platformVersion, [more.architecture, more.bitness].filter(Boolean).join(' ')].filter(Boolean).join(' ')
    : navigator.platform;
  const brand = data?.brands?.filter((/** @type {any} */ one) => !/not.?a.?brand/i.test(one.brand)).at(-1);
  const browser = brand ? `${brand.brand} ${brand.version}` : (navigator.userAgent.match(/(Firefox|Edg|Chrome|Version)\/[\d.]+/)?.[0] ?? navigator.userAgent);
  const gpu = await /** @type {any} */ (navigator).gpu?.requestAdapter().catch(() => null);
  const info = gpu?.info;
  const adapter = info ? info.description || [info.vendor, info.architecture].filter(Boolean).join(' ') : '';
  return { system, cores: navigator.hardwareConcurrency ?? 1, browser, adapter };
}

/** One line that names the device. */
export function deviceLine(/** @type {Awaited<ReturnType<typeof describe>>} */ { system, cores, browser, adapter }) {
  const gpu = adapter || t('card_no_gpu');
  return t('card_device', { system, cores, browser, gpu });
}

/**
 * The card: plain text, in English for whoever reads it elsewhere.
 * @param {{ about: Awaited<ReturnType<typeof describe>>, version: string, ghosts: any, executors: any }} what
 */
export function card({ about, version, ghosts, executors }) {
  const lines = [
    `ghostdet ${version}, ${new Date().toISOString().slice(0, 10)}`,
    `Device: ${about.system}, ${about.cores} logical cores`,
    `GPU: ${about.adapter || 'none that WebGPU offers'}`,
    `Browser: ${about.browser}`,
  ];
  if (ghosts) {
    const { nc, size, device, times } = ghosts;
    lines.push('', `${nc} classes, ${size} x ${size}, random weights, median of 5, ${device.kind === 'cpu' ? `CPU, ${device.threads ?? 1} thread${device.threads > 1 ? 's' : ''}` : 'WebGPU'}:`);
    const [plain] = times;
    for (const one of times) {
      lines.push(`  ${one.model.padEnd(24)} ${ms(one.milliseconds).padStart(7)} ms  ${(one.milliseconds / plain.milliseconds).toFixed(2)}`);
    }
  }
  if (executors) {
    const { model, size, times } = executors;
    lines.push('', `${model} at ${size} x ${size}:`);
    const names = { cpu: 'CPU', webgpu: 'WebGPU, fused kernels', 'webgpu/burn-ops': "WebGPU, Burn's operations" };
    for (const [device, time] of Object.entries(times)) lines.push(`  ${(names[device] ?? device).padEnd(26)} ${ms(time).padStart(7)} ms`);
  }
  return lines.join('\n');
}
