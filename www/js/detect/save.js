// What may be taken away: pictures and videos with boxes, lists in other programs' formats, code.
import { draw, toCoco, toCsv, toJson, toYolo, zip } from '../../lib/index.js';
import { app } from '../app.js';
import { sentence } from '../offline.js';
import { onLanguage, t } from '../text.js';
import { code } from './code.js';
import * as controls from './controls.js';
import * as film from './film.js';
import * as gallery from './gallery.js';
import { record, recordable } from './recorder.js';
import { onSource, session } from './session.js';
import * as stage from './stage.js';
import * as status from './status.js';
import * as tracking from './tracking.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);
/** The recording under way. @type {{ stop: () => Promise<Blob>, name: string } | null} */
let recording = null;

/** In which formats the film can be saved with every frame; null while that is found out. @type {{ format: 'mp4' | 'webm', sounding: boolean }[] | null} */
let writable = null;

/** A name without its ending. */
const stem = (/** @type {string} */ name) => name.replace(/\.[^./]*$/, '') || 'picture';
const flat = (/** @type {string} */ name) => name.split('/').pop().replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(-80);

/** Hands a file to the browser's downloads. */
function give(/** @type {Blob | string} */ data, /** @type {string} */ name, type = 'text/plain') {
  const blob = data instanceof Blob ? data : new Blob([data], { type });
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  status.tell('saved', { name });
}

const toBlob = (canvas, type) =>
  new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(t('save_too_large')))), type, 0.92));

/** The picture that is shown now, and what is in it; of something moving, one frame and its own boxes. */
async function still() {
  const { source, result } = session;
  if (source.kind === 'photo') return { image: source.element, result };
  const image = await createImageBitmap(source.element);
  return { image, result: await app.detector.detect(image, controls.options()) };
}

async function picture(/** @type {'png' | 'jpeg'} */ type) {
  const { source } = session;
  const { image, result } = await still();
  const canvas = document.createElement('canvas');
  const { trails, counts } = session.result ?? {};
  draw(canvas, { trails, counts, ...result }, { image, ...tracking.drawn() });
  give(await toBlob(canvas, `image/${type}`), `${flat(stem(source.name))}-boxes.${type === 'png' ? 'png' : 'jpg'}`);
}

/** All results that there are: of the strip's pictures, of the video's frames, or of the one picture. */
function all() {
  const { source, result } = session;
  if (gallery.isOpen()) return { name: 'pictures', results: gallery.results() };
  if (film.isFilm()) {
    const results = film.timeline.moments.map(({ time, result: one }) => ({ name: source.name, time, ...film.filtered(one) }));
    return { name: stem(source.name), results };
  }
  return { name: stem(source.name), results: result ? [{ name: source.name, ...result }] : [] };
}

const lists = {
  json: (results, name) => {
    const { model, device } = app.detector.info;
    give(`${JSON.stringify(toJson(results, { model, device: device.kind }), null, 1)}\n`, `${name}.json`, 'application/json');
  },
  csv: (results, name) => give(toCsv(results), `${name}.csv`, 'text/csv'),
  coco: (results, name) => give(`${JSON.stringify(toCoco(frames(results), app.detector.info.labels))}\n`, `${name}-coco.json`, 'application/json'),
  yolo(results, name) {
    if (results.length === 1) return give(toYolo(results[0]), `${name}.txt`);
    const files = frames(results).map((one) => ({ name: `labels/${stem(one.name)}.txt`, data: toYolo(one) }));
    const classes = { name: 'classes.txt', data: `${app.detector.info.labels.join('\n')}\n` };
    give(zip([...files, classes]), `${name}-yolo.zip`);
  },
};

/** A video's frames as pictures with names of their own. */
function frames(results) {
  const name = ({ name, time }, i) => (time === undefined ? name : `${stem(name)}_${String(i).padStart(6, '0')}.jpg`);
  return results.map((one, i) => ({ ...one, name: name(one, i) }));
}

/** All pictures of the strip with their boxes, in one zip. */
async function pictures() {
  const files = [];
  const canvas = document.createElement('canvas');
  const items = gallery.pictures();
  for (const [i, { file, name, result }] of items.entries()) {
    status.tell('saving', { k: i + 1, n: items.length });
    const image = await createImageBitmap(file);
    draw(canvas, result, { image });
    image.close();
    files.push({ name: `${stem(name)}.jpg`, data: new Uint8Array(await (await toBlob(canvas, 'image/jpeg')).arrayBuffer()) });
  }
  give(zip(files), 'pictures-boxes.zip');
}

