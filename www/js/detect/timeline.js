// Results along a video's time, and their marks.

/** @typedef {{ time: number, result: any }} Moment */

export class Timeline {
  /** In order of time. @type {Moment[]} */
  moments = [];
  /** Whether the network has seen every frame. */
  complete = false;
  /** What the results depend on, as a text. */
  asked = '';

  clear() {
    this.moments = [];
    this.complete = false;
  }

  /** The place of the first moment after `time`. */
  #after(time) {
    let [low, high] = [0, this.moments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.moments[middle].time <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Keeps a result; one of the same time is replaced. */
  put(/** @type {number} */ time, /** @type {any} */ result) {
    const at = this.#after(time + 1e-4);
    const same = at > 0 && Math.abs(this.moments[at - 1].time - time) < 1e-3;
    this.moments.splice(same ? at - 1 : at, same ? 1 : 0, { time, result });
  }

  /** The result of the frame that is shown at `time`. */
  at(/** @type {number} */ time) {
    return this.moments[this.#after(time + 1e-3) - 1]?.result ?? null;
  }

  /** A time within the moment that is so many after the one at `time`, or before it. */
  beside(/** @type {number} */ time, /** @type {number} */ many) {
    const last = this.moments.length - 1;
    const at = this.#after(time + 1e-3) - 1 + many;
    // Players round times: the very beginning of a frame may still show the one before.
    return (this.moments[Math.min(last, Math.max(0, at))]?.time ?? time) + 5e-4;
  }

  /** How many moments satisfy a condition. */
  count(/** @type {(result: any) => boolean} */ condition) {
    return this.moments.filter(({ result }) => condition(result)).length;
  }

  /** Draws a mark wherever something was found, the higher the more. */
  draw(/** @type {HTMLCanvasElement} */ canvas, /** @type {number} */ duration, /** @type {(result: any) => number} */ many) {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d');
    const style = getComputedStyle(canvas);
    const [seen, found] = [style.getPropertyValue('--line'), style.getPropertyValue('--violet')];
    const wide = Math.max(ratio, width / Math.max(1, this.moments.length));
    let marks = 0;
    for (const { time, result } of this.moments) {
      const count = many(result);
      const x = Math.floor((time / duration) * (width - wide));
      context.fillStyle = count ? found : seen;
      const tall = count ? height * Math.min(1, 0.35 + 0.13 * count) : height * 0.2;
      context.fillRect(x, height - tall, Math.ceil(wide), tall);
      if (count) marks++;
    }
    canvas.dataset.marks = String(marks);
  }
}
