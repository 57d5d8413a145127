// Labelled pictures among files: YOLO's label files or COCO's JSON, as they lie in a folder that somebody dropped.
import { readDataYaml } from './data-yaml.js';
import { GhostdetError } from './errors.js';
import { thrown } from './evaluate.js';
import { loadedCore, ready } from './model-stats.js';
import { textOf } from './text.js';

const PICTURE = /\.(jpe?g|jpe|jfif|png|webp|bmp|gif|avif)$/i;
/** Files and folders that archives and systems add. */
const PASSED_OVER = /(^|\/)(\.|__MACOSX\/|@eaDir\/|\$RECYCLE\.BIN\/)/;
/** An annotation file is at most so large, in bytes. */
const MAX_JSON = 256e6;
const MAX_TEXT = 8e6;
/** Numbers from 1 to 90 that COCO gives to none of its 80 classes. */
const UNUSED = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];
/** So many problems are named, the rest is counted. */
const MOST_WARNINGS = 200;

/**
 * Finds the pictures in `files` and the objects in them.
 *
 * With a JSON of COCO's kind (and no `data.yaml`) its annotations count; without categories its ids are class numbers. Else each
 * picture has a text file of its name: beside it, or in `labels` where the picture is in `images`. Class names come from `data.yaml` or `classes.txt`; without them numbers count.
 * @param {Iterable<File>} files with `webkitRelativePath`, or `path`, where they come from a folder
 * @param {string[]} labels the network's class names
 * @returns {Promise<import('./index.d.ts').LabelledSet>}
 */
export async function readDataset(files, labels) {
  await ready();
  const found = new Map();
  for (const file of files) {
    const path = pathOf(file);
    if (!PASSED_OVER.test(path)) found.set(path, file);
  }
  const pictures = [...found].filter(([path]) => PICTURE.test(path)).sort(([a], [b]) => (a < b ? -1 : 1));
  if (!pictures.length) throw new GhostdetError('data', 'no pictures here: drop the folder that holds pictures and labels');
  const warnings = new Warnings();
  const yolo = [...found.keys()].some((path) => /(^|\/)data\.ya?ml$/i.test(path));
  const coco = yolo ? null : await cocoFile(found, pictures, warnings);
  const set = coco ? cocoSet(coco, pictures, labels, warnings) : await yoloSet(found, pictures, labels, warnings);
  if (!set.pictures.length) throw new GhostdetError('data', `no labelled picture: ${warnings.first()}`);
  return { ...set, warnings: warnings.list() };
}

class Warnings {
  #list = [];
  #more = 0;

