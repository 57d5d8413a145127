// How the page's JavaScript is bundled: for the site, and to count its size.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The page with Detect, and what is fetched when it is opened. */
export const ENTRIES = {
  main: 'www/js/main.js',
  save: 'www/js/detect/save.js',
  every: 'www/js/detect/every.js',
  compare: 'www/js/compare/index.js',
  playground: 'www/js/playground/index.js',
  evaluate: 'www/js/evaluate/index.js',
};

/** @satisfies {import('esbuild').BuildOptions} */
export const COMMON = {
  bundle: true,
  format: /** @type {const} */ ('esm'),
  target: 'es2022',
  minify: true,
  legalComments: /** @type {const} */ ('none'),
  logLevel: /** @type {const} */ ('warning'),
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
};

const [page, ...opened] = Object.values(ENTRIES).map((path) => join(root, path));

/**
 * A source, changed so that it imports the page if only the page fetches it. The page is there already; without that line, what both
 * share would be in many small files of its own, and so it is in the page's.
 */
export function importPage(/** @type {string} */ text, /** @type {string} */ path) {
  return opened.includes(path) ? `import ${JSON.stringify(page)};\n${text}` : text;
}
