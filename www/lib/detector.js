import { capture, captureBitmap } from './capture.js';
import { loadCore } from './builds.js';
import { openChannel } from './channel.js';
import { abortable, checkSize, checkThreads } from './checks.js';
import { GhostdetError, throwIfAborted } from './errors.js';
import { Frames } from './frames.js';
import { ownFetch } from './host.js';
import { DETECT_OPTIONS, LOAD_OPTIONS, checkOptions, nearest } from './options.js';
import { Tracker, Tracks, readTracks, timeOf, wantsTracks } from './tracking.js';
import { loadTuning, storeTuning } from './tuning-cache.js';
import { DEFAULT_MODEL, fetchWeights } from './weights.js';

const DEFAULTS = { conf: 0.25, iou: 0.45, classes: null, maxDetections: 300, agnostic: false };

/** A video frame older than this many milliseconds is replaced by a new one. */
const MAX_FRAME_AGE = 50;

/** A loaded network. */
export class Detector {
  #channel;
  #fetch;
  #size;
  #last = null;
  #queue = Promise.resolve();
  #disposed = false;
  /** Whether the GPU takes bitmaps. False once it has refused one. */
  #bitmaps = true;
  #info;
  #tuned = Promise.resolve();
  /** The timer of a warm-up that gives way to the first picture. @type {ReturnType<typeof setTimeout> | undefined} */
  #idle;

  /** Use {@link Detector.load}. */
  constructor(channel, info, size, get) {
    this.#channel = channel;
    this.#info = info;
    this.#size = size;
    this.#fetch = get;
  }

  /**
   * Fetches weights and gets the network ready.
   * @param {import('./index.d.ts').LoadOptions} [options]
   * @returns {Promise<Detector>}
   */
  static async load(options = {}) {
    checkOptions(options, LOAD_OPTIONS, 'Detector.load()');
    const { model = DEFAULT_MODEL, device = 'auto', size, signal, worker = true, yaml, cache = true, sha256, warmup = true, wasm, burn } = options;
    const threads = checkThreads(options.threads);
    const get = options.fetch ?? ownFetch();
    const onProgress = options.onProgress ?? (() => {});
    if (size !== undefined) checkSize(size);
    const stop = new AbortController();
    /** @type {any} */
    let channel;
    /** @type {Promise<any> | undefined} */
    let opening;
    try {
      throwIfAborted(signal);
      // The wasm module is compiled and the GPU opened while the weights come in.
      const fetched = fetchWeights(model, { get, signal: either(signal, stop.signal), onProgress, cache, sha256 });
      fetched.catch(() => {});
      const core = loadCore(threads, wasm);
      core.catch(() => {});
      opening = openChannel(worker, signal).then((opened) => (channel = opened));
      const remembered = loadTuning(device, threads);
      const name = typeof model === 'string' ? model : '';
      const warm = opening.then(() => channel.warm({ core, device, threads, model: name, remembered, size, wasm, burn }));
      const [{ bytes, name: file, checked }] = await abortable(Promise.all([fetched, warm]), signal);
      onProgress({ stage: 'prepare', loaded: 0, total: 1 });
      const payload = { bytes, yaml, device, remembered, size };
      const loaded = channel.call('load', payload, [bytes]);
      loaded.catch(() => {});
      // Of a damaged file, that it is damaged is told, not what is wrong with it as weights.
      await abortable(checked ?? loaded, signal);
      const info = await abortable(loaded, signal);
      if (file) info.file = file;
      Object.assign(info, channel.info);
      const detector = new Detector(channel, info, size ?? info.imgsz ?? 640, get);
      if (warmup) await abortable(detector.#warmUp(), signal);
      onProgress({ stage: 'prepare', loaded: 1, total: 1 });
      detector.#tuned = detector.#tune(device, threads);
      return detector;
    } catch (error) {
      stop.abort();
      opening?.then((opened) => opened.close(), () => {});
      throw GhostdetError.from(error, signal);
    }
  }

  /** On the CPU, when nothing else was asked for at once: the first picture makes the first run as well. */
  async #warmUp() {
    if (this.#info.device.kind !== 'cpu') return this.warmup();
    this.#idle = setTimeout(() => this.warmup().catch(() => {}));
  }

  /**
   * Runs the network once on an empty picture: the first run of a size takes longer than others. `Detector.load` does it unless told
   * otherwise (`warmup: false`).
   * @returns {Promise<void>}
   */
  async warmup() {
    const side = Math.min(this.#size, 320);
    const rgba = new Uint8ClampedArray(side * side * 4).fill(114);
    await this.#enqueue(async () => {
      const options = this.#check({});
      const done = await this.#channel.call('run', { rgba, width: side, height: side, size: this.#size, options }, [rgba.buffer]);
      if (done.device) this.#info.device = done.device;
      this.#last = null;
    });
  }

