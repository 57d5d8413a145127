/**
 * The element `<ghost-detector>`: a picture, a video or the camera, with boxes over what was found.
 *
 *     import 'ghostdet/element';
 *     <ghost-detector src="street.jpg" conf="0.4" classes="person, dog"></ghost-detector>
 *     <ghost-detector camera="environment" track></ghost-detector>
 *     <ghost-detector><img src="street.jpg" alt="A street"></ghost-detector>
 *
 * The import may run on a server: it defines the element where there are elements.
 *
 * @module ghostdet/element
 */
import { Detector } from './detector.js';
import { draw } from './draw.js';
import { dispatch, elementOptions, mediaKind, numberOf } from './element-parts.js';
import './files.js';
import { GhostdetError } from './errors.js';

const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

/** Networks at work, by what they were loaded with: elements share them. @type {Map<string, { users: number, loading: Promise<Detector> }>} */
const shared = new Map();

const STYLE = `:host { display: inline-block; position: relative; max-width: 100% } :host([hidden]) { display: none }
img, video, ::slotted(img), ::slotted(video), ::slotted(canvas) { display: block; max-width: 100% } [hidden] { display: none !important }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none } [part=status]:empty { display: none }`;

export class GhostDetectorElement extends Base {
  static observedAttributes = ['src', 'camera', 'alt', 'model', 'device', 'size', 'conf', 'iou', 'classes', 'track'];

  /** The last result. @type {import('./index.d.ts').Result | null} */
  result = null;
  /** The network, once it is ready. @type {Detector | null} */
  detector = null;

  #image;
  #video;
  #canvas;
  #status;
  /** What was loaded, and what is shown, as texts: only what changes is done anew. */
  #loaded = '';
  #shown = '';
  #planned = false;
  /** The network that this element uses, or waits for; each time it is taken, anew. @type {{ key: string, entry: { users: number, loading: Promise<Detector> } } | null} */
  #use = null;
  #loading = Promise.resolve();
  /** Ends what runs for the present source. */
  #stop = new AbortController();

