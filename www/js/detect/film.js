// A video file: plays with boxes as fast as the network goes, steps by frame, or looks at every frame.
import { everyFrame, videoDuration } from '../../lib/index.js';
import { app } from '../app.js';
import { onLanguage, t } from '../text.js';
import * as controls from './controls.js';
import { ready } from './network.js';
import { countRun, session, show, take } from './session.js';
import * as stage from './stage.js';
import * as status from './status.js';
import { Timeline } from './timeline.js';
import * as tracking from './tracking.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);
const video = stage.video;
/** Results of every frame are kept above this score, so that the slider may go down to it later. */
const LEAST = 0.1;
/** Seconds of a step where the frames' times are not known. */
const STEP = 1 / 30;

export const timeline = new Timeline();
let duration = 0;
let last = {};
/** The run through every frame, while it is under way. @type {AbortController | null} */
let running = null;
/** The loop that detects while the video plays. @type {AbortController | null} */
let loop = null;

export const isFilm = () => session.source?.kind === 'film';

/** The boxes that the settings let through, of a result with more. */
export function filtered(/** @type {any} */ result) {
  const { conf, classes } = controls.options();
  const detections = result.detections.filter(({ score, classId }) => score >= conf && (!classes || classes.includes(classId)));
  return { ...result, detections };
}

/** Opens a video file. */
export async function open(/** @type {File} */ file) {
  const mine = (last = {});
  take(null);
  status.tell('film_opening', { name: file.name });
  const url = URL.createObjectURL(file);
  const stop = new AbortController();
  /** @type {import('./session.js').Source} */
  const source = {
    kind: 'film', name: file.name, element: video,
    refine: () => video.paused && !running && !timeline.complete,
    stop() {
      stop.abort();
      running?.abort();
      loop?.abort();
      loop = null;
      video.pause();
      video.removeAttribute('src');
      video.load();
      URL.revokeObjectURL(url);
      app.setBusy('film', false);
      get('transport').hidden = true;
      stage.clear();
    },
    again() {
      timeline.clear();
      marks();
      running?.abort();
      follow();
    },
  };
  video.srcObject = null;
  video.src = url;
  try {
    duration = await videoDuration(video, stop.signal);
    if (!video.videoWidth || !(duration > 0)) throw new Error(t('film_empty'));
  } catch (error) {
    if (mine !== last) return;
    source.stop();
    status.tell('film_failed', { name: file.name, why: error.message }, true);
    return;
  }
  if (mine !== last) return source.stop();
  timeline.clear();
  take(source);
  stage.showVideo();
  const on = (type, callback) => video.addEventListener(type, callback, { signal: stop.signal });
  on('timeupdate', write);
  on('seeked', () => (write(), follow()));
  for (const type of ['play', 'pause', 'ended']) on(type, () => (app.setBusy('film', !video.paused), write()));
  on('play', follow);
  on('error', () => status.tell('film_failed', { name: file.name, why: video.error?.message ?? '' }, true));
  Object.assign(get('seek'), { max: duration, value: 0, step: 'any' });
  get('transport').hidden = false;
  marks();
  write();
  if (app.detector) ready();
  follow();
  video.play().catch(() => {});
}

/** Keeps boxes on the video: stored ones where every frame was looked at, else new ones. */
async function follow() {
  if (!isFilm() || running || !app.detector) return;
  if (timeline.complete) return replay();
  if (loop) return;
  const { source } = session;
  const { detector } = app;
  const mine = (loop = new AbortController());
  session.ran = source;
  try {
    const options = () => ({ ...controls.options(), ...tracking.options(), signal: mine.signal });
    for await (const frame of detector.stream(video, options)) {
      if (session.source !== source || mine.signal.aborted) return;
      countRun();
      show(frame);
      const taken = video.paused ? video.currentTime : Math.max(0, video.currentTime - frame.latency / 1000);
      timeline.put(taken, frame);
      marks();
    }
  } catch (error) {
    if (session.source === source && !['disposed', 'aborted'].includes(error.code)) status.fail(error);
  } finally {
    if (loop === mine) loop = null;
    // A new network: it goes on with that.
    if (isFilm() && session.source === source && app.detector !== detector) follow();
  }
}

