// How good detections are: precision, recall and mAP, counted by the core as `ghostdet val` counts them.
import { GhostdetError } from './errors.js';
import { loadedCore, ready } from './model-stats.js';
import { EVALUATE_OPTIONS, checkOptions } from './options.js';

/** Scores above this are shown and called right or wrong in a picture's result. */
const SHOWN = 0.25;

/** Takes true objects and detections picture by picture. The wasm module must be loaded: await `ready()` first. */
export class Evaluator {
  #inner;
  #labels;
  #metric;

  /**
   * @param {string[]} labels class names, by class number
   * @param {{ metric?: 'yolo' | 'coco' }} [options]
   */
  constructor(labels, { metric = 'yolo' } = {}) {
    const core = loadedCore('new Evaluator()');
    this.#labels = [...labels].map(String);
    this.#metric = metric;
    this.#inner = thrown(() => new core.WebEvaluator(this.#labels.length, metric));
  }

  /**
   * Adds a picture. Boxes of both are in the same pixels.
   * @param {import('./index.d.ts').Truth[]} truths
   * @param {import('./index.d.ts').Detection[]} detections all of them, weak ones too: mAP looks at the whole order
   * @returns {number[]} for each detection the index of the true object that it found at an overlap of 0.5, or -1
   */
  add(truths, detections) {
    const [expected, found] = [truthNumbers(truths), foundNumbers(detections)];
    return thrown(() => {
      this.#inner.add(expected, found);
      return [...loadedCore('add()').foundTruths(expected, found)];
    });
  }

  /**
   * Counts it all up.
   * @returns {import('./index.d.ts').Evaluation}
   */
  report() {
    const [images, labels, precision, recall, map50, map, count, ...rest] = thrown(() => this.#inner.report());
    const classes = inGroups(rest.slice(count), 6).map(([id, ...figures]) => ({
      classId: id, name: this.#labels[id], labels: figures[0], precision: figures[1], recall: figures[2], map50: figures[3], map: figures[4],
    }));
    const report = { metric: this.#metric, names: this.#labels, images, labels, precision, recall, map50, map, classes };
    const confusion = inGroups([...this.#inner.confusion()], 3);
    return /** @type {any} */ ({ ...report, confusion, ...(count ? { stats: rest.slice(0, count) } : {}) });
  }

  /** Frees its memory. */
  free() {
    this.#inner.free();
  }
}

/**
 * Runs a detector on labelled pictures, as `ghostdet val` does: on the CPU, each picture fitted into the whole square of
 * `detector.size`. Pictures that can't be read are named in `failures`.
 * @param {import('./index.js').Detector} detector
 * @param {Iterable<import('./index.d.ts').LabelledPicture>} pictures
 * @param {import('./index.d.ts').EvaluateOptions} [options]
 * @returns {Promise<import('./index.d.ts').EvaluationWithPictures>}
 */
export async function evaluate(detector, pictures, options = {}) {
  const { metric = 'yolo', onProgress = () => {}, signal } = checkOptions(options, EVALUATE_OPTIONS, 'evaluate()');
  await ready();
  const list = [...pictures];
  const evaluator = new Evaluator(detector.info.labels, { metric });
  const results = [];
  const failures = [];
  try {
    for (const [index, { name = `picture ${index + 1}`, image, truths }] of list.entries()) {
      try {
        const { width, height, detections } = await detector.validate(image, { signal });
        const expected = typeof truths === 'function' ? await truths(width, height) : truths;
        const matches = evaluator.add(expected, detections);
        results.push({ index, name, width, height, ...judged(expected, detections, matches) });
      } catch (error) {
        const known = GhostdetError.from(error);
        if (['aborted', 'disposed', 'internal'].includes(known.code)) throw known;
        failures.push({ index, name, message: known.message });
      }
      onProgress({ stage: 'evaluate', loaded: index + 1, total: list.length });
    }
    results.sort((a, b) => a.f1 - b.f1 || b.missed + b.wrong - (a.missed + a.wrong));
    return { ...evaluator.report(), pictures: results, failures };
  } finally {
    evaluator.free();
  }
}

/**
 * One picture's part: detections over the threshold are right or wrong, true objects that none of them found are missed.
 * @param {import('./index.d.ts').Truth[]} truths
 * @param {import('./index.d.ts').Detection[]} detections
 * @param {number[]} matches
 */
function judged(truths, detections, matches) {
  const shown = detections.flatMap((one, i) => (one.score > SHOWN ? [{ ...one, truth: matches[i] }] : []));
  const found = new Set(shown.map(({ truth }) => truth).filter((truth) => truth >= 0));
  const expected = truths.map((truth, i) => ({ ...truth, found: found.has(i) }));
  const right = found.size;
  const wrong = shown.length - right;
  const missed = expected.filter((truth) => !truth.crowd && !truth.found).length;
  const all = 2 * right + wrong + missed;
  return { truths: expected, detections: shown, right, wrong, missed, f1: all ? (2 * right) / all : 1 };
}

/** Numbers in groups of so many. */
function inGroups(/** @type {number[]} */ numbers, /** @type {number} */ size) {
  return Array.from({ length: numbers.length / size }, (_, i) => numbers.slice(size * i, size * (i + 1)));
}

/** The core takes class numbers as they are: what is none would be class 0 there. */
function checkClass(/** @type {number} */ classId, /** @type {string} */ where) {
  if (Number.isInteger(classId) && classId >= 0) return classId;
  throw new GhostdetError('argument', `add(): ${where}.classId is ${classId}; a class is a whole number from 0`);
}

/** @param {import('./index.d.ts').Truth[]} truths */
function truthNumbers(truths) {
  return Float64Array.from(truths.flatMap(({ classId, box, crowd, area }, i) => [
    checkClass(classId, `truths[${i}]`), box.x, box.y, box.x + box.width, box.y + box.height, crowd ? 1 : 0, area ?? NaN,
  ]));
}

/** @param {import('./index.d.ts').Detection[]} detections */
function foundNumbers(detections) {
  return Float32Array.from(detections.flatMap(({ classId, box, score }, i) => [
    box.x, box.y, box.x + box.width, box.y + box.height, score, checkClass(classId, `detections[${i}]`),
  ]));
}

/**
 * @template T
 * @param {() => T} call
 */
export function thrown(call) {
  try {
    return call();
  } catch (error) {
    throw GhostdetError.from(error);
  }
}
