// The apps: one folder each in packaging/apps, described by the key "packaging" of its package.json.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const packaging = join(dirname(fileURLToPath(import.meta.url)), '..');
export const root = join(packaging, '..');
const folder = join(packaging, 'apps');

/**
 * One way of running an app.
 * @typedef {object} Run
 * @property {string} name "dev", "build", …
 * @property {string} [build] npm script that runs first
 * @property {string} [serve] npm script that serves the app on 127.0.0.1:$PORT until it is ended
 * @property {string} [static] folder that our static server serves instead
 * @property {string} [script] npm script that detects by itself and prints a line of JSON; no browser
 * @property {string} [check] npm script that only has to succeed; no browser
 * @property {string} [path] path below which the app is served, `/` if left out
 * @property {Record<string, string>} [headers] what the static server sends with each answer
 * @property {boolean} [file] opened from the disk, by a `file:` address, instead of served
 * @property {boolean} [cdn] the package is served from another origin, which the page gets as `?cdn=`
 * @property {string} [output] folder whose growth is measured; `static` if left out
 * @property {string[]} [clean] folders that are removed first
 */

/**
 * An app.
 * @typedef {object} App
 * @property {string} name
 * @property {string[]} folders where its files come from; later ones replace earlier ones
 * @property {any} manifest its package.json
 * @property {string} about
 * @property {string} [code] where `shared/detect.js` goes
 * @property {string} [entry] what it imports instead of `ghostdet`
 * @property {string} [photo] where the photo goes
 * @property {boolean} quick whether `make test` runs it
 * @property {boolean} installed whether npm installs the package in it (a page that serves it unpacked needs no npm)
 * @property {Run[]} runs
 */

/** @returns {string[]} */
export function names() {
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, 'package.json'))).sort();
}

/**
 * Reads an app. What `packaging.like` names is another app, whose files and description it takes over.
 * @param {string} name
 * @returns {App}
 */
export function read(name) {
  const own = join(folder, name);
  if (!existsSync(join(own, 'package.json'))) throw new Error(`no app called "${name}"; there are: ${names().join(', ')}`);
  const { packaging: description, ...manifest } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8'));
  if (!description) throw new Error(`${name}/package.json: the key "packaging" is missing`);
  const { like, ...rest } = description;
  const other = like ? read(like) : null;
  return {
    quick: false,
    installed: true,
    ...other,
    manifest: { ...other?.manifest, ...manifest },
    ...rest,
    name,
    folders: [...(other?.folders ?? []), own],
  };
}
