// The network at work: shipped weights by name, or dropped ones.
import { isBuilt } from '../../lib/burn.js';
import { Detector } from '../../lib/threads.js';
import { app } from '../app.js';
import { offlineReason } from '../offline.js';
import { count, deviceName, onLanguage, reasonText, t } from '../text.js';
import * as choice from './choice.js';
import * as controls from './controls.js';
import { withNetwork } from './session.js';
import * as slow from './slow.js';
import * as status from './status.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);

/** What was given to `load` last, and what is at work. @type {[any?, string?]} */
let given = [];
let atWork = '';
/** Loads begun, and the one whose weights are at work. */
let loads = 0;
let working = 0;

/** "CPU (SIMD): measured faster than WebGPU here". */
function device() {
  const { info } = app.detector ?? {};
  return info ? t('status_ready', { device: deviceName(info.device), reason: reasonText(info.device) }) : '–';
}

/** Says where the network runs, unless a failure stands there. */
export function writeDevice() {
  get('device').textContent = device();
  slow.write();
  status.write();
}

export const ready = () => status.tell('ready', { device });

/** `make demo` serves the page while Burn's module is being built: as soon as it is there, the network moves to it. */
async function awaitModule(/** @type {Detector} */ mine) {
  while (mine === app.detector && mine.info.device.reasonCode === 'webgpu-not-built') {
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    if (mine === app.detector && (await isBuilt())) await load(...given);
  }
}

/** Loads what is at work once more, on another device. */
export const reload = () => load(...given);

/** The name of the shipped weights at work; empty for the default ones, null for dropped ones. */
export const shipped = () => (given[0] && typeof given[0] !== 'string' ? null : atWork);

/**
 * Loads weights: shipped ones by their name, the default ones without, or a dropped file. Those at work stay until the new
 * ones are ready; of several loads under way the one begun last wins. The answer is false if these can't be had, and
 * nothing newer was given.
 * @param {any} [model]
 * @param {string} [yaml]
 */
export async function load(model, yaml) {
  const bar = get('progress');
  const order = ++loads;
  const turn = status.take();
  const dropped = model && typeof model !== 'string';
  const before = given;
  given = [model, yaml];
  status.tell('status_loading');
  const onProgress = ({ stage, loaded, total }) => {
    if (!turn.isMine()) return;
    bar.hidden = stage !== 'download';
    if (stage === 'download') {
      if (total) bar.value = loaded / total;
      else bar.removeAttribute('value');
      status.tell('status_download', { done: (loaded / 1e6).toFixed(1), all: (total / 1e6).toFixed(1) });
    } else status.tell('status_prepare');
  };
  try {
    const next = await Detector.load({ ...(dropped ? { model } : await choice.source(model)), yaml, device: get('place').value, threads: 'auto', onProgress });
    // Something newer is at work.
    if (order < working) {
      next.dispose();
      return true;
    }
    working = order;
    app.detector?.dispose();
    app.detector = next;
  } catch (error) {
    if (order === loads) {
      given = before;
      const reason = error.code === 'network' && offlineReason();
      if (reason) {
        status.tell('failed', { why: reason }, true);
        window.addEventListener('online', () => order === loads && load(model, yaml), { once: true });
      } else if (dropped && error.code === 'weights') status.tell('no_weights', { name: model.name, why: error.message }, true);
      else status.fail(error);
      choice.mark(atWork);
    }
    return order !== loads;
  } finally {
    if (order === loads) bar.hidden = true;
  }
  const { detector } = app;
  controls.fit(detector);
  writeDevice();
  detector.tuned.then(writeDevice).then(() => awaitModule(detector));
  get('reset').hidden = !dropped;
  atWork = dropped ? detector.info.file : (model ?? '');
  choice.mark(atWork);
  if (!dropped) app.setSetting('detect', 'weights', model || null);
  document.body.dataset.ready = detector.info.model;
  if (!turn.isMine()) {
    // Something newer stands in the status line.
  } else if (dropped) {
    const { info } = detector;
    const facts = { file: info.file, model: info.model, classes: info.labels.length, format: info.format };
    status.tell('status_weights', { ...facts, parameters: count(info.parameters) });
  } else ready();
  await withNetwork();
  return true;
}

onLanguage(writeDevice);
