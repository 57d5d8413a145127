/** Follows a playing video, and tells when it shows a new frame. */
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
    // The frame that it shows now counts as new.
    if (video.videoWidth) this.#shown++;
    this.#watch();
  }

  /** Resolves to true as soon as there is a new frame, and to false when there will be none. */
  async next() {
    while (!this.#over && this.#shown === this.#taken) {
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
    this.#taken = this.#shown;
    return !this.#over;
  }

  /** Stops following the video. */
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