  /**
   * Resolves when autotuning has decided where the network runs. At the first `auto` on an adapter this takes a while; the
   * CPU runs the network meanwhile.
   */
  get tuned() {
    return this.#tuned;
  }

  /** @deprecated The old name of {@link Detector#tuned}. */
  get settled() {
    return this.#tuned;
  }

  async #tune(device, threads) {
    try {
      // A picture that comes at once goes first.
      await new Promise((resolve) => setTimeout(resolve));
      while (this.#info.device.pending) {
        this.#info.device = await this.#channel.call('tune');
        // Burn's module is on its way, or the GPU being opened: images are detected meanwhile.
        if (this.#info.device.reasonCode === 'starting') await new Promise((resolve) => setTimeout(resolve, 50));
      }
      storeTuning(this.#info.device.remember, device, threads);
    } catch {
      // Disposed of meanwhile.
    }
  }

  /** What is loaded: model, labels, parameters, gflops, device. */
  get info() {
    return this.#info;
  }

  /** Side of the network's input, in pixels; may be set. */
  get size() {
    return this.#size;
  }

  set size(size) {
    this.#size = checkSize(size);
  }

  /**
   * Finds objects. Calls are answered in order.
   * @param {import('./index.d.ts').Source} source
   * @param {import('./index.d.ts').DetectOptions} [options]
   * @returns {Promise<import('./index.d.ts').Result>}
   */
  detect(source, options = {}) {
    if (options && wantsTracks(options)) {
      const message = 'detect() looks at one picture: tracks, lines, zones and trails need stream(), or detect() of a tracker()';
      return Promise.reject(new GhostdetError('argument', message));
    }
    return this.#detect(source, options);
  }

  /**
   * Follows objects through pictures that are given one by one, in order: as `detect()`, with tracks. `stream()` does so by itself.
   * @returns {Tracker}
   */
  tracker() {
    const tracks = new Tracks();
    return new Tracker((source, options) => this.#detect(source, options, tracks), () => this.#untrack(tracks));
  }

  /** @param {Tracks} [tracks] that take in what is found */
  #detect(source, options, tracks) {
    return this.#enqueue(async () => {
      const checked = this.#check(options, tracks);
      throwIfAborted(options.signal);
      const taken = await abortable(this.#take(source, options), options.signal);
      return this.#look(taken, checked, options.signal, tracks?.ask(options, checked, options.time ?? taken.time));
    }, options?.signal);
  }

  /** Frees tracks in the engine. */
  #untrack(tracks) {
    if (!this.#disposed) this.#channel.call('untrack', tracks.id).catch(() => {});
  }

  // Takes the image from its source: as a bitmap for a GPU, else as pixels.
  /** @returns {Promise<any>} */
  async #take(source, /** @type {any} */ { signal, largest }) {
    const [started, time] = [performance.now(), timeOf(source)];
    const taking = { fetch: this.#fetch, signal, largest };
    const wanted = this.#bitmaps && this.#info.device.kind === 'webgpu';
    const taken = (wanted && (await captureBitmap(source, taking))) || (await capture(source, taking));
    return { ...taken, time, started, captured: performance.now() };
  }

