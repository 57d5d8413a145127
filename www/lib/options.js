// The names of all options, so that a misspelt one is told.
import { GhostdetError } from './errors.js';

export const LOAD_OPTIONS = [
  'model', 'yaml', 'device', 'size', 'threads', 'worker', 'wasm', 'burn', 'sha256', 'cache', 'warmup', 'fetch', 'onProgress', 'signal',
];
export const DETECT_OPTIONS = ['conf', 'iou', 'classes', 'maxDetections', 'agnostic', 'signal', 'largest', 'track', 'lines', 'zones', 'trails'];
export const COUNT_OPTIONS = ['nc', 'size'];
export const MEASURE_OPTIONS = ['nc', 'size', 'device', 'threads', 'rounds', 'profile', 'onProgress', 'signal'];
export const EVALUATE_OPTIONS = ['metric', 'onProgress', 'signal'];

/** Names that people know from elsewhere. */
const ELSEWHERE = {
  weights: 'model', url: 'model', modelUrl: 'model', imgsz: 'size', confidence: 'conf', threshold: 'conf', scoreThreshold: 'conf',
  iouThreshold: 'iou', nms: 'iou', labels: 'classes', maxDet: 'maxDetections', max_det: 'maxDetections', backend: 'device', abort: 'signal',
};

/**
 * Throws an error of code `argument` for an option that there is not.
 * @template T
 * @param {T} options
 * @param {string[]} known
 * @param {string} where
 * @returns {T}
 */
export function checkOptions(options, known, where) {
  if (typeof options !== 'object' || options === null) {
    throw new GhostdetError('argument', `${where} takes its options as an object: { ${known.slice(0, 3).join(', ')}, … }`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const other = ELSEWHERE[name];
    const near = known.includes(other) ? other : nearest(name, known);
    const advice = near ? `did you mean "${near}"?` : `there are: ${known.join(', ')}`;
    throw new GhostdetError('argument', `${where} has no option "${name}"; ${advice}`);
  }
  return options;
}

/**
 * The name that differs least from `word`, if it differs little.
 * @param {string} word
 * @param {string[]} names
 */
export function nearest(word, names) {
  const found = names.map((name) => ({ name, far: distance(word.toLowerCase(), name.toLowerCase()) })).sort((a, b) => a.far - b.far)[0];
  return found && found.far <= Math.ceil(word.length / 3) ? found.name : undefined;
}

/** How many letters have to be changed, added or left out (Levenshtein's distance). */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length];
}
