// Records a video with its boxes burnt in.
import { draw } from '../../lib/draw.js';
import * as tracking from './tracking.js';

const TYPES = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm', 'video/mp4'];

/** What this browser records, or null. */
export function recordable() {
  if (typeof MediaRecorder === 'undefined' || !HTMLCanvasElement.prototype.captureStream) return null;
  return TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? null;
}

/**
 * Begins to record what the video shows, at its own size and not mirrored, with the boxes that `result` gives for it.
 * @param {HTMLVideoElement} video
 * @param {() => any} result
 */
export function record(video, result) {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  const type = recordable();
  let on = true;
  const paint = () => {
    if (!on) return;
    if (video.videoWidth) {
      const found = result() ?? { detections: [] };
      // A video that changes its size, as when a phone is turned, is fitted into the size that it began with.
      if (!canvas.width || canvas.dataset.begun === undefined) Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
      canvas.dataset.begun = '';
      const scale = Math.min(canvas.width / video.videoWidth, canvas.height / video.videoHeight);
      const view = { x: (canvas.width - video.videoWidth * scale) / 2, y: (canvas.height - video.videoHeight * scale) / 2, scale };
      draw(canvas, { ...found, width: video.videoWidth, height: video.videoHeight }, { image: video, view, ...tracking.drawn() });
    }
    next();
  };
  const next = () => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(paint);
    else requestAnimationFrame(paint);
  };
  Object.assign(canvas, { width: video.videoWidth || 640, height: video.videoHeight || 480 });
  context.fillRect(0, 0, 1, 1);
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: type, videoBitsPerSecond: 6_000_000 });
  /** @type {Blob[]} */
  const parts = [];
  recorder.ondataavailable = ({ data }) => data.size && parts.push(data);
  const done = new Promise((resolve, reject) => {
    recorder.onstop = () => resolve(new Blob(parts, { type }));
    recorder.onerror = (/** @type {any} */ event) => reject(event.error ?? new Error('the recording failed'));
  });
  recorder.start(1000);
  paint();
  return {
    /** Ends the recording; resolves to it. @returns {Promise<Blob>} */
    stop() {
      on = false;
      if (recorder.state !== 'inactive') recorder.stop();
      return done;
    },
  };
}
