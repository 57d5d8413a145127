// A video file: plays with boxes as fast as the network goes, steps by frame, or looks at every frame.
import { videoDuration } from '../../lib/index.js';
import { app } from '../app.js';
import { sentence } from '../offline.js';
import { onLanguage, t } from '../text.js';
import * as controls from './controls.js';
import { ready } from './network.js';
import { begin, countRun, session, show, take } from './session.js';
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
/** @type {File} */
let file;
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
export async function open(/** @type {File} */ opened) {
  const isMine = begin();
  take(null);
  status.tell('film_opening', { name: opened.name });
  const url = URL.createObjectURL(opened);
  const stop = new AbortController();
  // The player may show a later one already.
  const letGo = () => {
    if (video.src === url) {
      video.removeAttribute('src');
      video.load();
    }
    URL.revokeObjectURL(url);
  };
  /** @type {import('./session.js').Source} */
  const source = {
    kind: 'film', name: opened.name, element: video,
    refine: () => video.paused && !running && !timeline.complete,
    stop() {
      stop.abort();
      running?.abort();
      loop?.abort();
      loop = null;
      video.pause();
      letGo();
      app.setBusy('film', false);
      get('transport').hidden = true;
      stage.clear();
    },
    again() {
      timeline.clear();
      marks();
      running?.abort();
      // A paused film has no new frame to wait for.
      loop?.abort();
      loop = null;
      // An ended one shows no frame until it is sent to one.
      if (video.ended) video.currentTime = duration - 0.001;
      follow();
    },
  };
  video.srcObject = null;
  video.src = url;
  try {
    duration = await videoDuration(video, stop.signal);
    if (!video.videoWidth || !(duration > 0)) throw new Error(t('film_empty'));
  } catch (error) {
    if (!isMine()) return letGo();
    const why = reason(error);
    source.stop();
    const codec = await import('./every.js').then(({ strangeCodec }) => strangeCodec(opened)).catch(() => null);
    if (isMine()) status.tell(codec ? 'film_codec' : unplayable(opened), { name: opened.name, why, codec }, true);
    return;
  }
  if (!isMine()) return letGo();
  file = opened;
  timeline.clear();
  take(source);
  stage.showVideo();
  const on = (type, callback) => video.addEventListener(type, callback, { signal: stop.signal });
  on('timeupdate', write);
  on('seeked', () => (write(), follow()));
  for (const type of ['play', 'pause', 'ended']) on(type, () => (app.setBusy('film', !video.paused || running !== null), write()));
  on('play', follow);
  on('error', () => failed(video.error));
  Object.assign(get('seek'), { max: duration, value: 0, step: 'any' });
  get('transport').hidden = false;
  marks();
  write();
  if (app.detector) ready();
  follow();
  video.play().catch(() => {});
}

/** What to say of a file that can't be played though its format is one that the browser plays: no other format helps. */
const unplayable = (/** @type {File} */ { type, name }) => (/mp4|webm/i.test(type || name) ? 'film_broken' : 'film_failed');

/** Why it can't be played, in words: the player's own are the names of its parts. */
const reason = (/** @type {any} */ error) => (video.error?.code > 1 ? t(`film_error_${video.error.code}`) : error.message);

