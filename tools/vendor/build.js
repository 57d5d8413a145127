#!/usr/bin/env node
// Bundles libraries from npm for the page, one file of www/vendor each; that folder is not committed. The page works without
// them: the playground shows a plain text field, and videos are read by seeking. `make demo` runs this where npm is.
import { build } from 'esbuild';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const vendor = join(root, 'www/vendor');

const HEAD = `Third-party code in this folder

The files here are bundles of the npm packages below, without changes to their code. Each package's source is at its address.
The licences follow the list.
`;

/** Bundles one file; returns the npm packages in it. */
async function bundle(name) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(here, name)],
    outfile: join(vendor, name),
    bundle: true,
    format: 'esm',
    minify: true,
    target: 'es2022',
    legalComments: 'eof',
    metafile: true,
    logLevel: 'warning',
  });
  const bytes = readFileSync(join(vendor, name));
  console.log(`www/vendor/${name}: ${(bytes.length / 1000).toFixed(0)} kB, ${(brotliCompressSync(bytes).length / 1000).toFixed(1)} kB after brotli`);
  return Object.keys(metafile.inputs).map((path) => path.match(/^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean);
}

/** What has to be said about a package. */
function notice(name) {
  const folder = join(root, 'node_modules', name);
  const { version, license, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const address = (repository?.url ?? repository ?? '').replace(/^git\+/, '').replace(/\.git$/, '');
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name} has no file with its licence`);
  return { about: `${name} ${version}: ${license}, ${address}`, licence: readFileSync(join(folder, file), 'utf8').trim() };
}

mkdirSync(vendor, { recursive: true });
const packages = (await Promise.all(['editor.js', 'video.js'].map(bundle))).flat();
const notices = [...new Set(packages)].sort().map(notice);
/** Who has which licence. @type {Map<string, string[]>} */
const licences = new Map();
for (const { about, licence } of notices) licences.set(licence, [...(licences.get(licence) ?? []), about.split(':')[0]]);
const texts = [...licences].map(([licence, users]) => `${'-'.repeat(100)}\n${users.join(', ')}\n\n${licence}\n`);
writeFileSync(join(vendor, 'THIRD-PARTY.txt'), [HEAD, `${notices.map(({ about }) => about).join('\n')}\n`, ...texts].join('\n'));