/** Starts or ends a recording. A film is recorded from its beginning to its end. */
async function toggleRecording() {
  if (recording) {
    const { stop, name } = recording;
    recording = null;
    write();
    const blob = await stop();
    if (blob.size) give(blob, `${name}-boxes.${blob.type.includes('mp4') ? 'mp4' : 'webm'}`);
    return;
  }
  const { source } = session;
  const { video } = stage;
  if (film.isFilm()) {
    video.currentTime = 0;
    video.addEventListener('ended', () => recording && toggleRecording(), { once: true });
  }
  const stored = () => film.isFilm() && film.timeline.complete && film.timeline.at(video.currentTime);
  const result = () => {
    const found = stored();
    return found ? film.filtered(found) : session.result;
  };
  recording = { ...record(video, result), name: flat(stem(source.name)) };
  if (film.isFilm()) await video.play();
  status.tell('recording');
  write();
}

/** Saves the film with its boxes, every frame at its own time. */
function wholeFilm(/** @type {'mp4' | 'webm'} */ format) {
  const { name } = session.source;
  return film.every({ format, save: (blob) => give(blob, `${flat(stem(name))}-boxes.${format}`) });
}

async function copy() {
  const text = code();
  get('save-code').textContent = text;
  get('save-code').hidden = false;
  try {
    await navigator.clipboard.writeText(text);
    status.tell('copied');
  } catch {
    // No permission: it stands there to be copied by hand.
    getSelection().selectAllChildren(get('save-code'));
    status.tell('copy_by_hand');
  }
}

/** Offers what can be saved now. */
function write() {
  const { source } = session;
  const many = gallery.isOpen() && gallery.results().length > 0;
  const moving = source && source.kind !== 'photo';
  const listed = many || (source && !['camera', 'screen'].includes(source.kind));
  for (const id of ['save-png', 'save-jpeg']) get(id).hidden = !source;
  for (const id of ['json', 'csv', 'yolo', 'coco']) get(`save-${id}`).hidden = !listed;
  get('save-zip').hidden = !many;
  for (const format of ['mp4', 'webm']) {
    const known = film.isFilm() && !recording && writable?.find((one) => one.format === format);
    get(`save-${format}`).hidden = !known;
    const text = t(`save_${format}`);
    get(`save-${format}`).textContent = known && !known.sounding ? t('save_silent', { text }) : text;
  }
  get('save-video').hidden = !moving || !recordable() || (film.isFilm() && !recording && writable?.length !== 0);
  get('save-video').textContent = t(recording ? 'save_video_stop' : film.isFilm() ? 'save_video_film' : 'save_video');
  get('save-what').textContent = t(many ? 'save_many' : film.isFilm() ? 'save_film' : 'save_one', { n: many ? gallery.results().length : film.timeline.moments.length });
  get('save-what').hidden = !listed;
  get('recording').hidden = !recording;
}

/** Runs an action of the dialog and says what went wrong. */
const act = (/** @type {() => unknown} */ action, close = true) => async () => {
  if (close) get('save').close();
  try {
    await action();
  } catch (error) {
    status.tell('save_failed', { why: sentence(error) }, true);
  }
};

/** Opens the dialog. */
export function open() {
  if (!app.detector) return;
  get('save-code').hidden = true;
  writable = null;
  write();
  get('save').showModal();
  if (!film.isFilm()) return;
  const { source } = session;
  film.formats().catch(() => []).then((found) => {
    if (session.source !== source) return;
    writable = found;
    write();
  });
}

get('save-close').addEventListener('click', () => get('save').close());
get('save-png').addEventListener('click', act(() => picture('png')));
get('save-jpeg').addEventListener('click', act(() => picture('jpeg')));
get('save-zip').addEventListener('click', act(pictures));
for (const [format, make] of Object.entries(lists)) {
  get(`save-${format}`).addEventListener('click', act(() => {
    const { name, results } = all();
    if (results.length) make(results, flat(name));
    else status.tell('save_nothing');
  }));
}
for (const format of /** @type {const} */ (['mp4', 'webm'])) get(`save-${format}`).addEventListener('click', act(() => wholeFilm(format)));
get('save-video').addEventListener('click', act(toggleRecording));
get('recording').addEventListener('click', act(toggleRecording));
get('save-copy').addEventListener('click', act(copy, false));
// What was recorded of a source that ended is not lost.
onSource(() => {
  if (recording && (!session.source || session.source.kind === 'photo')) act(toggleRecording)();
});
onLanguage(write);
