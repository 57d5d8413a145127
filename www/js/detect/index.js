// The Detect view: a picture, a camera, and what was found in it.
import { isBuilt } from '../../lib/burn.js';
import { Detector } from '../../lib/index.js';
import { app } from '../app.js';
import * as choice from './choice.js';
import * as controls from './controls.js';
import * as sources from './sources.js';
import { showBoxes, showPhoto, showVideo } from './stage.js';
import { count, deviceName, onLanguage, reasonText, t } from '../text.js';
import * as words from './words.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);
const video = get('video');
const status = get('status');

let detector = null;
let picture = null;
let pictureUrl = null;
let last = null;
let camera = null;
let message = null;
/** Network runs so far, for whoever wants to see that sliders need none. */
let runs = 0;
/** Whose words the status line shows: a load that is still under way is silent once something newer was said. */
let turn = 0;

function tell(key, values = {}, bad = false) {
  if (bad) turn++;
  message = { key, values, bad };
  status.textContent = t(key, values);
  status.classList.toggle('bad', bad);
}

const fail = (error) => tell('failed', { why: error?.message ?? String(error) }, true);

function device() {
  if (!detector) return '–';
  return t('status_ready', { device: deviceName(detector.info.device), reason: reasonText(detector.info.device) });
}

function writeDevice() {
  get('device').textContent = device();
  if (message?.key === 'ready') status.textContent = device();
  else if (message) status.textContent = t(message.key, message.values);
}

/** `make demo` serves the page while Burn's module is being built: as soon as it is there, the network moves to it. */
async function awaitModule(/** @type {Detector} */ mine) {
  while (mine === detector && mine.info.device.reasonCode === 'webgpu-not-built') {
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    if (mine === detector && (await isBuilt())) await load(...given);
  }
}

function ready() {
  message = { key: 'ready' };
  status.classList.remove('bad');
  status.textContent = device();
}

/** What was given to `load` last, and what is at work. */
let given = [];
let atWork = '';
/** Loads begun, and the one whose weights are at work. */
let loads = 0;
let working = 0;

/**
 * Loads weights: shipped ones by their name, the default ones without, or a dropped file. Those at work stay until the new ones are ready; of several
 * loads under way the one begun last wins.
 */
async function load(model, yaml) {
  const bar = get('progress');
  const order = ++loads;
  const mine = ++turn;
  const dropped = model && typeof model !== 'string';
  given = [model, yaml];
  tell('status_loading');
  const onProgress = ({ stage, loaded, total }) => {
    if (turn !== mine) return;
    bar.hidden = stage !== 'download';
    if (stage === 'download') {
      if (total) bar.value = loaded / total;
      else bar.removeAttribute('value');
      tell('status_download', { done: (loaded / 1e6).toFixed(1), all: (total / 1e6).toFixed(1) });
    } else tell('status_prepare');
  };
  try {
    const next = await Detector.load({ model, yaml, device: get('place').value, threads: 'auto', onProgress });
    if (order < working) {
      next.dispose();
      return false;
    }
    working = order;
    detector?.dispose();
    app.detector = detector = next;
  } catch (error) {
    if (order === loads) {
      fail(error);
      choice.mark(atWork);
    }
    return false;
  } finally {
    if (order === loads) bar.hidden = true;
  }
  controls.fit(detector.info, detector.size);
  writeDevice();
  detector.tuned.then(writeDevice).then(() => awaitModule(detector));
  get('reset').hidden = !dropped;
  atWork = dropped ? detector.info.file : (model ?? '');
  choice.mark(atWork);
  document.body.dataset.ready = detector.info.model;
  if (turn !== mine) {
    // Something newer stands in the status line.
  } else if (dropped) {
    const { info } = detector;
    const facts = { file: info.file, model: info.model, classes: info.labels.length, format: info.format };
    tell('status_weights', { ...facts, parameters: count(info.parameters) });
  } else ready();
  if (camera) watch();
  else if (picture) await look(!dropped && turn === mine);
  return true;
}

