// Lines, zones and trails on a canvas.

const DARK = '#0a0b18';
const LIGHT = '#fff';

/** A polyline in a dark and a light stroke, seen on any picture. */
function stroke(context, points, width, colour, closed = false) {
  context.beginPath();
  points.forEach(({ x, y }, i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (closed) context.closePath();
  context.lineJoin = 'round';
  context.strokeStyle = `${DARK}b0`;
  context.lineWidth = 1.8 * width;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** A short text in the middle of a point. */
function tag(context, text, { x, y }, unit) {
  context.font = `600 ${13 * unit}px ui-monospace, Menlo, Consolas, monospace`;
  context.textBaseline = 'middle';
  const wide = context.measureText(text).width + 10 * unit;
  context.fillStyle = `${DARK}d0`;
  context.fillRect(x - wide / 2, y - 10 * unit, wide, 20 * unit);
  context.fillStyle = LIGHT;
  context.fillText(text, x - wide / 2 + 5 * unit, y + 0.5 * unit);
}

/**
 * Draws the ways that objects came, lines with an arrow that points inwards, and zones, with their counts.
 * @param {CanvasRenderingContext2D} context
 * @param {{ trails?: any[], lines?: any[], zones?: any[], counts?: any }} shapes
 * @param {{ point: (at: { x: number, y: number }) => { x: number, y: number }, colour: (one: any) => string, unit: number }} how
 *   `point`: from the picture to the canvas
 */
export function drawShapes(context, { trails = [], lines = [], zones = [], counts }, { point, colour, unit }) {
  const at = ([x, y]) => point({ x, y });
  for (const trail of trails) {
    if (trail.points.length < 2) continue;
    context.globalAlpha = trail.seen ? 0.9 : 0.4;
    stroke(context, trail.points.map(at), 2 * unit, colour(trail));
  }
  context.globalAlpha = 1;
  zones.forEach(({ points }, i) => {
    const corners = points.map(at);
    if (corners.length < 3) return;
    stroke(context, corners, 2.5 * unit, LIGHT, true);
    context.fillStyle = '#ffffff26';
    context.fill();
    const middle = { x: 0, y: 0 };
    for (const { x, y } of corners) middle.x += x / corners.length, middle.y += y / corners.length;
    const count = counts?.zones[i];
    // Near the first side: a line through the zone's middle has its own text there.
    const beside = (axis) => 0.4 * (corners[0][axis] + corners[1][axis]) + 0.2 * middle[axis];
    if (count) tag(context, `${count.name}: ${count.inside}`, { x: beside('x'), y: beside('y') }, unit);
  });
  lines.forEach(({ start, end }, i) => {
    const [a, b] = [at(start), at(end)];
    stroke(context, [a, b], 3 * unit, LIGHT);
    const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    // Inwards: to the right of who looks from start to end in the picture, which may be mirrored here.
    const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
    const length = Math.hypot(dx, dy) || 1;
    const [origin, side] = [point({ x: 0, y: 0 }), point({ x: -dy / length, y: dx / length })];
    const scale = Math.hypot(side.x - origin.x, side.y - origin.y) || 1;
    const [nx, ny] = [(side.x - origin.x) / scale, (side.y - origin.y) / scale];
    const tip = { x: middle.x + 22 * unit * nx, y: middle.y + 22 * unit * ny };
    const wing = (turn) => ({ x: tip.x - 7 * unit * (nx + turn * ny), y: tip.y - 7 * unit * (ny - turn * nx) });
    stroke(context, [middle, tip], 2 * unit, LIGHT);
    stroke(context, [wing(1), tip, wing(-1)], 2 * unit, LIGHT);
    const count = counts?.lines[i];
    if (count) tag(context, `${count.name}: ${count.in} / ${count.out}`, { x: middle.x - 16 * unit * nx, y: middle.y - 16 * unit * ny }, unit);
  });
}
