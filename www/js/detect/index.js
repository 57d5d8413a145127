// The Detect view: a picture, a camera, a video or many pictures, and what was found in them.
import { app } from '../app.js';
import * as choice from './choice.js';
import * as controls from './controls.js';
import * as film from './film.js';
import * as found from './found.js';
import * as gallery from './gallery.js';
import * as gestures from './gestures.js';
import * as live from './live.js';
import * as network from './network.js';
import * as photo from './photo.js';
import { onSource, session } from './session.js';
import * as slow from './slow.js';
import * as sources from './sources.js';
import * as status from './status.js';
import * as tracking from './tracking.js';
import * as words from './words.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);

const isWeights = ({ name }) => /\.(pt|pth|safetensors)$/i.test(name);
const isYaml = ({ name }) => /\.ya?ml$/i.test(name);
const isPicture = ({ name, type }) => type.startsWith('image/') || (!type && /\.(jpe?g|png|webp|gif|bmp|avif|heic)$/i.test(name));
const isFilm = ({ name, type }) => type.startsWith('video/') || (!type && /\.(mp4|m4v|webm|mov|mkv|ogv|avi)$/i.test(name));

/** Opens what was chosen, dropped, pasted or shared: weights, pictures, a video. */
async function open(/** @type {File[]} */ files) {
  const weights = files.find(isWeights);
  const yaml = files.find(isYaml);
  const pictures = files.filter(isPicture);
  const video = files.find(isFilm);
  const rest = files.length - (weights ? (yaml ? 2 : 1) : 0);
  status.leaveOut(0);
  if (weights) {
    app.setSetting('detect', 'weights', null, false);
    await network.load(weights, yaml && (await yaml.text()));
  }
  if (pictures.length > 1) return gallery.open(pictures, rest - pictures.length);
  const opening = pictures.length ? photo.open(pictures[0], pictures[0].name) : video && film.open(video);
  if (!opening && !weights) status.tell(yaml ? 'yaml_needed' : 'no_file', { name: files[0].name }, true);
  status.leaveOut(rest - (opening || !weights ? 1 : 0));
  await opening;
}

/** Other boxes: of the picture that is shown, and of those in the strip. */
function refine() {
  photo.refine();
  gallery.refine();
}

/** Opens a sample photo. */
async function openSample(file) {
  const [, title] = sources.SAMPLES.find(([one]) => one === file);
  await photo.open(`samples/${file}`, file);
  if (session.source) get('photo').alt = title;
}

/** Loads the weights that the address names, or that were at work last; the default ones if those don't ship any more. */
async function loadFirst() {
  const name = app.setting('detect', 'weights');
  if (name && (await network.load(name))) return;
  await network.load();
  // Shipped ones that could not be fetched are wanted the next time.
  if (name && (await choice.source(name)).sha256) app.remember('detect-weights', name);
}

export async function start(/** @type {HTMLElement} */ root) {
  app.addWords(words);
  app.translate(root);
  controls.restore();
  for (const part of [found, gestures, live, film, gallery, tracking, slow]) part.listen();
  // What saves is fetched when somebody wants to save.
  get('open-save').addEventListener('click', () => import('./save.js').then((save) => save.open()).catch(status.fail));
  get('reset').addEventListener('click', () => network.load());
  get('place').addEventListener('change', () => {
    app.setSetting('detect', 'device', get('place').value === 'auto' ? null : get('place').value);
    network.reload();
  });
  controls.listen(refine, (size) => {
    if (!app.detector) return;
    app.detector.size = size;
    slow.write();
    session.source?.again();
  });
  onSource(() => session.source || status.leaveOut(0));
  onSource(() => sources.markSample(session.source?.kind === 'photo' ? session.source.name : ''));
  sources.listen(open, () => !root.hidden);
  sources.offerSamples(openSample);
  // On a wide screen there is room for the settings; on a phone they wait.
  get('settings').open = matchMedia('(min-width: 56rem)').matches;
  loadFirst();
  choice.offer(network.load).catch(status.fail);
  const given = app.params().has('shared') ? await sources.shared().catch(() => []) : [];
  app.setSetting('detect', 'shared', null, false);
  if (given.length) open(given);
  else if (!session.source) openSample('astronaut.jpg');
  return {
    // A camera does not look on, and a video does not play, while another view is open.
    hidden: () => (live.pause(), film.pause()),
    changed() {
      const before = [get('place').value, app.detector?.size];
      controls.restore();
      const weights = app.params().get('weights');
      if (weights && weights !== network.shipped()) return network.load(weights);
      if (get('place').value !== before[0]) return network.reload();
      if (app.detector) controls.fit(app.detector);
      if (app.detector?.size !== before[1]) return session.source?.again();
      refine();
    },
  };
}