/** Runs the network on the photo. */
async function look(quiet = true) {
  if (!detector || !picture) return;
  if (quiet) tell('status_running');
  try {
    last = await detector.detect(picture, controls.options());
    get('device').textContent = device();
    document.body.dataset.runs = String(++runs);
    showBoxes(last);
    controls.report(last);
    if (quiet) ready();
  } catch (error) {
    if (error.code !== 'disposed') fail(error);
  }
}

/** Other boxes of the same run. */
let refining = false;
let again = false;
async function refine() {
  if (camera || !last || !detector) return;
  if (refining) {
    again = true;
    return;
  }
  refining = true;
  try {
    do {
      again = false;
      const { detections, nms } = await detector.refine(controls.options());
      last = { ...last, detections, speed: { ...last.speed, nms } };
      showBoxes(last);
      controls.report(last);
    } while (again);
  } catch (error) {
    if (error.code !== 'disposed') fail(error);
  } finally {
    refining = false;
  }
}

async function openPhoto(url, title, button) {
  stop();
  sources.markSample(button);
  if (pictureUrl && pictureUrl !== url) URL.revokeObjectURL(pictureUrl);
  pictureUrl = url.startsWith('blob:') ? url : null;
  try {
    last = null;
    picture = await showPhoto(url, t('photo_named', { name: title }));
  } catch {
    picture = null;
    tell('no_file', { name: title }, true);
    return;
  }
  await look();
}

async function open(files) {
  const weights = files.find(({ name }) => /\.(pt|pth|safetensors)$/i.test(name));
  const yaml = files.find(({ name }) => /\.ya?ml$/i.test(name));
  const image = files.find(({ type }) => type.startsWith('image/'));
  if (weights) await load(weights, yaml && (await yaml.text()));
  if (image) return openPhoto(URL.createObjectURL(image), image.name);
  if (!weights) tell(yaml ? 'yaml_needed' : 'no_file', { name: files[0].name }, true);
}

/** Detects on the camera until it is stopped. */
async function watch() {
  const mine = (camera = { stop: new AbortController() });
  app.setBusy('camera', true);
  try {
    const options = () => ({ ...controls.options(), signal: mine.stop.signal });
    for await (const frame of detector.stream(video, options)) {
      if (camera !== mine) return;
      document.body.dataset.runs = String(++runs);
      last = frame;
      showBoxes(frame);
      controls.report(frame);
    }
  } catch (error) {
    fail(error);
  }
}

async function startCamera(other) {
  camera?.stop.abort();
  camera = { stop: new AbortController() };
  const starting = camera;
  tell('status_camera');
  try {
    const mirrored = await sources.startCamera(other);
    if (camera !== starting) return;
    picture = null;
    sources.markSample(null);
    showVideo(mirrored);
    get('flip').hidden = !(await sources.severalCameras());
    writeCamera();
    if (detector) {
      ready();
      watch();
    }
  } catch (error) {
    stop();
    tell('no_camera', { why: error.message }, true);
  }
}

function stop() {
  if (!camera) return;
  camera.stop.abort();
  camera = null;
  app.setBusy('camera', false);
  sources.stopCamera();
  get('flip').hidden = true;
  writeCamera();
}

function writeCamera() {
  get('camera').firstElementChild.textContent = t(camera ? 'stop' : 'camera_start');
}

export function start(/** @type {HTMLElement} */ root) {
  app.addWords(words);
  get('camera').addEventListener('click', () => {
    if (!camera) return startCamera(false);
    stop();
    showBoxes(null);
    video.hidden = true;
    get('empty').hidden = false;
  });
  get('flip').addEventListener('click', () => startCamera(true));
  get('reset').addEventListener('click', () => load());
  get('place').addEventListener('change', () => load(...given));
  controls.listen(refine, (size) => {
    if (!detector) return;
    detector.size = size;
    look();
  });
  sources.listen(open);
  sources.offerSamples(openPhoto);
  onLanguage(writeDevice);
  onLanguage(writeCamera);
  app.translate(root);
  load();
  choice.offer(load).catch(fail);
}
