import { GhostdetError } from './errors.js';
import { drawShapes } from './draw-shapes.js';
import { placeLabels } from './labels.js';

// What was found, on a canvas.

/** A colour per class: neighbours in number are far apart in hue. */
export const colour = (/** @type {number} */ number) => `hsl(${(number * 137.5 + 255) % 360} 85% 66%)`;

const DARK = '#0a0b18';

/** Where a picture of that size lies when it is fitted into a room, centred. */
export function contain(/** @type {number} */ width, /** @type {number} */ height, /** @type {{ width: number, height: number }} */ room) {
  const scale = Math.min(room.width / width, room.height / height);
  return { x: (room.width - width * scale) / 2, y: (room.height - height * scale) / 2, scale };
}

/** `person 0.87`; with its number in front where the object is tracked. */
function defaultLabel(/** @type {import('./index.d.ts').Detection & { track?: number }} */ { label, score, track }) {
  return `${track === undefined ? '' : `#${track} `}${label} ${score.toFixed(2)}`;
}

/**
 * Draws what was found. With `image` the canvas takes the picture's size, and the picture is drawn below the boxes; without,
 * the canvas is cleared, keeps its size, and can lie over the picture. No label covers another.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @param {import('./index.d.ts').Drawable} result
 * @param {import('./index.d.ts').DrawOptions} [options]
 * @returns {import('./index.d.ts').DrawnLabel[]} the labels that found a place, in pixels of the canvas
 */
export function draw(canvas, result, options = {}) {
  const { width, height, detections } = result ?? {};
  if (!(width > 0 && height > 0) || !Array.isArray(detections)) {
    throw new GhostdetError('argument', 'draw() takes a result of detect(): { width, height, detections }');
  }
  const { image, view: given, mirror = false, highlight = null, labels: labelled = true } = options;
  if (image && !given) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  if (!context) throw new GhostdetError('argument', 'draw() needs a canvas whose context is 2d');
  const room = { width: canvas.width, height: canvas.height };
  const view = given ?? contain(width, height, room);
  const unit = options.unit ?? (image ? Math.max(1, Math.max(room.width, room.height) / 1000) : 1);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, room.width, room.height);
  context.save();
  if (image) {
    context.save();
    context.translate(view.x, view.y);
    context.scale(view.scale, view.scale);
    if (mirror) {
      context.translate(width, 0);
      context.scale(-1, 1);
    }
    context.drawImage(image, 0, 0, width, height);
    context.restore();
  }
  /** A point of the picture on the canvas. */
  const point = ({ x, y }) => ({ x: view.x + (mirror ? width - x : x) * view.scale, y: view.y + y * view.scale });
  const tint = (one) => options.colour?.(one) ?? colour(one.classId);
  const { trails, counts } = result;
  drawShapes(context, { trails, counts, lines: options.lines, zones: options.zones }, { point, colour: tint, unit });
  const boxes = detections.map(({ box }) => {
    const at = point({ x: mirror ? box.x + box.width : box.x, y: box.y });
    return { ...at, width: box.width * view.scale, height: box.height * view.scale };
  });
  // The highlighted one first, then the strong ones: they choose where their labels go, and are drawn last.
  const order = [...detections.keys()].sort((a, b) => Number(b === highlight) - Number(a === highlight) || a - b);
  for (const index of [...order].reverse()) {
    const { x, y, width: w, height: h } = boxes[index];
    const strong = index === highlight;
    context.globalAlpha = highlight === null || strong ? 1 : 0.45;
    if (strong) {
      context.fillStyle = tint(detections[index]);
      context.globalAlpha = 0.2;
      context.fillRect(x, y, w, h);
      context.globalAlpha = 1;
    }
    context.strokeStyle = `${DARK}b0`;
    context.lineWidth = (strong ? 6 : 4.5) * unit;
    context.strokeRect(x, y, w, h);
    context.strokeStyle = tint(detections[index]);
    context.lineWidth = (strong ? 3.5 : 2.5) * unit;
    context.strokeRect(x, y, w, h);
  }
  /** @type {import('./index.d.ts').DrawnLabel[]} */
  const drawn = [];
  if (labelled) {
    context.font = `600 ${13 * unit}px ui-monospace, Menlo, Consolas, monospace`;
    context.textBaseline = 'middle';
    const texts = order.map((index) => (options.label ?? defaultLabel)(detections[index]) ?? '');
    const wanted = order.map((index, i) => ({
      box: boxes[index],
      width: Math.min(context.measureText(texts[i]).width + 10 * unit, room.width),
      height: 20 * unit,
    }));
    placeLabels(wanted, room).forEach((at, i) => {
      if (!at || !texts[i]) return;
      const index = order[i];
      context.globalAlpha = highlight === null || index === highlight ? 1 : 0.6;
      context.fillStyle = tint(detections[index]);
      context.fillRect(at.x, at.y, at.width, at.height);
      context.fillStyle = DARK;
      context.fillText(texts[i], at.x + 5 * unit, at.y + 10.5 * unit, at.width - 10 * unit);
      drawn.push({ index, text: texts[i], ...at });
    });
  }
  context.restore();
  return drawn;
}