  constructor() {
    super();
    if (!this.attachShadow) return;
    const root = this.attachShadow({ mode: 'open' });
    root.innerHTML = `<style>${STYLE}</style><slot></slot><img part="media" hidden><video part="media" hidden muted playsinline></video>
<canvas part="boxes"></canvas><slot name="loading" hidden></slot><slot name="error" hidden></slot><div part="status" role="status"></div>`;
    const find = (/** @type {string} */ what) => /** @type {any} */ (root.querySelector(what));
    this.#image = find('img');
    this.#video = find('video');
    this.#canvas = find('canvas');
    this.#status = find('[part=status]');
    find('slot').addEventListener('slotchange', () => this.#plan());
  }

  connectedCallback() {
    this.#plan();
  }

  disconnectedCallback() {
    // Moved elsewhere in the page, it comes back at once.
    queueMicrotask(() => this.isConnected || this.#leave());
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#plan();
  }

  /** Looks once more at a picture. */
  async detect() {
    this.#shown = '';
    this.#plan();
  }

  /** Several attributes that change together cause one start. */
  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (this.isConnected) this.#update().catch((error) => this.#fail(error));
    });
  }

  async #update() {
    const { load, source, look } = elementOptions(this);
    const wanted = JSON.stringify([source, look]);
    if (wanted === this.#shown && load === this.#loaded) return;
    const running = this.#video.srcObject && source.camera !== undefined && JSON.parse(this.#shown || '[{}]')[0].camera === source.camera;
    this.#shown = wanted;
    // A running camera takes over other thresholds by itself.
    if (running && load === this.#loaded) return;
    this.#stop.abort();
    const stop = (this.#stop = new AbortController());
    this.#show('loading');
    try {
      // It may be under way already, for what was shown before.
      await (load === this.#loaded ? this.#loading : (this.#loading = this.#load(load)));
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
    if (stop.signal.aborted) return;
    const media = await this.#media(source, stop.signal);
    if (stop.signal.aborted) return;
    this.#show('');
    if (!media) return this.#paint(null);
    if (media instanceof HTMLVideoElement) return this.#follow(media, stop.signal);
    // One picture has no tracks.
    const { track: _, ...options } = elementOptions(this).look;
    this.#found(await /** @type {Detector} */ (this.detector).detect(media, { ...options, signal: stop.signal }));
  }

  async #load(/** @type {string} */ key) {
    this.#release();
    this.#loaded = key;
    const entry = shared.get(key) ?? { users: 0, loading: Detector.load({ ...JSON.parse(key), onProgress: (progress) => dispatch(this, 'progress', progress) }) };
    shared.set(key, entry);
    entry.users++;
    const use = (this.#use = { key, entry });
    try {
      const detector = await entry.loading;
      // Taken off the page meanwhile, and perhaps put back: the later start goes on.
      if (this.#use !== use) return;
      this.detector = detector;
      dispatch(this, 'ready', detector.info);
    } catch (error) {
      if (shared.get(key) === entry) shared.delete(key);
      if (this.#use !== use) return;
      this.#loaded = '';
      this.#use = null;
      throw error;
    }
  }

  /** What is looked at: an element in the slot, or an own one for `src` and `camera`. */
  async #media({ src, camera, alt }, /** @type {AbortSignal} */ signal) {
    const given = /** @type {any} */ (this.querySelector(':scope > img, :scope > video, :scope > canvas'));
    const kind = given ? '' : mediaKind(src, camera);
    this.#image.hidden = kind !== 'image';
    this.#video.hidden = kind !== 'video' && kind !== 'camera';
    this.#endCamera();
    // A video that was shown before would go on behind what is shown now.
    if (kind !== 'video') this.#video.pause();
    if (kind === 'image') return Object.assign(this.#image, { crossOrigin: 'anonymous', src, alt });
    if (kind === 'video') Object.assign(this.#video, { crossOrigin: 'anonymous', src, loop: true, controls: true });
    if (kind === 'camera') {
      if (!navigator.mediaDevices) throw new GhostdetError('unsupported', 'the page has no camera: it has to be served by https');
      const facingMode = camera || 'environment';
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode } }).catch((error) => {
        throw new GhostdetError('unsupported', `the camera can't be had: ${error.message}`, { cause: error });
      });
      if (signal.aborted) {
        for (const track of stream.getTracks()) track.stop();
        return null;
      }
      this.#video.srcObject = stream;
    }
    if (kind) this.#video.play().catch(() => {});
    return given ?? (kind ? this.#video : null);
  }

  async #follow(/** @type {HTMLVideoElement} */ video, /** @type {AbortSignal} */ signal) {
    const options = () => ({ ...elementOptions(this).look, signal });
    for await (const frame of /** @type {Detector} */ (this.detector).stream(video, options)) this.#found(frame);
    if (!signal.aborted) dispatch(this, 'ended', null);
  }

  #found(/** @type {any} */ result) {
    this.result = result;
    this.#paint(result);
    dispatch(this, 'detections', result);
  }

  #paint(/** @type {any} */ result) {
    const { devicePixelRatio: unit = 1 } = globalThis;
    this.#canvas.width = Math.max(1, this.#canvas.clientWidth * unit);
    this.#canvas.height = Math.max(1, this.#canvas.clientHeight * unit);
    draw(this.#canvas, result ?? { width: 1, height: 1, detections: [] }, { unit });
  }

  /** What stands over the picture: `loading`, `error`, or nothing. */
  #show(/** @type {string} */ slot, text = '') {
    for (const one of /** @type {ShadowRoot} */ (this.shadowRoot).querySelectorAll('slot[name]')) {
      /** @type {HTMLElement} */ (one).hidden = one.getAttribute('name') !== slot;
    }
    this.#status.textContent = text;
    this.toggleAttribute('loading', slot === 'loading');
  }

  #fail(/** @type {any} */ thrown) {
    const error = GhostdetError.from(thrown);
    if (error.code === 'aborted' || error.code === 'disposed') return;
    this.#show('error', this.querySelector('[slot=error]') ? '' : error.message);
    dispatch(this, 'error', error);
  }

  #leave() {
    this.#stop.abort();
    this.#endCamera();
    this.#release();
    this.#shown = '';
  }

  #endCamera() {
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
  }

  /** The network is disposed of with its last user. */
  #release() {
    const { key, entry } = this.#use ?? {};
    if (entry && --entry.users < 1) {
      if (shared.get(key) === entry) shared.delete(key);
      entry.loading.then((detector) => detector.dispose(), () => {});
    }
    this.#use = null;
    this.#loaded = '';
    this.detector = null;
  }

  /** Least score, from 0 to 1: the attribute `conf`. */
  get conf() {
    return numberOf(this.getAttribute('conf')) ?? 0.25;
  }

  set conf(value) {
    this.setAttribute('conf', String(value));
  }
}

if (globalThis.customElements && !customElements.get('ghost-detector')) customElements.define('ghost-detector', GhostDetectorElement);
