// Where the labels of boxes go, so that none covers another.

/**
 * @typedef {{ x: number, y: number, width: number, height: number }} Rect
 * @typedef {{ box: Rect, width: number, height: number }} Wanted a box and the size of its label
 */

const apart = (a, b) => a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height;

/** Places that a label may take: above its box, in it, below it, then down along its left and its right side. */
function* places({ box, width, height }) {
  const right = box.x + box.width - width;
  const bottom = box.y + box.height;
  yield [box.x, box.y - height];
  yield [box.x, box.y];
  yield [right, box.y - height];
  yield [right, box.y];
  yield [box.x, bottom];
  yield [box.x, bottom - height];
  yield [right, bottom];
  yield [right, bottom - height];
  for (let y = box.y + height; y < bottom - height; y += height) {
    yield [box.x, y];
    yield [right, y];
  }
}

/**
 * A place for each label inside of the room, or null where there is none: those that come first choose first.
 * @param {Wanted[]} wanted
 * @param {{ width: number, height: number }} room
 * @returns {(Rect | null)[]}
 */
export function placeLabels(wanted, room) {
  /** @type {Rect[]} */
  const taken = [];
  return wanted.map((one) => {
    const { box, width, height } = one;
    // A box outside of the room, as in an enlarged picture, has no label.
    if (box.x >= room.width || box.y >= room.height || box.x + box.width <= 0 || box.y + box.height <= 0) return null;
    for (const [left, y] of places(one)) {
      const x = Math.max(0, Math.min(left, room.width - width));
      const at = { x, y: y < 0 && box.y < 0 && box.y + box.height >= height ? 0 : y, width, height };
      if (at.y < 0 || at.y + height > room.height || !taken.every((other) => apart(at, other))) continue;
      taken.push(at);
      return at;
    }
    return null;
  });
}