  add(/** @type {string} */ text) {
    if (this.#list.length < MOST_WARNINGS) this.#list.push(text);
    else this.#more++;
  }

  addAll(/** @type {Warnings} */ others) {
    for (const text of others.#list) this.add(text);
    this.#more += others.#more;
  }

  first() {
    return this.#list[0] ?? 'there are no label files and no COCO annotations';
  }

  list() {
    return this.#more ? [...this.#list, `and ${this.#more} problems more`] : this.#list;
  }
}

function pathOf(/** @type {any} */ file) {
  return (file.path || file.webkitRelativePath || file.name).replaceAll('\\', '/').replace(/^\.?\//, '');
}

/**
 * The network's class for each of the set's classes, by name; -1 where it has none. Without a common name the numbers stay, if
 * both have as many.
 * @param {string[]} names
 * @param {string[]} labels
 * @param {Warnings} warnings
 */
function align(names, labels, warnings) {
  const classes = names.map((name) => labels.indexOf(name));
  if (classes.every((one) => one < 0)) {
    const [own, other] = [short(names), short(labels)];
    if (names.length === labels.length) {
      warnings.add(`classes are named ${own} here and ${other} in the network: taken by number`);
      return names.map((_, index) => index);
    }
    throw new GhostdetError('data', `the data set's classes (${own}) are none of the network's (${other}); names must be the same`);
  }
  const unknown = names.filter((_, index) => classes[index] < 0);
  if (unknown.length) warnings.add(`the network doesn't know ${short(unknown)}: their labels are left out`);
  return classes;
}

function short(/** @type {string[]} */ names) {
  return names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
}

/**
 * @param {Map<string, File>} files
 * @param {[string, File][]} pictures
 * @param {string[]} labels
 * @param {Warnings} warnings
 */
async function yoloSet(files, pictures, labels, warnings) {
  const { names, val, yaml } = await namesFile(files, labels, warnings);
  const classes = align(names, labels, warnings);
  const chosen = val.length ? await chosenBy(val, yaml, files, pictures, warnings) : pictures;
  const byStem = new Map();
  for (const path of files.keys()) if (/\.txt$/i.test(path)) byStem.set(path.slice(0, -4).toLowerCase(), path);
  let unlabelled = 0;
  const items = [];
  for (const [path, image] of chosen) {
    const label = labelStems(path).map((stem) => byStem.get(stem)).find(Boolean);
    if (!label) unlabelled++;
    try {
      const numbers = label ? [...(await labelNumbers(files.get(label), names.length))] : [];
      items.push({ name: path, image, truths: inPixels(numbers, classes) });
    } catch (error) {
      warnings.add(`${label}: ${error.message}; ${path} is left out`);
    }
  }
  if (items.length && unlabelled === items.length) {
    throw new GhostdetError('data', 'none of the pictures has a label file: expected are labels/NAME.txt beside images/NAME.jpg, '
      + 'NAME.txt beside NAME.jpg, or a COCO .json');
  }
  if (unlabelled) warnings.add(`${unlabelled} pictures have no label file: taken as pictures without objects`);
  return { kind: /** @type {const} */ ('yolo'), pictures: items };
}

/**
 * The pictures that `val` names: by folder, in a list, one by one. All of them where it names none.
 * @param {string[]} val
 * @param {string} yaml where it stands
 * @param {Map<string, File>} files
 * @param {[string, File][]} pictures
 * @param {Warnings} warnings
 */
async function chosenBy(val, yaml, files, pictures, warnings) {
  const find = finder(files.keys());
  const wanted = new Set();
  const missing = new Warnings();
  for (const source of val) {
    const places = find(source, [folderOf(yaml)]);
    if (!places.length) missing.add(`${yaml}: val: ${source} is not among the files`);
    for (const place of places) {
      wanted.add(place);
      const list = files.get(place);
      if (!list || PICTURE.test(place) || list.size > MAX_TEXT) continue;
      for (const [index, line] of (await textOf(list)).split('\n').entries()) {
        const name = line.trim().replace(/^["']|["']$/g, '');
        if (!name) continue;
        const named = find(name, [folderOf(place), folderOf(yaml)]);
        if (named.length === 1) wanted.add(named[0]);
        else missing.add(`${place}: line ${index + 1}: ${name} is ${named.length ? 'several' : 'none'} of the files; left out`);
      }
    }
  }
  const chosen = pictures.filter(([path]) => above(path).some((place) => wanted.has(place)));
  if (chosen.length) warnings.addAll(missing);
  else warnings.add(`${yaml}: val: ${short(val)} names no picture among the files: all are taken, those to train on, too`);
  return chosen.length ? chosen : pictures;
}

/** A file and the folders above it. */
function above(/** @type {string} */ path) {
  const parts = path.split('/');
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** The folder of a file, with the slash. */
function folderOf(/** @type {string} */ path) {
  return path.replace(/[^/]*$/, '');
}

/**
 * Finds files and folders by names as data sets have them: in one of the folders `bases`, else anywhere. Of an absolute path of
 * another computer the longest end that is there is taken; its last part alone only in `bases`.
 * @param {Iterable<string>} paths
 */
function finder(paths) {
  /** Folder and path, by ends of paths in small letters. @type {Map<string, [string, string][]>} */
  const ends = new Map();
  for (const path of new Set([...paths].flatMap(above))) {
    for (let at = 0; at >= 0; at = path.indexOf('/', at) + 1 || -1) {
      const end = path.slice(at).toLowerCase();
      if (!ends.has(end)) ends.set(end, []);
      ends.get(end).push([path.slice(0, at), path]);
    }
  }
  return (/** @type {string} */ name, /** @type {string[]} */ bases) => {
    const parts = name.toLowerCase().replace(/^[a-z]:/, '').split(/[\\/]/).filter((part) => !/^\.{0,2}$/.test(part));
    const last = /^([a-z]:)?[\\/]/i.test(name) ? parts.length : 1;
    for (let from = 0; from < last; from++) {
      const there = ends.get(parts.slice(from).join('/')) ?? [];
      const own = bases.flatMap((base) => there.filter(([folder]) => folder === base))[0];
      if (own) return [own[1]];
      if (there.length && (!from || from < parts.length - 1)) return there.map(([, path]) => path);
    }
    return [];
  };
}

async function labelNumbers(/** @type {File} */ file, /** @type {number} */ nc) {
  if (file.size > MAX_TEXT) throw new GhostdetError('data', `larger than ${MAX_TEXT / 1e6} MB`);
  const text = await textOf(file);
  return thrown(() => loadedCore('readDataset()').readLabels(text, nc));
}

/** Where a picture's labels may be, best first: without ending, in small letters. */
function labelStems(/** @type {string} */ path) {
  const stem = path.replace(/\.[^./]+$/, '').toLowerCase();
  const swapped = stem.replace(/(^|.*\/)images\//, '$1labels/');
  const name = stem.split('/').pop();
  return [swapped, stem, `labels/${name}`];
}

/**
 * Truths in pixels once the picture's size is known.
 * @param {number[]} numbers five each: class and corners as fractions
 * @param {number[]} classes
 */
function inPixels(numbers, classes) {
  return (/** @type {number} */ width, /** @type {number} */ height) => {
    const truths = [];
    for (let i = 0; i < numbers.length; i += 5) {
      const classId = classes[numbers[i]];
      const [x, y] = [numbers[i + 1] * width, numbers[i + 2] * height];
      const box = { x, y, width: numbers[i + 3] * width - x, height: numbers[i + 4] * height - y };
      if (classId >= 0) truths.push({ classId, box });
    }
    return truths;
  };
}

/**
 * Class names and what to validate on, from `data.yaml` or a list of names.
 * @param {Map<string, File>} files
 * @param {string[]} labels
 * @param {Warnings} warnings
 */
async function namesFile(files, labels, warnings) {
  const yamls = [...files].filter(([path, file]) => /\.ya?ml$/i.test(path) && file.size <= MAX_TEXT);
  const isData = (/** @type {[string, File]} */ [path]) => /(^|\/)data\.ya?ml$/i.test(path);
  for (const [path, file] of [...yamls.filter(isData), ...yamls.filter((one) => !isData(one))]) {
    try {
      const text = await textOf(file);
      // A network's file has `nc`, too.
      if (/^["']?(backbone|head)["']?\s*:/m.test(text)) continue;
      const { names, val } = readDataYaml(text);
      // The folder itself has all pictures.
      return { names, val: val.filter((one) => /[^./\\]/.test(one)), yaml: path };
    } catch (error) {
      warnings.add(`${path}: ${error.message}`);
    }
  }
  for (const [path, file] of files) {
    if (!/(^|\/)(classes|labels|obj)\.(txt|names)$|\.names$/i.test(path) || file.size > MAX_TEXT) continue;
    const names = (await textOf(file)).split('\n').map((line) => line.trim()).filter(Boolean);
    if (names.length) return { names, val: [] };
  }
  return { names: labels, val: [] };
}

/**
 * Of the annotation files the one with the most boxes for these pictures: COCO's folder has captions and key points of persons, too.
 * @param {Map<string, File>} files
 * @param {[string, File][]} pictures
 * @param {Warnings} warnings
 */
async function cocoFile(files, pictures, warnings) {
  const names = new Set(pictures.map(([path]) => nameOf(path)));
  /** @type {any} */
  let best = null;
  let count = 0;
  for (const [path, file] of files) {
    if (!/\.json$/i.test(path)) continue;
    if (file.size > MAX_JSON) {
      warnings.add(`${path}: larger than ${MAX_JSON / 1e6} MB; left out`);
      continue;
    }
    try {
      // Python writes NaN, which is no JSON.
      const json = JSON.parse((await textOf(file)).replace(/:\s*(NaN|-?Infinity)\b/g, ': null'));
      if (!Array.isArray(json?.images) || (json.categories ?? json.annotations) === undefined) continue;
      const ids = new Set();
      for (const one of json.images) if (names.has(nameOf(one?.file_name))) ids.add(String(one.id));
      const list = Array.isArray(json.annotations) ? json.annotations : [];
      const boxes = list.filter((/** @type {any} */ one) => one?.bbox && ids.has(String(one.image_id))).length;
      if (!count++ || boxes > best.boxes || (boxes === best.boxes && nameOf(path).startsWith('instances'))) best = { path, json, boxes };
    } catch {
      // Another kind of file.
    }
  }
  if (count > 1) warnings.add(`${best.path} is taken: of ${count} COCO files none has more boxes for these pictures (${best.boxes})`);
  return best?.json;
}

/** The last part of a path, in small letters. */
function nameOf(/** @type {unknown} */ path) {
  return String(path ?? '').split(/[\\/]/).pop().toLowerCase();
}

/**
 * @param {any} json
 * @param {[string, File][]} pictures
 * @param {string[]} labels
 * @param {Warnings} warnings
 */
function cocoSet(json, pictures, labels, warnings) {
  const annotations = listOf(json, 'annotations');
  const categories = listOf(json, 'categories').filter((/** @type {any} */ one) => one?.id !== undefined)
    .sort((/** @type {any} */ a, /** @type {any} */ b) => Number(a.id) - Number(b.id));
  const classOf = categories.length ? namedClasses(categories, labels, warnings) : numberedClasses(annotations, labels, warnings);
  const byPath = new Map(pictures.map(([path, file]) => [path.toLowerCase(), { path, file }]));
  const byName = new Map(pictures.map(([path, file]) => [nameOf(path), { path, file }]));
  const items = new Map();
  for (const one of json.images) {
    const name = String(one?.file_name ?? '').replaceAll('\\', '/').toLowerCase();
    const place = byPath.get(name) ?? byName.get(nameOf(name));
    if (!place) {
      warnings.add(`${one?.file_name ?? 'a picture without file_name'} is not among the files; left out`);
      continue;
    }
    items.set(String(one.id), { name: place.path, image: place.file, truths: [] });
  }
  for (const [index, one] of annotations.entries()) {
    const item = items.get(String(one?.image_id));
    if (!item) continue;
    const classId = classOf.get(String(one.category_id));
    const [x, y, width, height] = Array.isArray(one.bbox) ? one.bbox.map(Number) : [];
    if (classId === undefined || !(width > 0 && height > 0 && Number.isFinite(x) && Number.isFinite(y))) {
      const why = classId === undefined ? `category ${one.category_id} is not in categories` : 'bbox is not [x, y, width, height]';
      warnings.add(`annotations[${index}]: ${why}; left out`);
      continue;
    }
    const area = Number.isFinite(one.area) && one.area >= 0 ? one.area : undefined;
    if (classId >= 0) item.truths.push({ classId, box: { x, y, width, height }, crowd: Boolean(Number(one.iscrowd)), area });
  }
  return { kind: /** @type {const} */ ('coco'), pictures: [...items.values()] };
}

/** A list of the file; it may be missing. */
function listOf(/** @type {any} */ json, /** @type {string} */ key) {
  const list = json[key] ?? [];
  if (Array.isArray(list)) return list;
  throw new GhostdetError('data', `COCO: ${key} is ${typeof list === 'object' ? 'an object' : `a ${typeof list}`}; a list was expected`);
}

/**
 * The network's class for each category, by the category's id.
 * @param {any[]} categories
 * @param {string[]} labels
 * @param {Warnings} warnings
 * @returns {Map<string, number>}
 */
function namedClasses(categories, labels, warnings) {
  const classes = align(categories.map((one) => String(one.name ?? `class${one.id}`).trim()), labels, warnings);
  return new Map(categories.map((one, index) => [String(one.id), classes[index]]));
}

/**
 * The same where the file names no categories: by numbers, if they can be the network's.
 * @param {any[]} annotations
 * @param {string[]} labels
 * @param {Warnings} warnings
 * @returns {Map<string, number>}
 */
function numberedClasses(annotations, labels, warnings) {
  const ids = [...new Set(annotations.map((one) => one?.category_id).filter((id) => id !== undefined && id !== null).map(String))].map(Number).sort((a, b) => a - b);
  const within = (/** @type {number} */ least, /** @type {number} */ most) => ids.every((id) => Number.isInteger(id) && id >= least && id <= most);
  const coco = labels.length === 80 && labels[0] === 'person' && labels[79] === 'toothbrush';
  const told = (/** @type {string} */ how) => warnings.add(`the COCO file has no categories: ${how}`);
  if (coco && within(1, 90) && !ids.some((id) => UNUSED.includes(id))) {
    told("ids are taken as COCO's own, from 1 (person) to 90 (toothbrush)");
    return new Map(ids.map((id) => [String(id), id - 1 - UNUSED.filter((one) => one < id).length]));
  }
  for (const first of [1, 0]) {
    if (!within(first, first + labels.length - 1)) continue;
    told(`ids are taken as the network's class numbers, counted from ${first} (${labels[0]})`);
    return new Map(ids.map((id) => [String(id), id - first]));
  }
  told('ids are taken as names');
  const classes = align(ids.map(String), labels, warnings);
  return new Map(ids.map((id, index) => [String(id), classes[index]]));
}
