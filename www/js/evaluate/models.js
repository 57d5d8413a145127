// The networks of this view: the shipped ones, and files that somebody opened. They run on the CPU, where all of them can be
// compared.
import { Detector } from '../../lib/index.js';
import { offlineReason } from '../offline.js';
import { t } from '../text.js';

const MANIFEST = new URL('../../lib/weights/manifest.json', import.meta.url);

/** So many networks stay loaded. */
const MOST = 3;

/** @type {Map<string, { title: string, model: string | URL | File, sha256?: string }>} */
const known = new Map();
/** By name, the one used last at the end. @type {Map<string, Promise<Detector>>} */
const loaded = new Map();
/** Networks that are at work and must stay. @type {Map<string, number>} */
const used = new Map();

/** Reads which networks ship. */
export async function readManifest() {
  const answer = await fetch(MANIFEST).catch(() => null);
  const { weights = [] } = answer?.ok ? await answer.json() : {};
  for (const { file, model, sha256 } of weights) {
    const name = file.replace(/\.safetensors$/, '');
    known.set(name, { title: model, model: new URL(file, MANIFEST), sha256 });
  }
  if (!known.size) known.set('yolov5n-ghost-backbone', { title: 'yolov5n-ghost-backbone', model: 'yolov5n-ghost-backbone' });
}

/** Names and titles of the networks that can be chosen. */
export const choices = () => [...known].map(([name, { title }]) => ({ name, title }));

export const title = (/** @type {string} */ name) => known.get(name)?.title ?? name;

/** Adds a file of weights; returns its name here. */
export function add(/** @type {File} */ file) {
  const name = `file:${file.name}`;
  loaded.get(name)?.then((detector) => detector.dispose(), () => {});
  loaded.delete(name);
  known.set(name, { title: file.name, model: file });
  return name;
}

/** Forgets a file that turned out to be no weights. */
export const forget = (/** @type {string} */ name) => known.delete(name);

/**
 * Calls `work` with a network, which stays loaded at least until that is done. For a size that is not its own it is loaded once more:
 * whoever else uses it has it at its own.
 * @template T
 * @param {string} name
 * @param {(detector: Detector) => Promise<T>} work
 * @param {number} [size]
 */
export async function use(name, work, size) {
  used.set(name, (used.get(name) ?? 0) + 1);
  const loading = size ? fresh(name, size) : load(name);
  try {
    const detector = await loading.catch((error) => {
      if (error.code === 'network' && offlineReason()) throw new Error(t('model_offline', { model: title(name) }));
      if (error.code === 'weights') throw new Error(t('no_weights', { name: title(name), why: error.message }));
      throw error;
    });
    return await work(detector);
  } finally {
    if (size) loading.then((detector) => detector.dispose(), () => {});
    used.set(name, used.get(name) - 1);
    for (const other of [...loaded.keys()]) {
      if (loaded.size <= MOST) break;
      if (used.get(other)) continue;
      loaded.get(other).then((detector) => detector.dispose(), () => {});
      loaded.delete(other);
    }
  }
}

/**
 * @param {string} name
 * @param {number} [size]
 */
async function fresh(name, size) {
  const { model, sha256 } = known.get(name);
  return Detector.load({ model, sha256, size, device: 'cpu', threads: 'auto' });
}

function load(/** @type {string} */ name) {
  const detector = loaded.get(name) ?? fresh(name);
  loaded.delete(name);
  loaded.set(name, detector);
  detector.catch(() => loaded.get(name) === detector && loaded.delete(name));
  return detector;
}
