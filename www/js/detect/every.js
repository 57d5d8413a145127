// Every frame of a video file: decoded where the browser and the bundled library can (tools/vendor), else by seeking. It is
// fetched when somebody asks for every frame, saves a video, or opens one that can't be played.
import { contain, draw } from '../../lib/draw.js';
import { everyFrame, GhostdetError } from '../../lib/index.js';
import * as tracking from './tracking.js';

/** A frame is this much later than the one before, in seconds. */
const LATER = 1e-4;

/** What decodes and writes video files; null where it was not bundled. @returns {Promise<any>} */
const library = () => import(new URL('../../vendor/video.js', import.meta.url).href).catch(() => null);

/** Opens a file for {@link results}; null where it can't be decoded here. Whoever opens it closes it. */
export async function decoder(/** @type {Blob} */ file) {
  const video = 'VideoDecoder' in window ? await (await library())?.openVideo(file).catch(() => null) : null;
  if (video?.decodable) return video;
  video?.close();
  return null;
}

/** Codecs by the names that people know. @type {[RegExp, string][]} */
const CODECS = [[/^(hev1|hvc1|dvh)/, 'HEVC (H.265)'], [/^ap/, 'ProRes'], [/^av01/, 'AV1'], [/^avc/, 'H.264'], [/^mp4v/, 'MPEG-4 Visual']];

/** The codec that keeps this browser from showing a file, or null. */
export async function strangeCodec(/** @type {Blob} */ file) {
  const video = await (await library())?.openVideo(file).catch(() => null);
  video?.close();
  if (!video || video.decodable) return null;
  return CODECS.find(([code]) => code.test(video.codec))?.[1] ?? video.codec;
}

/**
 * What the network finds in every frame, with the frame and its time.
 * @param {any} detector
 * @param {{ opened: any, video: HTMLVideoElement, signal: AbortSignal, options: () => any }} how `opened`: by {@link decoder}, or null
 * @returns {AsyncGenerator<any, void>}
 */
export async function* results(detector, { opened, video, signal, options }) {
  let seen = -Infinity;
  const asked = () => ({ ...options(), signal });
  if (opened) {
    try {
      for await (const result of detector.stream(opened.frames(), asked)) {
        if (result.time < seen + LATER) continue;
        seen = result.time;
        yield result;
      }
      if (!signal.aborted) return;
    } catch (error) {
      // The decoder gave up, as in a damaged file: the player may know more of it.
      if (error instanceof GhostdetError) throw error;
    }
    signal.throwIfAborted();
  }
  const tracker = detector.tracker();
  try {
    for await (const { time } of everyFrame(video, { signal, start: Math.max(0, seen) })) {
      if (time < seen + LATER) continue;
      const wanted = asked();
      const result = wanted.track ? await tracker.detect(video, { ...wanted, time }) : await detector.detect(video, wanted);
      yield { ...result, time, image: video };
    }
  } finally {
    tracker.dispose();
  }
}

/** The frames of a file with results that are known already. @returns {AsyncGenerator<any, void>} */
export async function* known(opened, /** @type {(time: number) => any} */ at, /** @type {AbortSignal} */ signal) {
  for await (const image of opened.frames()) {
    try {
      signal.throwIfAborted();
      const time = image.timestamp / 1e6;
      yield { ...at(time), time, image };
    } finally {
      image.close();
    }
  }
}

/** In which formats such a video can be saved here, and whether with its sound. @returns {Promise<{ format: 'mp4' | 'webm', sounding: boolean }[]>} */
export async function formats(/** @type {Blob} */ file, /** @type {number} */ width, /** @type {number} */ height) {
  const [writing, opened] = [await library(), 'VideoEncoder' in window ? await decoder(file) : null];
  /** @type {{ format: 'mp4' | 'webm', sounding: boolean }[]} */
  const found = [];
  for (const format of opened ? /** @type {const} */ (['mp4', 'webm']) : []) {
    if (await writing.codecFor(format, width, height)) found.push({ format, sounding: opened.sound === null || writing.holds(format, opened.sound) });
  }
  opened?.close();
  return found;
}

/** Writes frames with their boxes into a video file. */
export class Writer {
  #canvas = document.createElement('canvas');
  #format;
  #opened;
  #file;

  /** @param {{ format: 'mp4' | 'webm', opened: any }} what */
  constructor({ format, opened }) {
    this.#format = format;
    this.#opened = opened;
  }

  /** Adds a frame as the page shows it: with boxes, tracks, lines, zones and counts. */
  async add(/** @type {any} */ result) {
    const { image, time } = result;
    const canvas = this.#canvas;
    if (!this.#file) {
      Object.assign(canvas, { width: result.width, height: result.height });
      this.#file = await (await library()).createVideo(canvas, { format: this.#format, video: this.#opened });
    }
    // A video whose size changes is fitted into the size that it began with.
    const view = contain(result.width, result.height, canvas);
    draw(canvas, result, { image, view, unit: Math.max(1, Math.max(canvas.width, canvas.height) / 1000), ...tracking.drawn() });
    await this.#file.add(time, (image.duration ?? 0) / 1e6);
  }

  /** @returns {Promise<Blob>} */
  finish() {
    return this.#file.finish();
  }

  async cancel() {
    const file = this.#file;
    this.#file = null;
    await file?.cancel().catch(() => {});
  }
}
