// The camera or a shared screen, until it is stopped or stops by itself.
import { app } from '../app.js';
import { onLanguage, t } from '../text.js';
import * as camera from './camera.js';
import * as controls from './controls.js';
import { ready } from './network.js';
import { begin, countRun, session, show, take } from './session.js';
import * as stage from './stage.js';
import * as status from './status.js';
import * as tracking from './tracking.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);
const video = stage.video;
/** The stream asked for, until the view is left. */
let last = {};

const isCamera = () => session.source?.kind === 'camera';

/** Shows a stream until it ends. */
async function showStream(stream, kind, name, mirrored) {
  const [track] = stream.getVideoTracks();
  const stop = new AbortController();
  let loop = new AbortController();
  /** @type {import('./session.js').Source} */
  const source = {
    kind, name, mirrored, element: video,
    refine: () => false,
    stop() {
      stop.abort();
      loop.abort();
      for (const one of stream.getTracks()) one.stop();
      if (video.srcObject === stream) video.srcObject = null;
      app.setBusy('live', false);
      write();
      get('live-controls').hidden = true;
      stage.clear();
    },
    // Nobody waits for the end of a camera: whoever loads a network goes on.
    again() {
      loop.abort();
      loop = new AbortController();
      watch(source, loop.signal);
    },
  };
  const on = (target, type, callback) => target.addEventListener(type, callback, { signal: stop.signal });
  // Unplugged, permission withdrawn, sharing ended, taken by the system.
  on(track, 'ended', () => ended(source));
  // Another program or the system uses the camera, or the phone is locked: the picture comes back by itself, or doesn't.
  on(track, 'mute', () => status.tell('live_muted', {}, true));
  on(track, 'unmute', () => ready());
  on(document, 'visibilitychange', () => {
    if (document.hidden) return;
    if (track.readyState === 'ended') ended(source);
    else if (video.paused) video.play().catch(() => {});
  });
  video.removeAttribute('src');
  video.srcObject = stream;
  take(source);
  // A stream without pictures never gets ready: it is stopped, or it ends.
  await Promise.race([video.play().catch(() => {}), new Promise((resolve) => on(track, 'ended', resolve))]);
  if (session.source !== source) return;
  stage.showVideo(mirrored);
  app.setBusy('live', true);
  write();
  if (track.muted) status.tell('live_muted', {}, true);
  else if (app.detector) ready();
  return source;
}

function ended(source) {
  if (session.source !== source) return;
  take(null);
  status.tell(source.kind === 'camera' ? 'camera_ended' : 'screen_ended', {}, true);
}

/** Detects until the signal or the source says stop. */
async function watch(source, signal) {
  const { detector } = app;
  if (!detector) return;
  try {
    const options = () => ({ ...controls.options(), ...tracking.options(), signal });
    for await (const frame of detector.stream(video, options)) {
      if (session.source !== source || signal.aborted) return;
      countRun();
      show(frame);
    }
    if (session.source === source && !signal.aborted && app.detector === detector) ended(source);
  } catch (error) {
    if (session.source === source && !['disposed', 'aborted'].includes(error.code)) status.fail(error);
  }
}

/** Starts a camera. */
export async function startCamera(/** @type {string} */ deviceId = undefined) {
  const mine = (last = {});
  const isLatest = begin();
  const isMine = () => mine === last && isLatest();
  take(null);
  status.tell('status_camera');
  let stream;
  try {
    stream = await camera.open(deviceId);
  } catch (error) {
    if (isMine()) status.tell(camera.problem(error), { why: error.message }, true);
    return;
  }
  if (!isMine()) return stream.getTracks().forEach((track) => track.stop());
  const [track] = stream.getVideoTracks();
  const id = track.getSettings().deviceId;
  if (id) app.remember('camera', id);
  const source = await showStream(stream, 'camera', track.label || t('camera_start'), camera.facesUser(track));
  if (!source) return;
  offer(await camera.list(), id);
  get('live-controls').hidden = false;
  camera.offerAbilities(track);
  source.again();
}

/** Offers the cameras by their names. */
function offer(devices, id) {
  if (!isCamera()) return;
  const which = get('camera-which');
  which.replaceChildren(...devices.map(({ deviceId, label }, i) => {
    const name = label.replace(/\s*\([0-9a-f]{4}:[0-9a-f]{4}\)$/, '') || t('camera_number', { n: i + 1 });
    return new Option(name, deviceId, deviceId === id, deviceId === id);
  }));
  get('flip').hidden = which.hidden = devices.length < 2;
}

/** Goes to the next camera. */
function flip() {
  const which = get('camera-which');
  const next = which.options[(which.selectedIndex + 1) % which.options.length];
  if (next) startCamera(next.value);
}

/** Shares a screen, a window or a tab with the page. */
async function startScreen() {
  const mine = (last = {});
  let stream;
  try {
    stream = await camera.openScreen();
  } catch (error) {
    // The user closed the browser's own dialog: nothing happened.
    if (mine === last && error.name !== 'NotAllowedError') status.tell('screen_failed', { why: error.message }, true);
    return;
  }
  if (mine !== last) return stream.getTracks().forEach((track) => track.stop());
  begin();
  const source = await showStream(stream, 'screen', t('screen_name'), false);
  source?.again();
}

/** The buttons say what they do now. */
function write() {
  const kind = session.source?.kind;
  get('camera').lastElementChild.textContent = t(kind === 'camera' ? 'stop' : 'camera_start');
  get('camera').setAttribute('aria-pressed', String(kind === 'camera'));
  get('screen').lastElementChild.textContent = t(kind === 'screen' ? 'screen_stop' : 'screen_start');
  get('screen').setAttribute('aria-pressed', String(kind === 'screen'));
}

export function listen() {
  get('camera').addEventListener('click', () => {
    if (!isCamera()) return startCamera();
    last = {};
    take(null);
    ready();
  });
  get('flip').addEventListener('click', flip);
  get('camera-which').addEventListener('change', (event) => startCamera(event.target.value));
  get('screen').hidden = !navigator.mediaDevices?.getDisplayMedia;
  get('screen').addEventListener('click', () => {
    if (session.source?.kind !== 'screen') return startScreen();
    take(null);
    ready();
  });
  navigator.mediaDevices?.addEventListener?.('devicechange', async () => {
    if (isCamera()) offer(await camera.list(), get('camera-which').value);
  });
  onLanguage(write);
}

/** Lets the camera or the screen go, as another view is opened. */
export function pause() {
  last = {};
  if (['camera', 'screen'].includes(session.source?.kind)) take(null);
}
