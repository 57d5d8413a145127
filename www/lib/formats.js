// What was found, in the formats that other programs read.

/** @typedef {import('./index.d.ts').Named} Named */

const round = (/** @type {number} */ value, digits = 2) => Number(value.toFixed(digits));

/**
 * A field of a CSV file; quoted where it has to be. A text that a spreadsheet would take for a formula gets an apostrophe before it: file
 * and class names may come from strangers.
 */
const field = (/** @type {unknown} */ value) => {
  const given = String(value ?? '');
  const text = typeof value === 'string' && /^[=+\-@\t\r\n＝＋－＠]/.test(given) ? `'${given}` : given;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/**
 * Labels as YOLO's tools write them: `class x y width height` a line, centre and size as parts of the picture's size; with
 * `scores` the score follows.
 * @param {{ width: number, height: number, detections: import('./index.d.ts').Detection[] }} result
 * @param {{ scores?: boolean }} [options]
 */
export function toYolo({ width, height, detections }, { scores = false } = {}) {
  return detections.map(({ classId, score, box }) => {
    const parts = [(box.x + box.width / 2) / width, (box.y + box.height / 2) / height, box.width / width, box.height / height];
    const numbers = parts.map((part) => part.toFixed(6));
    return [classId, ...numbers, ...(scores ? [score.toFixed(4)] : [])].join(' ') + '\n';
  }).join('');
}

/**
 * One line a detection: picture, time where it is a video's, class, label, score and box in pixels.
 * @param {Named[]} results
 */
export function toCsv(results) {
  const lines = ['file,time,class,label,score,x,y,width,height,track'];
  for (const { name, time, detections } of results) {
    for (const { classId, label, score, box, track } of detections) {
      const at = [box.x, box.y, box.width, box.height].map((value) => round(value));
      lines.push([name, time === undefined ? '' : round(time, 4), classId, label, round(score, 4), ...at, track].map(field).join(','));
    }
  }
  return lines.join('\n') + '\n';
}

/**
 * A COCO file: pictures, annotations with scores, categories. Category ids count from 1, as COCO's do.
 * @param {Named[]} results
 * @param {string[]} labels the network's: `detector.info.labels`
 */
export function toCoco(results, labels) {
  const images = results.map(({ name, width, height }, index) => ({ id: index + 1, file_name: name, width, height }));
  const annotations = results.flatMap(({ detections }, index) =>
    detections.map(({ classId, score, box }) => ({
      image_id: index + 1, category_id: classId + 1, score: round(score, 4), iscrowd: 0,
      bbox: [box.x, box.y, box.width, box.height].map((value) => round(value)), area: round(box.width * box.height),
    })));
  annotations.forEach((annotation, index) => Object.assign(annotation, { id: index + 1 }));
  return { images, annotations, categories: labels.map((name, index) => ({ id: index + 1, name })) };
}

/**
 * One object a picture, as the command line's `detect --json` prints them: boxes as `[x1, y1, x2, y2]` in pixels.
 * @param {Named[]} results
 * @param {{ model?: string, device?: string }} [about] who found it
 */
export function toJson(results, { model, device } = {}) {
  return results.map(({ name, time, width, height, detections }) => ({
    source: name, time, width, height, model, device,
    detections: detections.map(({ classId, label, score, box, track }) => ({
      class: classId, name: label, score: round(score, 4),
      box: [box.x, box.y, box.x + box.width, box.y + box.height].map((value) => round(value)), track,
    })),
  }));
}
