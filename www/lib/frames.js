import { GhostdetError } from './errors.js';

/** Milliseconds between looks at whether the video can still show something. */
const LOOK = 250;

/** Follows a playing video, and tells when it shows a new frame. */
export class Frames {
  #video;
  #signal;
  #shown = 0;
  #taken = 0;
  #over = false;
  /** What the video failed with. @type {GhostdetError | null} */
  #failed = null;
  /** Whether it had a source, and a place in the page. */
  #hadSource = false;
  #wasConnected = false;
  /** Looks in a row at which it seemed to be dead: a source may be exchanged in between. */
  #dead = 0;
  #timer;
  #wake = () => {};
  #cancel = () => {};
  #end = () => {
    this.#over = true;
    this.#wake();
  };

  /**
   * @param {HTMLVideoElement} video
   * @param {AbortSignal} [signal]
   */
  constructor(video, signal) {
    this.#video = video;
    this.#signal = signal;
    video.addEventListener('ended', this.#end);
    signal?.addEventListener('abort', this.#end);
    if (video.ended || signal?.aborted) this.#over = true;
    // The frame that it shows now counts as new.
    if (video.videoWidth) this.#shown++;
    this.#timer = setInterval(this.#look, LOOK);
    this.#look();
    this.#watch();
  }

  /**
   * Resolves to true as soon as there is a new frame, and to false when there will be none.
   * @throws {GhostdetError} if the video can't be loaded or read
   */
  async next() {
    while (!this.#over && this.#shown === this.#taken) {
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
    this.#taken = this.#shown;
    if (this.#failed) throw this.#failed;
    return !this.#over;
  }

  /** Whether the video has shown another frame since the one taken last. */
  get isNewer() {
    return this.#shown !== this.#taken;
  }

  /** Stops following the video. */
  close() {
    this.#end();
    this.#cancel();
    clearInterval(this.#timer);
    this.#video.removeEventListener('ended', this.#end);
    this.#signal?.removeEventListener('abort', this.#end);
  }

  /** Whether the source has died. Not every way of dying has an event: `track.stop()` has none. */
  #look = () => {
    const video = this.#video;
    if (video.error) {
      this.#failed = broken(video);
      return this.#end();
    }
    const source = video.srcObject ?? video.currentSrc;
    if (source) this.#hadSource = true;
    if (video.isConnected) this.#wasConnected = true;
    const dead = ended(video.srcObject) || (this.#hadSource && !video.srcObject && video.networkState === 0) ||
      (this.#wasConnected && !video.isConnected && video.paused);
    // None of its `source` elements can be played: that is told by no error.
    const refused = !video.srcObject && video.networkState === 3;
    this.#dead = dead || refused ? this.#dead + 1 : 0;
    if (this.#dead < 2) return;
    if (refused) this.#failed = broken(video);
    this.#end();
  };

  #watch() {
    const shown = () => {
      if (this.#over) return;
      if (this.#video.videoWidth) {
        this.#hadSource = true;
        this.#wasConnected ||= this.#video.isConnected;
        this.#shown++;
        this.#wake();
      }
      this.#watch();
    };
    if (this.#video.requestVideoFrameCallback) {
      const handle = this.#video.requestVideoFrameCallback(shown);
      this.#cancel = () => this.#video.cancelVideoFrameCallback(handle);
    } else {
      const timer = setTimeout(shown, 16);
      this.#cancel = () => clearTimeout(timer);
    }
  }
}

/** Whether a camera's stream has no picture left. */
function ended(/** @type {any} */ stream) {
  const tracks = stream?.getVideoTracks?.();
  return Boolean(tracks) && tracks.every((/** @type {MediaStreamTrack} */ track) => track.readyState === 'ended');
}

/** The error of a video element. */
function broken(/** @type {HTMLVideoElement} */ { error, currentSrc }) {
  const code = error?.code === 2 ? 'network' : 'picture';
  const why = error?.code === 2 ? 'the download broke off' : 'it is missing, or no video that this browser can play';
  return new GhostdetError(code, `the video ${currentSrc || ''} can't be shown: ${why}${error?.message ? ` (${error.message})` : ''}`);
}
