import type { Detector, Frame, GhostdetError, Info, Progress, Result } from './index.js';

/** The events of `<ghost-detector>`; none bubbles. */
export interface GhostDetectorEvents {
  /** The network is ready. */
  ready: CustomEvent<Info>;
  /** How far the weights' download is. */
  progress: CustomEvent<Progress>;
  /** What was found in the picture, or in the next frame of a video. */
  detections: CustomEvent<Result | Frame>;
  /** The video or the camera came to its end. */
  ended: CustomEvent<null>;
  error: CustomEvent<GhostdetError>;
}

/**
 * `<ghost-detector>`: a picture, a video or the camera with boxes over what was found.
 *
 * Attributes: `src` (a picture, or a video by its ending), `camera` (`environment` or `user`), or an `<img>`, `<video>` or `<canvas>`
 * inside; `alt`; `model`, `device`, `size` as in `Detector.load`; `conf`, `iou`, `classes` (labels or numbers, with commas) as in
 * `Detector.detect`; `track`. Slots: none, `loading`, `error`. CSS parts: `media`, `boxes`, `status`.
 */
export class GhostDetectorElement extends HTMLElement {
  /** The last result. */
  readonly result: Result | null;
  /** The network, once it is ready; elements with the same `model`, `device` and `size` share one. */
  readonly detector: Detector | null;
  /** Least score, from 0 to 1. */
  conf: number;
  /** Looks once more at a picture. */
  detect(): Promise<void>;
  addEventListener<K extends keyof GhostDetectorEvents>(
    type: K, listener: (this: GhostDetectorElement, event: GhostDetectorEvents[K]) => void, options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

declare global {
  interface HTMLElementTagNameMap { 'ghost-detector': GhostDetectorElement }
}
