// The stage: one picture or video, and the boxes over it, whatever its shape, CSS size or pixel ratio.
const stage = document.getElementById('stage');
const photo = /** @type {HTMLImageElement} */ (document.getElementById('photo'));
const video = /** @type {HTMLVideoElement} */ (document.getElementById('video'));
const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById('boxes'));
const context = canvas.getContext('2d');

let shown = null;
let mirrored = false;

/** A colour per class: neighbours in number are far apart in hue. */
export const colour = (classId) => `hsl(${(classId * 137.5 + 255) % 360} 85% 66%)`;

/** Shows a still picture; resolves when it is decoded. */
export async function showPhoto(url, alt) {
  photo.src = url;
  photo.alt = alt;
  await photo.decode();
  swap(photo, false);
  return photo;
}

/** Shows the camera; `mirror` as in a looking glass. */
export function showVideo(mirror) {
  swap(video, mirror);
}

/** Replaces the boxes: `{ width, height, detections }`, or null for none. */
export function showBoxes(result) {
  shown = result;
  draw();
}

function swap(element, mirror) {
  photo.hidden = element !== photo;
  video.hidden = element !== video;
  document.getElementById('empty').hidden = true;
  mirrored = mirror;
  video.classList.toggle('mirrored', mirror);
  showBoxes(null);
}

/** Where `object-fit: contain` puts a picture of that size. */
export function contain(width, height, room) {
  const scale = Math.min(room.width / width, room.height / height);
  const [w, h] = [width * scale, height * scale];
  return { x: (room.width - w) / 2, y: (room.height - h) / 2, scale };
}

function draw() {
  const room = { width: stage.clientWidth, height: stage.clientHeight };
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(room.width * ratio), Math.round(room.height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, room.width, room.height);
  canvas.dataset.drawn = shown ? shown.detections.length : 0;
  if (!shown) return;
  const at = contain(shown.width, shown.height, room);
  context.font = '600 13px ui-monospace, Menlo, Consolas, monospace';
  context.textBaseline = 'middle';
  // Weak ones first, so that the strong ones' labels lie on top.
  for (const { box, label, score, classId } of [...shown.detections].reverse()) {
    const width = box.width * at.scale;
    const left = mirrored ? shown.width - box.x - box.width : box.x;
    const [x, y] = [at.x + left * at.scale, at.y + box.y * at.scale];
    const height = box.height * at.scale;
    context.strokeStyle = '#0a0b18b0';
    context.lineWidth = 4.5;
    context.strokeRect(x, y, width, height);
    context.strokeStyle = colour(classId);
    context.lineWidth = 2.5;
    context.strokeRect(x, y, width, height);
    const text = `${label} ${score.toFixed(2)}`;
    const wide = context.measureText(text).width + 10;
    const tagX = Math.min(Math.max(0, x - 1), Math.max(0, room.width - wide));
    const tagY = y >= 20 ? y - 20 : y;
    context.fillStyle = colour(classId);
    context.fillRect(tagX, tagY, wide, 20);
    context.fillStyle = '#0a0b18';
    context.fillText(text, tagX + 5, tagY + 10.5);
  }
}

new ResizeObserver(draw).observe(stage);
(function watchRatio() {
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener('change', () => (draw(), watchRatio()), { once: true });
})();
