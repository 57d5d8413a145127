/** Follows a playing video: tells when it shows a frame that was not taken yet. */
export class Frames {
  #video;
  #signal;
  #shown = 0;
  #taken = 0;
  #over = false;
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
    // Whatever it shows already counts as new.
    if (video.videoWidth) this.#shown++;
    this.#watch();
  }

  /** True as soon as there is a frame that was not taken (at once if one came meanwhile); false when none will come. */
  async next() {
    while (!this.#over && this.#shown === this.#taken) {
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
    this.#taken = this.#shown;
    return !this.#over;
  }

  /** Lets go of the video. */
  close() {
    this.#end();
    this.#cancel();
    this.#video.removeEventListener('ended', this.#end);
    this.#signal?.removeEventListener('abort', this.#end);
  }

  #watch() {
    const shown = () => {
      if (this.#over) return;
      if (this.#video.videoWidth) {
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
