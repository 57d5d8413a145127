// The engine's side of tracking: where the boxes are.

/** Trackers by the numbers that the page gives them; see tracking.js for its side. */
export class Trackers {
  /** @type {Map<string, { tracker: import('./pkg/ghostdet_wasm.js').WebTracker, options: string, borders: string }>} */
  #all = new Map();

  /**
   * A tracker with these options, lines and zones. Throws the core's errors for what it does not take.
   * @param {typeof import('./pkg/ghostdet_wasm.js')} core
   * @param {import('./tracking.js').Asked} asked
   */
  use(core, { id, options, borders }) {
    const used = this.#all.get(id) ?? { tracker: new core.WebTracker(), options: '', borders: '' };
    this.#all.set(id, used);
    // They are the same for most frames.
    const known = { options: JSON.stringify(options), borders: JSON.stringify(borders) };
    if (known.options !== used.options) {
      const { high, low, start, buffer, agnostic, trail } = options;
      used.tracker.setOptions(high, low, start, buffer, agnostic, trail);
      used.options = known.options;
    }
    if (known.borders !== used.borders) {
      const { names, kinds, lengths, points } = borders;
      used.tracker.setBorders(names, Uint8Array.from(kinds), Uint32Array.from(lengths), Float32Array.from(points));
      used.borders = known.borders;
    }
    return used.tracker;
  }

  drop(id) {
    this.#all.get(id)?.tracker.free();
    this.#all.delete(id);
  }

  clear() {
    for (const id of this.#all.keys()) this.drop(id);
  }
}

/**
 * Takes in the boxes of a frame: six numbers each, `x1, y1, x2, y2, score, class`, in pixels of what the network was given.
 * @param {import('./pkg/ghostdet_wasm.js').WebTracker} tracker
 * @param {Float32Array} flat
 * @param {import('./tracking.js').Asked} asked
 */
export function track(tracker, flat, { time, scale, trails }) {
  const scaled = flat.map((value, i) => (i % 6 < 4 ? value * scale[i % 2] : value));
  const tracked = tracker.update(time, scaled);
  return { tracked, counts: tracker.counts(), trails: trails ? tracker.trails() : null };
}
