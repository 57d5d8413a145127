#!/usr/bin/env node
// How much JavaScript is the page's own: `node tools/site/size.js` prints it, and fails above the limit. Counted is what the site serves
// of www/js, without the package (www/lib) and the playground (with its editor): bundled and minified as for the site, each file by itself
// after brotli.
import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { COMMON, ENTRIES, importPage, root } from './options.js';

/** All of it after brotli, in bytes. */
export const LIMIT = 40_000;

/** What is not counted stays an import. @type {import('esbuild').Plugin} */
const own = {
  name: 'own',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\/(lib|playground)\// }, ({ path, kind }) => (kind === 'entry-point' ? undefined : { path, external: true }));
    onLoad({ filter: /\.js$/ }, ({ path }) => ({ contents: importPage(readFileSync(path, 'utf8'), path) }));
  },
};

/**
 * Bytes of each file after brotli. What Detect needs is in `page.js`.
 * @returns {Promise<{ name: string, raw: number, brotli: number }[]>}
 */
export async function ownSizes() {
  const { playground: _, ...entries } = ENTRIES;
  const { outputFiles } = await build({
    ...COMMON, entryPoints: entries, absWorkingDir: root, outdir: 'unused', splitting: true, write: false, chunkNames: 'page', entryNames: '[name]',
    plugins: [own],
  });
  // The entry of the page is a line that imports it.
  return outputFiles.filter(({ path }) => basename(path) !== 'main.js').map(({ path, contents }) => ({ name: basename(path), raw: contents.length, brotli: brotliCompressSync(contents).length }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sizes = await ownSizes();
  const sum = sizes.reduce((all, { brotli }) => all + brotli, 0);
  console.log(`\n${'the page\'s own JavaScript, as built'.padEnd(44)} ${'raw'.padStart(10)} ${'brotli'.padStart(10)}`);
  for (const { name, raw, brotli } of sizes) console.log(`${name.padEnd(44)} ${String(raw).padStart(10)} ${String(brotli).padStart(10)}`);
  console.log(`all of it, without package and playground: ${sum} bytes (at most ${LIMIT})`);
  if (sum > LIMIT) process.exit(1);
}
