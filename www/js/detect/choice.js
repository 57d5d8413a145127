// Which weights are at work: a choice among the shipped ones, or a file.
import { onLanguage, t } from '../text.js';

const MANIFEST = new URL('../../lib/weights/manifest.json', import.meta.url);
/** @type {any} */
const select = document.getElementById('weights');
/** @type {any} */
const label = document.querySelector('label[for="weights"]');
/** @type {any} */
const size = document.getElementById('weights-size');
let entries = [];
/** The list of shipped weights, once it is asked for. @type {Promise<any[]> | null} */
let listed = null;
/** A name of the manifest, or the name of a dropped file. */
let chosen = '';

const name = (entry) => entry.file.replace(/\.safetensors$/, '');

/** Offers what the manifest lists, if that is a choice; calls `choose` with the name of what was taken. */
export async function offer(choose) {
  entries = await list();
  if (!entries.length) return;
  label.hidden = select.hidden = entries.length < 2;
  select.addEventListener('change', () => choose(select.value));
  onLanguage(write);
  write();
}

/** What `Detector.load` needs for weights of that name. Without a name: the package's own. */
export async function source(/** @type {string | undefined} */ wanted) {
  if (!wanted) return {};
  const entry = (await list()).find((one) => name(one) === wanted);
  return entry ? { model: new URL(entry.file, MANIFEST), sha256: entry.sha256 } : { model: wanted };
}

function list() {
  listed ??= fetch(MANIFEST).then((answer) => answer.json()).then(({ weights }) => weights ?? []).catch(() => []);
  return listed;
}

/** Shows which weights are at work: a name of the manifest (the first if none is given), or a dropped file's. */
export function mark(at) {
  chosen = at;
  write();
}

function write() {
  if (!entries.length) return;
  const options = entries.map((entry) => {
    const values = { model: entry.model, map: entry.map['map50-95'].toFixed(2) };
    return new Option(t('weights_option', values), name(entry));
  });
  const at = chosen || name(entries[0]);
  const entry = entries.find((one) => name(one) === at);
  if (!entry) options.push(new Option(at, at));
  size.value = entry ? `${(entry.bytes / 1e6).toFixed(1)} MB` : '';
  select.replaceChildren(...options);
  select.value = at;
}
