// The pictures of a report, the worst first, with what was found and what was there.
import { draw } from '../../lib/index.js';

/** So many are shown at a time. */
const PAGE = 12;
/** The longer side of a picture here, in pixels. */
const SIDE = 640;
const COLOURS = { right: 'hsl(150 70% 62%)', wrong: 'hsl(12 95% 70%)', there: '#fff', missed: 'hsl(48 100% 62%)' };

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(`check-${id}`);

/** @type {import('../app.js').App} */
let app;
/** @type {any} */
let shown = null;
let count = 0;

export function start(/** @type {import('../app.js').App} */ given) {
  app = given;
  get('more').addEventListener('click', more);
}

/** Shows a report's pictures. */
export function show(/** @type {any} */ done) {
  shown = done;
  count = 0;
  get('pictures').replaceChildren();
  more();
}

async function more() {
  const mine = shown;
  const { report, pictures } = mine;
  const next = report.pictures.slice(count, count + PAGE);
  count += next.length;
  get('more').hidden = count >= report.pictures.length;
  for (const result of next) {
    const item = document.createElement('li');
    const canvas = document.createElement('canvas');
    const text = app.t('check_counts', result);
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', app.t('check_photo', { name: result.name, counts: text }));
    const name = Object.assign(document.createElement('b'), { textContent: result.name });
    item.append(canvas, name, Object.assign(document.createElement('span'), { textContent: text }));
    get('pictures').append(item);
    await paint(canvas, result, pictures[result.index].image, report.names).catch(() => {});
    if (mine !== shown) return;
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import('../../lib/index.d.ts').PictureEvaluation} result
 * @param {Blob} image
 * @param {string[]} names
 */
async function paint(canvas, result, image, names) {
  const scale = Math.min(1, SIDE / Math.max(result.width, result.height));
  canvas.width = Math.max(1, Math.round(result.width * scale));
  canvas.height = Math.max(1, Math.round(result.height * scale));
  const bitmap = await createImageBitmap(image, { imageOrientation: 'from-image' });
  const unit = Math.max(0.9, canvas.width / 420);
  draw(canvas, result, {
    image: bitmap, view: { x: 0, y: 0, scale }, unit,
    colour: (one) => COLOURS[/** @type {any} */ (one).truth >= 0 ? 'right' : 'wrong'],
    label: (one) => `${/** @type {any} */ (one).truth >= 0 ? '✓' : '✗'} ${one.label} ${one.score.toFixed(2)}`,
  });
  bitmap.close();
  const context = canvas.getContext('2d');
  context.font = `600 ${13 * unit}px ui-monospace, Menlo, monospace`;
  context.textBaseline = 'bottom';
  for (const { box, classId, found, crowd } of result.truths) {
    const missed = !found && !crowd;
    const [x, y, w, h] = [box.x, box.y, box.width, box.height].map((value) => value * scale);
    context.setLineDash([6 * unit, 4 * unit]);
    context.lineWidth = 2 * unit;
    context.strokeStyle = missed ? COLOURS.missed : COLOURS.there;
    context.strokeRect(x, y, w, h);
    if (!missed) continue;
    const label = app.t('check_missed', { label: names[classId] ?? classId });
    const wide = context.measureText(label).width + 8 * unit;
    const left = Math.max(0, Math.min(x, canvas.width - wide));
    const bottom = Math.min(canvas.height, y + h);
    context.fillStyle = COLOURS.missed;
    context.fillRect(left, bottom - 18 * unit, wide, 18 * unit);
    context.fillStyle = '#0a0b18';
    context.fillText(label, left + 4 * unit, bottom - 2 * unit);
  }
}
