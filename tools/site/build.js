#!/usr/bin/env node
// Builds the page for a static server: `node tools/site/build.js FOLDER`. The sources are many small modules; a visitor gets few and
// small files: the page with Detect and the package, one file for each other view, one for each worker. What lies in `assets` has its
// hash in its name, so that it may be cached for ever.
import { build, transform } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Assets } from './assets.js';
import { COMMON, ENTRIES, importPage, root } from './options.js';

const www = join(root, 'www');

/** What is served as it is. */
const COPIED = ['icons', 'icon.svg', 'manifest.webmanifest', 'samples'];

/** What the page does without where it is not built. */
const MISSED = [['lib/pkg/burn', 'WebGPU (make burn)'], ['lib/pkg/threads', 'threads (make threads)'], ['vendor/editor.js', 'the libraries of the page (make vendor)']];

/** For hosts that read headers from the file `_headers` (Netlify, Cloudflare Pages). */
const HEADERS = `/assets/*
  Cache-Control: public, max-age=31536000, immutable
/*
  X-Content-Type-Options: nosniff
`;
/** A page that is isolated asks for the module with threads first. */
const ISOLATION = `  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
`;

/**
 * @param {string} site the folder; what else is in it stays
 * @param {{ change?: (text: string, path: string) => string }} [options] `change`: changes a source, as tests do
 */
export async function buildSite(site, { change = (text) => text } = {}) {
  if (!existsSync(join(www, 'lib', 'pkg', 'relaxed'))) throw new Error('the wasm module is not built: make wasm');
  for (const [path, what] of MISSED) if (!existsSync(join(www, path))) console.log(`The site is built without ${what}.`);
  const out = join(site, 'assets');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const assets = new Assets(www, site);

  /** Bundles; notes where the outputs are. */
  const bundle = async (/** @type {Record<string, string>} */ entryPoints, /** @type {import('esbuild').Plugin} */ plugin, splitting = false) => {
    const { metafile } = await build({ ...COMMON, entryPoints, outdir: out, splitting, metafile: true, absWorkingDir: root, plugins: [plugin] });
    for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) if (entryPoint) assets.know(join(root, entryPoint), `assets/${basename(path)}`);
    return metafile;
  };
  // First what the others name: the JavaScript of the wasm modules, then the workers, each of them one file.
  await bundle(assets.glue, assets.plugin());
  for (const [file, module] of [['worker', 'cpu'], ['pool-worker', 'threads']]) {
    await bundle({ [file]: join(www, 'lib', `${file}.js`) }, assets.plugin({ module }));
  }
  const metafile = await bundle(ENTRIES, assets.plugin({ change: (text, path) => importPage(change(text, path), path) }), true);
  // The entry itself is a line that imports what the others share with it: the page.
  const [entry, { imports }] = outputOf(metafile, ENTRIES.main);
  const shared = imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => basename(path));
  if (shared.length !== 1) throw new Error(`the page is in ${shared.length} files: ${shared.join(', ')}`);
  rmSync(join(root, entry));
  const css = assets.write('page.css', await styles(['page', 'detect']));
  writeFileSync(join(site, 'index.html'), html(css, `assets/${shared[0]}`));

  for (const name of COPIED) cpSync(join(www, name), join(site, name), { recursive: true });
  cpSync(join(root, 'weights'), join(site, 'lib', 'weights'), { recursive: true });
  cpSync(join(root, 'configs'), join(site, 'configs'), { recursive: true });
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) cpSync(join(root, name), join(site, name));
  writeFileSync(join(site, 'THIRD-PARTY.txt'), thirdParty());
  const { code } = await transform(readFileSync(join(www, 'sw.js'), 'utf8'), { minify: true, target: COMMON.target });
  writeFileSync(join(site, 'sw.js'), code);
  writeFileSync(join(site, '_headers'), existsSync(join(www, 'lib', 'pkg', 'threads')) ? HEADERS + ISOLATION : HEADERS);
  return metafile;
}

/** The output of an entry, by the entry's path. */
function outputOf(metafile, /** @type {string} */ entry) {
  return Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === entry);
}

/** Style sheets as one. */
async function styles(/** @type {string[]} */ names) {
  const text = names.map((name) => readFileSync(join(www, 'css', `${name}.css`), 'utf8')).join('\n');
  return (await transform(text, { loader: 'css', minify: true, target: COMMON.target })).code;
}

/** Whose code the site holds besides ours. */
function thirdParty() {
  const modules = execFileSync(process.execPath, [join(root, 'tools', 'third-party.js')], { encoding: 'utf8' });
  const bundles = join(www, 'vendor', 'THIRD-PARTY.txt');
  return existsSync(bundles) ? `${modules}\n${'='.repeat(100)}\n${readFileSync(bundles, 'utf8').replace('The files here', 'The libraries of the page')}` : modules;
}

/** The page's HTML with the built files in place of the sources. */
function html(/** @type {string} */ css, /** @type {string} */ script) {
  const source = readFileSync(join(www, 'index.html'), 'utf8');
  const lines = source.split('\n').filter((line) => !/<link rel="(stylesheet|modulepreload)"|<script /.test(line));
  const at = lines.indexOf('</head>');
  if (at < 0 || source.split('\n').length - lines.length < 3) throw new Error('www/index.html names its scripts and style sheets otherwise than expected');
  lines.splice(at, 0, `  <link rel="stylesheet" href="${css}">`, `  <script type="module" src="${script}"></script>`);
  return lines.join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [site] = process.argv.slice(2);
  if (!site) throw new Error('usage: node tools/site/build.js FOLDER');
  await buildSite(site);
}
