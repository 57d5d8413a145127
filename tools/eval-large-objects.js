#!/usr/bin/env node
// What the mean average precision doesn't say: is something large found for sure, is something found where nothing is, and
// is a box with a score of 0.6 right in six cases of ten?
//
//   node tools/eval-large-objects.js --pack FOLDER/val [--pack …] [--weights FILE] [--imgsz N] [--ghostdet COMMAND] [--score 0.5] [--share 0.25]
//
// Counts, class by class, the labelled objects that fill at least --share of their picture and are found with --score
// and an IoU of 0.5; and the pictures without any label in which something is found with --score. Then a table by score: how
// many boxes, their mean score, and how many of them are right (IoU of 0.5 with a label of the class that no better box has
// found; classes that a picture does not label exhaustively are left out), with the expected calibration error.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    pack: { type: 'string', multiple: true, default: [] },
    weights: { type: 'string' },
    imgsz: { type: 'string' },
    ghostdet: { type: 'string', default: 'ghostdet' },
    score: { type: 'string', default: '0.5' },
    share: { type: 'string', default: '0.25' },
  },
});
/** Labels that a network drew count from this score on. */
const SURE = 0.6;
/** The table by score begins here. */
const LEAST = 0.1;

const folder = mkdtempSync(join(tmpdir(), 'ghostdet-large-'));
try {
  const pictures = new Map();
  for (const pack of options.pack) {
    const bytes = readFileSync(`${pack}.bin`);
    for (const line of readFileSync(`${pack}.jsonl`, 'utf8').trim().split('\n')) {
      const item = JSON.parse(line);
      const path = join(folder, `${String(pictures.size).padStart(6, '0')}.webp`);
      writeFileSync(path, bytes.subarray(item.offset, item.offset + item.bytes));
      pictures.set(path, item);
    }
  }
  const weights = options.weights ? ['--weights', options.weights] : [];
  const size = options.imgsz ? ['--imgsz', options.imgsz] : [];
  const args = ['detect', folder, '--conf', String(LEAST), '--json', ...weights, ...size];
  const lines = execFileSync(options.ghostdet, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
  const results = lines.trim().split('\n').map((line) => JSON.parse(line));
  const found = new Map(results.map(({ source, detections }) => [source, detections]));
  count(pictures, found);
  calibration(pictures, found);
} finally {
  rmSync(folder, { recursive: true });
}

function count(pictures, found) {
  const large = new Map();
  const [empty, alarmed] = [[], []];
  for (const [path, { width, height, boxes }] of pictures) {
    const detections = (found.get(path) ?? []).filter((one) => one.score >= Number(options.score));
    if (!boxes.length) {
      empty.push(path);
      if (detections.length) alarmed.push(detections[0].name);
    }
    for (const [id, x, y, w, h, score] of boxes) {
      if (score < SURE || w * h < Number(options.share)) continue;
      const box = corners([x, y, w, h], width, height);
      const tally = large.get(id) ?? { labelled: 0, found: 0 };
      tally.labelled += 1;
      tally.found += detections.some((one) => one.class === id && iou(one.box, box) >= 0.5) ? 1 : 0;
      large.set(id, tally);
    }
  }
  for (const [id, tally] of [...large].sort(([a], [b]) => a - b)) console.log(`class ${id}: ${tally.found} of ${tally.labelled}`);
  const sum = (key) => [...large.values()].reduce((total, tally) => total + tally[key], 0);
  console.log(`large objects found with a score over ${options.score}: ${sum('found')} of ${sum('labelled')}`);
  console.log(`pictures without labels in which something is found: ${alarmed.length} of ${empty.length} (${alarmed.join(', ')})`);
}

function calibration(pictures, found) {
  const bins = Array.from({ length: 10 }, () => ({ boxes: 0, score: 0, right: 0 }));
  for (const [path, { width, height, boxes, exhaustive }] of pictures) {
    const labels = boxes.map(([id, x, y, w, h, score]) => ({ id, box: corners([x, y, w, h], width, height), sure: score >= SURE, taken: false }));
    for (const one of [...(found.get(path) ?? [])].sort((a, b) => b.score - a.score)) {
      const overlaps = labels.filter(({ id, taken }) => id === one.class && !taken).map((label) => ({ label, overlap: iou(one.box, label.box) }));
      const best = overlaps.reduce((a, b) => (b.overlap > a.overlap ? b : a), { overlap: 0 });
      const right = best.overlap >= 0.5;
      if (right) best.label.taken = true;
      if (right ? !best.label.sure : exhaustive && !exhaustive.includes(one.class)) continue;
      const bin = bins[Math.min(9, Math.floor(one.score * 10))];
      bin.boxes += 1;
      bin.score += one.score;
      bin.right += right ? 1 : 0;
    }
  }
  console.log('score      boxes  mean score  right');
  let [total, error] = [0, 0];
  for (const [at, { boxes, score, right }] of bins.entries()) {
    if (!boxes) continue;
    const percent = (value) => `${((100 * value) / boxes).toFixed(0)} %`.padStart(6);
    console.log(`${(at / 10).toFixed(1)} to ${((at + 1) / 10).toFixed(1)} ${String(boxes).padStart(6)} ${percent(score).padStart(11)} ${percent(right)}`);
    total += boxes;
    error += Math.abs(score - right);
  }
  console.log(`expected calibration error: ${(error / total).toFixed(3)} (${total} boxes with a score over ${LEAST})`);
}

/** The corners in pixels of a box in fractions. */
function corners([x, y, w, h], width, height) {
  return [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height];
}

function iou(a, b) {
  const across = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const down = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (across <= 0 || down <= 0) return 0;
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (across * down) / (area(a) + area(b) - across * down);
}
