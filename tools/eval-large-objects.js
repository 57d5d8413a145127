#!/usr/bin/env node
// What the mean average precision doesn't say: is something large found for sure, and is something found where nothing is?
//
//   node tools/eval-large-objects.js --pack FOLDER/val [--pack …] [--weights FILE] [--ghostdet COMMAND] [--score 0.5] [--share 0.25]
//
// Counts, class by class, the labelled objects that fill at least --share of their picture and are found with --score
// and an IoU of 0.5; and the pictures without any label in which something is found with --score.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    pack: { type: 'string', multiple: true, default: [] },
    weights: { type: 'string' },
    ghostdet: { type: 'string', default: 'ghostdet' },
    score: { type: 'string', default: '0.5' },
    share: { type: 'string', default: '0.25' },
  },
});
/** Labels that a network drew count from this score on. */
const SURE = 0.6;

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
  const args = ['detect', folder, '--conf', options.score, '--json', ...weights];
  const lines = execFileSync(options.ghostdet, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
  const results = lines.trim().split('\n').map((line) => JSON.parse(line));
  count(pictures, new Map(results.map(({ source, detections }) => [source, detections])));
} finally {
  rmSync(folder, { recursive: true });
}

function count(pictures, found) {
  const large = new Map();
  const [empty, alarmed] = [[], []];
  for (const [path, { width, height, boxes }] of pictures) {
    const detections = found.get(path) ?? [];
    if (!boxes.length) {
      empty.push(path);
      if (detections.length) alarmed.push(detections[0].name);
    }
    for (const [id, x, y, w, h, score] of boxes) {
      if (score < SURE || w * h < Number(options.share)) continue;
      const box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height];
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

function iou(a, b) {
  const across = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const down = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (across <= 0 || down <= 0) return 0;
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (across * down) / (area(a) + area(b) - across * down);
}