/** Shows the stored boxes of the frame that is shown. */
function replay() {
  const { source } = session;
  const found = timeline.at(video.currentTime);
  if (found) show(filtered(found));
  if (video.paused) return;
  const next = (_, at) => {
    if (session.source !== source || !timeline.complete) return;
    const now = timeline.at(at?.mediaTime ?? video.currentTime);
    if (now) show(filtered(now));
    if (!video.paused) wait();
  };
  const wait = () => (video.requestVideoFrameCallback ? video.requestVideoFrameCallback(next) : requestAnimationFrame(() => next(0, null)));
  wait();
}

/** The network looks at every frame. Started again, it stops. */
async function every() {
  if (running) return running.abort();
  const { source } = session;
  const { detector } = app;
  if (!isFilm() || !detector) return;
  const mine = (running = new AbortController());
  session.ran = null;
  loop?.abort();
  timeline.clear();
  app.setBusy('film', true);
  const bar = get('every-progress');
  bar.hidden = false;
  bar.value = 0;
  write();
  let ended = false;
  const tracker = tracking.isTracking() ? detector.tracker() : null;
  try {
    for await (const { time, index } of everyFrame(video, { signal: mine.signal })) {
      const asked = { ...controls.options(), conf: Math.min(LEAST, controls.options().conf), classes: null, signal: mine.signal };
      // A tracker sees what the settings let through: lines count what is shown.
      const followed = { ...asked, ...controls.options(), ...tracking.options(), time };
      const result = tracker ? await tracker.detect(video, followed) : await detector.detect(video, asked);
      if (session.source !== source) return;
      countRun();
      timeline.put(time, result);
      show(filtered(result));
      bar.value = time / duration;
      get('seek').value = time;
      status.tell('film_running', { n: index + 1, time: clock(time), all: clock(duration) });
      if (index % 10 === 0) marks();
    }
    ended = true;
  } catch (error) {
    if (session.source === source && !['disposed', 'aborted'].includes(error.code)) status.fail(error);
  } finally {
    tracker?.dispose();
    if (running === mine) running = null;
    bar.hidden = true;
  }
  if (session.source !== source) return;
  app.setBusy('film', false);
  timeline.complete = ended;
  marks();
  write();
  const some = (result) => filtered(result).detections.length > 0;
  if (!status.isBad()) status.tell(ended ? 'film_done' : 'film_stopped', { n: timeline.moments.length, k: timeline.count(some) });
  if (ended) video.currentTime = 0;
}

/** The time between two frames where they are known, else a thirtieth of a second. */
function frameStep() {
  if (!timeline.complete || timeline.moments.length < 2) return STEP;
  const { moments } = timeline;
  return (moments.at(-1).time - moments[0].time) / (moments.length - 1);
}

/** Goes one frame on or back. */
export function step(/** @type {number} */ direction) {
  if (!isFilm() || running) return;
  video.pause();
  video.currentTime = Math.min(duration, Math.max(0, video.currentTime + direction * frameStep()));
}

export function playOrPause() {
  if (!isFilm() || running) return;
  if (video.paused) video.play().catch(status.fail);
  else video.pause();
}

/** Pauses, as another view is opened. */
export function pause() {
  if (isFilm()) video.pause();
}

/** Seconds as `1:05.2`. */
const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, '0')}`;

function marks() {
  timeline.draw(get('marks'), duration || 1, (result) => filtered(result).detections.length);
}

function write() {
  if (!isFilm()) return;
  if (document.activeElement !== get('seek') || !video.paused) get('seek').value = video.currentTime;
  get('time').textContent = `${clock(video.currentTime)} / ${clock(duration)}`;
  get('seek').setAttribute('aria-valuetext', get('time').textContent);
  get('play').setAttribute('aria-label', t(video.paused ? 'film_play' : 'film_pause'));
  get('play').textContent = video.paused ? '▶' : '❚❚';
  get('every').textContent = t(running ? 'film_cancel' : 'film_every');
  for (const id of ['play', 'back', 'on', 'seek']) get(id).disabled = running !== null;
}

export function listen() {
  get('play').addEventListener('click', playOrPause);
  get('back').addEventListener('click', () => step(-1));
  get('on').addEventListener('click', () => step(1));
  get('seek').addEventListener('input', () => (video.currentTime = Number(get('seek').value)));
  get('every').addEventListener('click', every);
  document.getElementById('conf').addEventListener('input', () => {
    if (!isFilm()) return;
    marks();
    const found = timeline.complete && timeline.at(video.currentTime);
    if (found && video.paused) show(filtered(found));
  });
  new ResizeObserver(() => isFilm() && marks()).observe(get('marks'));
  onLanguage(write);
}
