// A still picture.
import { app } from '../app.js';
import { t } from '../text.js';
import * as controls from './controls.js';
import { ready, writeDevice } from './network.js';
import { begin, countRun, session, show, take } from './session.js';
import * as stage from './stage.js';
import * as status from './status.js';

let refining = false;
let moreToDo = false;

/** Other boxes of the same run of the network. */
export async function refine() {
  const { source } = session;
  if (!source?.refine() || !session.result || !app.detector) return;
  moreToDo = true;
  if (refining) return;
  refining = true;
  try {
    while (moreToDo) {
      moreToDo = false;
      if (session.ran !== source) {
        // The network has run on something else meanwhile, as on the pictures of the strip.
        await look(source);
        continue;
      }
      const { detections, nms } = await app.detector.refine(controls.options());
      if (session.source !== source) break;
      show({ ...session.result, detections, speed: { ...session.result.speed, nms } });
    }
  } catch (error) {
    if (error.code !== 'disposed') status.fail(error);
  } finally {
    refining = false;
  }
}

/** Runs the network on what an element shows and shows the result, if the source is still there. */
export async function look(/** @type {import('./session.js').Source} */ source) {
  const { detector } = app;
  if (!detector) return null;
  const quiet = !status.isBad();
  session.ran = source;
  try {
    const result = await detector.detect(source.element, controls.options());
    if (session.source !== source || app.detector !== detector) return null;
    countRun();
    show(result);
    writeDevice();
    if (quiet && document.getElementById('status').textContent.startsWith(t('status_running'))) ready();
    return result;
  } catch (error) {
    if (error.code !== 'disposed' && session.source === source) status.fail(error);
    return null;
  }
}

/** A picture's address in memory; of an animated one only the first frame's, which is what the network sees. */
async function address(/** @type {File} */ file) {
  if (/(gif|webp|png|avif)$/.test(file.type) && (await isAnimated(file))) {
    const bitmap = await createImageBitmap(file);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext('bitmaprenderer').transferFromImageBitmap(bitmap);
    return URL.createObjectURL(await canvas.convertToBlob());
  }
  return URL.createObjectURL(file);
}

async function isAnimated(/** @type {File} */ file) {
  if (!('ImageDecoder' in window)) return file.type === 'image/gif';
  const decoder = new ImageDecoder({ data: file.stream(), type: file.type });
  try {
    await decoder.completed;
    return decoder.tracks.selectedTrack?.frameCount > 1;
  } catch {
    return false;
  } finally {
    decoder.close();
  }
}

/**
 * Opens a picture, or a sample by its address. `known`: its result, if the network has run on it before.
 * @param {string | File} what
 * @param {string} name
 * @param {{ known?: any, stop?: () => void }} [options]
 */
export async function open(what, name, { known, stop } = {}) {
  take(null);
  const isMine = begin();
  const url = typeof what === 'string' ? what : await address(what).catch(() => URL.createObjectURL(what));
  const letGo = () => {
    if (url.startsWith('blob:')) URL.revokeObjectURL(url);
    stop?.();
  };
  /** @type {import('./session.js').Source} */
  const source = {
    kind: 'photo', name, element: stage.photo, stop: letGo,
    again: () => look(source),
    refine: () => true,
  };
  if (!isMine()) return letGo();
  try {
    await stage.showPhoto(url, t('photo_named', { name }));
  } catch {
    letGo();
    if (!isMine()) return;
    stage.clear();
    status.tell('no_picture', { name }, true);
    return;
  }
  if (!isMine()) return letGo();
  take(source);
  if (known) return show(known);
  if (app.detector) {
    status.tell('status_running');
    await look(source);
  }
}
