import { GhostdetError } from './errors.js';

// Every frame of a video file, one after the other, however long the caller takes with each.

/** Seconds of a frame where the browser does not tell the frames' times. */
const GUESS = 1 / 30;

/** Milliseconds to wait for a frame's time after a seek: a tab in the background shows no frames. */
const PATIENCE = 250;

/** Waits for an event of the video; fails with the video or with the signal. */
function event(video, name, signal) {
  return new Promise((resolve, reject) => {
    const done = () => {
      video.removeEventListener(name, good);
      video.removeEventListener('error', bad);
      video.removeEventListener('emptied', emptied);
      signal?.removeEventListener('abort', aborted);
    };
    const good = () => (done(), resolve(undefined));
    // Also said when another source is given: the next one is waited for.
    const emptied = () => video.hasAttribute('src') || video.srcObject || video.querySelector('source') || bad();
    const bad = () => (done(), reject(new GhostdetError('picture', `the video can't be read: ${video.error?.message || 'its source is gone'}`)));
    const aborted = () => (done(), reject(signal.reason));
    if (video.error) return bad();
    video.addEventListener(name, good);
    video.addEventListener('error', bad);
    video.addEventListener('emptied', emptied);
    signal?.addEventListener('abort', aborted);
  });
}

/** The time of the frame that the video shows next, or null if the browser does not tell it in time. */
function frameTime(video) {
  if (!video.requestVideoFrameCallback) return Promise.resolve(null);
  return new Promise((resolve) => {
    const handle = video.requestVideoFrameCallback((_, { mediaTime }) => (clearTimeout(timer), resolve(mediaTime)));
    const timer = setTimeout(() => (video.cancelVideoFrameCallback(handle), resolve(null)), PATIENCE);
  });
}

/** The time of the frame that the video shows, as WebCodecs tells it; null without, or for a video of another origin. */
function ownTime(video) {
  try {
    const frame = new VideoFrame(video);
    const { timestamp } = frame;
    frame.close();
    return timestamp / 1e6;
  } catch {
    return null;
  }
}

/** Goes to a time; resolves to the time of the frame that is shown there. */
async function seek(video, time, signal) {
  const shown = frameTime(video);
  const sought = event(video, 'seeked', signal);
  video.currentTime = time;
  await sought;
  const own = ownTime(video);
  // Where it is the time that was asked for, it may be that and no frame's.
  if (own !== null && Math.abs(own - video.currentTime) > 1e-3) return own;
  return (await shown) ?? own ?? video.currentTime;
}

/**
 * How long a video is, in seconds. Recordings of browsers don't say it: their end is looked for.
 * @param {HTMLVideoElement} video
 * @param {AbortSignal} [signal]
 */
export async function videoDuration(video, signal) {
  if (video.error) throw new GhostdetError('picture', `the video can't be read: ${video.error.message}`);
  if (video.readyState < 1) await event(video, 'loadedmetadata', signal);
  if (video.duration === Infinity) {
    // The browser reads on to the end and then knows.
    const known = event(video, 'durationchange', signal);
    video.currentTime = Number.MAX_SAFE_INTEGER;
    await known;
    await seek(video, 0, signal);
  }
  return video.duration;
}

/** The shortest time between two frames, seen while the video plays for a moment. */
async function interval(video, signal) {
  if (!video.requestVideoFrameCallback) return GUESS;
  const times = [];
  const { muted, playbackRate } = video;
  video.muted = true;
  try {
    await video.play();
    while (times.length < 12 && !video.ended) {
      const time = await frameTime(video);
      signal?.throwIfAborted();
      if (time === null) break;
      times.push(time);
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof GhostdetError) throw error;
  }
  video.pause();
  Object.assign(video, { muted, playbackRate });
  const steps = times.slice(1).map((time, i) => time - times[i]).filter((step) => step > 1e-4);
  return steps.length ? Math.max(1 / 240, Math.min(...steps)) : GUESS;
}

/**
 * Goes through a video file frame by frame, by seeking. When a frame is yielded, the video shows it: detect on it.
 *
 *     for await (const { time } of everyFrame(video)) console.log(time, await detector.detect(video));
 *
 * Variable frame rates are followed as the browser tells the frames' times. The video stays paused, at the last frame.
 * @param {HTMLVideoElement} video with a file that can be sought in; not a camera
 * @param {{ signal?: AbortSignal, start?: number, end?: number }} [options] seconds
 * @returns {AsyncGenerator<{ time: number, index: number, duration: number }, void>}
 */
export async function* everyFrame(video, { signal, start = 0, end = Infinity } = {}) {
  try {
    signal?.throwIfAborted();
    if (video.srcObject) throw new GhostdetError('argument', 'everyFrame() goes through files; for cameras there is stream()');
    video.pause();
    const duration = await videoDuration(video, signal);
    if (!(duration > 0) || !video.videoWidth) throw new GhostdetError('picture', 'the video has no frames');
    const last = Math.min(end, duration);
    const step = await interval(video, signal);
    let before = -1;
    let index = 0;
    // A little after a frame's beginning: times are rounded.
    let time = start + step / 8;
    while (time < last) {
      const shown = await seek(video, time, signal);
      if (shown <= before + 1e-6) {
        // This frame is longer than the shortest one.
        time += step / 2;
        continue;
      }
      before = shown;
      yield { time: shown, index: index++, duration };
      signal?.throwIfAborted();
      time = shown + step * 1.125;
    }
  } catch (error) {
    throw GhostdetError.from(error);
  }
}