/** Says why the film does not go on. */
function failed(/** @type {any} */ error) {
  if (video.error) status.tell(unplayable(file), { name: file.name, why: reason(error) }, true);
  else status.fail(error);
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
    if (session.source === source && !['disposed', 'aborted'].includes(error.code)) failed(error);
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

/** What results depend on beside the picture: with another network or other lines, stored ones are of no use. */
function asked() {
  const { conf, iou, classes } = controls.options();
  const kept = tracking.isTracking() ? [conf, classes] : Math.min(LEAST, conf);
  return JSON.stringify([app.detector.info.file ?? app.detector.info.model, app.detector.size, iou, kept, tracking.options()]);
}

/** The film's file, and its formats for {@link every}. */
export const formats = async () => (await import('./every.js')).formats(file, video.videoWidth, video.videoHeight);

/**
 * The network looks at every frame. With a format, the video is also saved with its boxes. Started again, it stops.
 * @param {{ format?: 'mp4' | 'webm', save?: (blob: Blob) => void }} [options]
 */
export async function every({ format, save } = {}) {
  if (running) return running.abort();
  const { source } = session;
  const { detector } = app;
  if (!isFilm() || !detector) return;
  const mine = (running = new AbortController());
  const { signal } = mine;
  session.ran = null;
  loop?.abort();
  video.pause();
  const stored = format && timeline.complete && timeline.asked === asked();
  if (!stored) timeline.clear();
  timeline.asked = asked();
  app.setBusy('film', true);
  const bar = get('every-progress');
  bar.hidden = false;
  bar.value = 0;
  write();
  let ended = false;
  let n = 0;
  let [at, drawnAt, markedAt] = [0, 0, 0];
  let [opened, writer, problem] = [null, null, null];
  const track = tracking.isTracking();
  // A tracker sees what the settings let through: lines count what is shown. Else what is weaker is kept, too.
  const options = () => track
    ? { ...controls.options(), ...tracking.options() }
    : { ...controls.options(), conf: Math.min(LEAST, controls.options().conf), classes: null };
  try {
    const frames = await import('./every.js');
    opened = await frames.decoder(file);
    if (format) writer = new frames.Writer({ format, opened });
    const all = stored
      ? frames.known(opened, (time) => timeline.at(time), signal)
      : frames.results(detector, { opened, video, signal, options });
    for await (const { image, time, fps, latency, ...result } of all) {
      if (session.source !== source) return;
      if (signal.aborted) break;
      if (!stored) {
        countRun();
        timeline.put(time, result);
      }
      at = time;
      n++;
      const now = performance.now();
      const shown = filtered(result);
      await writer?.add({ ...shown, image, time });
      if (session.source !== source) return;
      // The player shows what it was sent to. Decoded frames are shown in its place, as often as the eye needs.
      if (image === video || now - drawnAt > 100) {
        drawnAt = now;
        const still = image === video ? null : await createImageBitmap(image);
        if (session.source !== source) return still?.close();
        if (still) stage.showStill(still);
        show({ ...shown, fps });
        bar.value = time / duration;
        writeTime(time);
        status.tell(format ? 'film_saving' : 'film_running', { n, time: clock(time), all: clock(duration) });
      }
      if (now - markedAt > 500) {
        markedAt = now;
        marks();
      }
    }
    signal.throwIfAborted();
    ended = true;
    if (writer && n) save(await writer.finish());
  } catch (error) {
    await writer?.cancel();
    problem = signal.aborted || ['disposed', 'aborted'].includes(error.code) ? null : error;
  } finally {
    if (session.source !== source) writer?.cancel();
    opened?.close();
    if (running === mine) running = null;
    bar.hidden = true;
  }
  if (session.source !== source) return;
  stage.showStill(null);
  app.setBusy('film', false);
  // Cleared meanwhile, as by another network, it is not.
  timeline.complete ||= ended && timeline.moments.length > 0;
  marks();
  write();
  // With tracks it stays at the end, where the counts are complete.
  video.currentTime = ended && !track ? 0 : at;
  if (problem && format) status.tell('save_failed', { why: sentence(problem) }, true);
  else if (problem) failed(problem);
  else if (!format || !ended || !n) {
    const some = (result) => filtered(result).detections.length > 0;
    status.tell(ended ? 'film_done' : 'film_stopped', { n: timeline.moments.length, k: timeline.count(some) });
  }
}

/** Goes one frame on or back: where all are known to that frame, else by a thirtieth of a second. */
export function step(/** @type {number} */ direction) {
  if (!isFilm() || running) return;
  video.pause();
  const next = timeline.complete ? timeline.beside(video.currentTime, direction) : video.currentTime + direction * STEP;
  video.currentTime = Math.min(duration, Math.max(0, next));
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

function writeTime(/** @type {number} */ time) {
  if (document.activeElement !== get('seek') || !video.paused || running) get('seek').value = time;
  get('time').textContent = `${clock(time)} / ${clock(duration)}`;
  get('seek').setAttribute('aria-valuetext', get('time').textContent);
}

function write() {
  if (!isFilm()) return;
  if (!running) writeTime(video.currentTime);
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
  get('every').addEventListener('click', () => every());
  document.getElementById('conf').addEventListener('input', () => {
    if (!isFilm()) return;
    marks();
    const found = timeline.complete && timeline.at(video.currentTime);
    if (found && video.paused) show(filtered(found));
  });
  new ResizeObserver(() => isFilm() && marks()).observe(get('marks'));
  onLanguage(write);
}