  /** Runs the network on an image that was taken. */
  async #look({ width, height, frame, started, captured }, checked, signal, /** @type {import('./tracking.js').Asked | undefined} */ asked) {
    if (asked) asked.scale = [width / frame.width, height / frame.height];
    const payload = { ...frame, size: this.#size, options: checked, tracking: asked };
    // From here on the candidates are this image's, or nobody's: refine() must not take them for the last one's.
    this.#last = null;
    const done = await abortable(this.#channel.call('run', payload, [frame.bitmap ?? frame.rgba.buffer]), signal);
    // The device comes with the result when it has changed.
    if (done.device) this.#info.device = done.device;
    const device = this.#info.device.kind;
    // A GPU that refused the first bitmap is given pixels from then on.
    if (frame.bitmap && !done.bitmap && device === 'webgpu') this.#bitmaps = false;
    this.#last = { width, height, sx: width / frame.width, sy: height / frame.height };
    const found = asked ? readTracks(done, asked, this.#info.labels, { width, height }) : { detections: this.#detections(done.flat) };
    const { letterbox = 0, network = done.run, nms } = done;
    const total = performance.now() - started;
    const speed = { capture: captured - started, letterbox, network, nms, total };
    return { width, height, ...found, speed, device };
  }

  /**
   * The detections of the last image for other options, without running the network.
   * @param {import('./index.d.ts').DetectOptions} [options]
   * @returns {Promise<{ detections: import('./index.d.ts').Detection[], nms: number }>}
   */
  refine(options = {}) {
    return this.#enqueue(() => {
      if (!this.#last) throw new GhostdetError('argument', 'refine() needs a detect() before it');
      return this.#boxes(this.#check(options));
    });
  }

  /**
   * All that `ghostdet val` judges in a picture: scores above 0.001, overlaps of 0.6, several classes a cell, the picture fitted
   * into the whole square of `size`, on the CPU. For `evaluate` and own metrics.
   * @param {import('./index.d.ts').Source} source
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<{ width: number, height: number, detections: import('./index.d.ts').Detection[] }>}
   */
  validate(source, { signal } = {}) {
    return this.#enqueue(async () => {
      throwIfAborted(signal);
      const { width, height, frame } = await abortable(capture(source, { fetch: this.#fetch, signal }), signal);
      const payload = { ...frame, size: this.#size };
      // The candidates are this picture's from here on, and not for refine().
      this.#last = null;
      const flat = await abortable(this.#channel.call('validate', payload, [frame.rgba.buffer]), signal);
      return { width, height, detections: this.#detections(flat, { width, height, sx: width / frame.width, sy: height / frame.height }) };
    }, signal);
  }

  /**
   * The detections of a playing video. Frames that arrive while the network runs are skipped. The next frame is taken while
   * the network runs, as late as possible, so that it is fresh and the network doesn't wait for it. Ends with the video, with its
   * camera (unplugged, taken away, permission taken back), when the element is removed from the page, with `signal`, or when the
   * loop is left. With `track`, `lines`, `zones` or `trails`, objects have numbers and are counted.
   * @throws {GhostdetError} of code `network` or `picture` where the video can't be loaded or read
   *
   * Of pictures in an iterable none is skipped; the next one is fetched while the network runs. VideoFrames are closed when the loop
   * goes on to the next one.
   * @param {any} video a video element, or an iterable of pictures
   * @param {import('./index.d.ts').StreamOptions | (() => import('./index.d.ts').StreamOptions)} [options]
   *   a function is called before every frame
   * @returns {AsyncGenerator<any, void>}
   */
  async *stream(video, options = {}) {
    const asked = () => (typeof options === 'function' ? options() : options);
    if (typeof video?.addEventListener !== 'function' || video.videoWidth === undefined) {
      yield* this.#pictures(video, asked);
      return;
    }
    const frames = new Frames(video, asked().signal);
    const tracks = new Tracks();
    const pace = { capture: 0, busy: 0, fps: 0 };
    const follow = (name, value) => (pace[name] = pace[name] ? 0.8 * pace[name] + 0.2 * value : value);
    /** A frame newer than the last one, taken after `wait` milliseconds; null when there is none. */
    const take = async (wait) => {
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      if (!(await frames.next()) || this.#disposed) return null;
      return this.#take(video, { largest: Math.max(640, 2 * this.#size), ...asked() });
    };
    let next = take(0);
    let before = performance.now();
    try {
      for (;;) {
        let taken = await next;
        // If the caller took long, take a fresh frame. A paused video has none.
        if (taken && frames.isNewer && performance.now() - taken.captured > MAX_FRAME_AGE) {
          taken.frame.bitmap?.close();
          taken = await take(0);
        }
        const wanted = asked();
        const { signal } = wanted;
        if (!taken || signal?.aborted) return;
        follow('capture', taken.captured - taken.started);
        const started = performance.now();
        const running = this.#enqueue(() => {
          const checked = this.#check(wanted);
          return this.#look(taken, checked, signal, wantsTracks(wanted) ? tracks.ask(wanted, checked, taken.time) : undefined);
        });
        next = take(pace.busy - pace.capture - 1);
        next.catch(() => {});
        const result = await running;
        const now = performance.now();
        follow('busy', now - started);
        const fps = follow('fps', 1000 / Math.max(1, now - before));
        before = now;
        yield { ...result, fps, latency: result.speed.total };
      }
    } catch (error) {
      if (error.code !== 'aborted' && error.code !== 'disposed') throw error;
    } finally {
      frames.close();
      if (tracks.used) this.#untrack(tracks);
      next.then((taken) => taken?.frame.bitmap?.close(), () => {});
    }
  }

  /** What is found in each picture of an iterable. */
  async *#pictures(pictures, asked) {
    const given = pictures?.[Symbol.asyncIterator] ?? (typeof pictures === 'object' && pictures?.[Symbol.iterator]);
    if (!given) throw new GhostdetError('argument', 'stream() takes a video element, or pictures from an (async) iterable');
    const iterator = given.call(pictures);
    const tracks = new Tracks();
    const take = async () => {
      const { signal } = asked();
      const coming = Promise.resolve(iterator.next());
      const { done, value } = await abortable(coming, signal).catch((error) => {
        coming.then(({ value: late }) => close(late), () => {});
        throw error;
      });
      if (done) return null;
      try {
        const image = value?.image ?? value;
        const taken = await this.#take(image, { largest: Math.max(640, 2 * this.#size), ...asked() });
        return { ...taken, time: value?.time ?? taken.time, image };
      } catch (error) {
        close(value);
        throw error;
      }
    };
    let next = take();
    let before = performance.now();
    let fps = 0;
    try {
      for (;;) {
        const taken = await next;
        const wanted = asked();
        if (!taken || wanted.signal?.aborted) return void close(taken);
        const { image, time } = taken;
        try {
          const running = this.#enqueue(() => {
            const checked = this.#check(wanted);
            return this.#look(taken, checked, wanted.signal, wantsTracks(wanted) ? tracks.ask(wanted, checked, time) : undefined);
          });
          next = take();
          next.catch(() => {});
          const result = await running;
          const now = performance.now();
          fps = fps ? 0.8 * fps + 200 / Math.max(1, now - before) : 1000 / Math.max(1, now - before);
          before = now;
          yield { ...result, fps, latency: result.speed.total, image, time };
        } finally {
          close(taken);
        }
      }
    } catch (error) {
      if (error.code !== 'aborted' && error.code !== 'disposed') throw error;
    } finally {
      if (tracks.used) this.#untrack(tracks);
      next.then((taken) => (taken?.frame.bitmap?.close(), close(taken)), () => {});
      Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  /** Frees the network and its worker. */
  dispose() {
    if (this.#disposed) return;
    this.#disposed = true;
    clearTimeout(this.#idle);
    this.#channel.close();
  }

  /** `using detector = await Detector.load()` disposes of it at the end of the block. */
  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    this.dispose();
  }

  /** The same for `await using`. */
  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    this.dispose();
  }

  async #boxes(options) {
    const { flat, nms } = await this.#channel.call('boxes', options);
    return { detections: this.#detections(flat), nms };
  }

  /** Detections from six numbers each: `x1, y1, x2, y2, score, class`. */
  #detections(flat, { width, height, sx, sy } = this.#last) {
    const clamp = (value, top) => Math.min(Math.max(value, 0), top);
    const detections = [];
    for (let i = 0; i < flat.length; i += 6) {
      const x = clamp(flat[i] * sx, width);
      const y = clamp(flat[i + 1] * sy, height);
      const box = { x, y, width: clamp(flat[i + 2] * sx, width) - x, height: clamp(flat[i + 3] * sy, height) - y };
      const classId = flat[i + 5];
      detections.push({ label: this.#info.labels[classId] ?? `class ${classId}`, classId, score: flat[i + 4], box });
    }
    return detections;
  }

  #enqueue(task, signal) {
    clearTimeout(this.#idle);
    const run = async () => {
      if (this.#disposed) throw new GhostdetError('disposed', 'the detector was disposed of');
      try {
        return await task();
      } catch (error) {
        throw GhostdetError.from(error, signal);
      }
    };
    const answer = this.#queue.then(run);
    this.#queue = answer.catch(() => {});
    return answer;
  }

  #check(options, tracks) {
    checkOptions(options, tracks ? [...DETECT_OPTIONS, 'time'] : DETECT_OPTIONS, 'detect()');
    const { conf, iou, classes, maxDetections, agnostic } = { ...DEFAULTS, ...options };
    for (const [name, value] of Object.entries({ conf, iou })) {
      if (typeof value !== 'number' || !(value >= 0 && value <= 1)) throw new GhostdetError('argument', `${name}: ${value} is not a number from 0 to 1`);
    }
    if (!Number.isInteger(maxDetections) || maxDetections < 1) {
      throw new GhostdetError('argument', `maxDetections: ${maxDetections} is not a whole number above 0`);
    }
    if (classes && !Array.isArray(classes)) {
      throw new GhostdetError('argument', `classes: ${classes} is not a list of labels or numbers, such as ['person']`);
    }
    const wanted = classes?.map((one) => {
      const id = typeof one === 'string' ? this.#info.labels.indexOf(one) : one;
      if (!Number.isInteger(id) || id < 0 || id >= this.#info.labels.length) {
        const near = typeof one === 'string' ? nearest(one, this.#info.labels) : undefined;
        throw new GhostdetError('argument', `classes: the model knows no "${one}"${near ? `; did you mean "${near}"?` : ''}`);
      }
      return id;
    });
    return { conf, iou, classes: wanted ?? null, maxDetections, agnostic: Boolean(agnostic) };
  }
}

/** A signal that is aborted with either. */
function either(/** @type {AbortSignal | undefined} */ given, /** @type {AbortSignal} */ own) {
  if (!given) return own;
  const both = new AbortController();
  for (const one of [given, own]) {
    if (one.aborted) both.abort(one.reason);
    else one.addEventListener('abort', () => both.abort(one.reason), { once: true, signal: both.signal });
  }
  return both.signal;
}

/** Closes a VideoFrame, given as such or as the image of a picture: decoders have but a few. */
function close(picture) {
  const image = picture?.image ?? picture;
  if (typeof VideoFrame !== 'undefined' && image instanceof VideoFrame) image.close();
}
