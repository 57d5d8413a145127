// Builds the npm package's JavaScript and files from www/lib into www/lib/dist. The sources are many modules that import each other,
// which is what a page without a build step wants; bundlers want little: entries that share their code, workers that are one file
// each, and the files beside them.
import { build } from 'esbuild';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packDifference, packWasm, packWeights } from './pack-file.js';

const here = dirname(fileURLToPath(import.meta.url));
const lib = join(here, '..', '..', 'www', 'lib');
const dist = join(lib, 'dist');

/** Entries for pages; those of the package's `exports` whose sources exist. */
const ENTRIES = ['index', 'slim', 'threads', 'element', 'react'];

/** Sources that the built package has in another form. */
const REPLACED = ['files.js', 'thread-files.js', 'glue.js'];

/** The wasm modules, and their files in the package. */
const WASM = {
  'relaxed/ghostdet_wasm_bg.wasm': 'cpu.bin',
  'threads/relaxed/ghostdet_wasm_bg.wasm': 'threads.bin',
  'burn/ghostdet_wasm_burn_bg.wasm': 'burn.bin',
};

/** The builds for browsers without fused multiply-add, which the package has as what differs in them. */
const PLAIN = {
  'ghostdet_wasm_bg.wasm': ['relaxed/ghostdet_wasm_bg.wasm', 'cpu-plain.bin'],
  'threads/ghostdet_wasm_bg.wasm': ['threads/relaxed/ghostdet_wasm_bg.wasm', 'threads-plain.bin'],
};

/** @type {import('esbuild').Plugin} */
const replace = {
  name: 'replace',
  setup({ onLoad }) {
    onLoad({ filter: new RegExp(`[\\\\/]lib[\\\\/](${REPLACED.join('|').replaceAll('.', '\\.')})$`) }, ({ path }) => ({
      contents: readFileSync(join(here, basename(path)), 'utf8'),
      resolveDir: lib,
    }));
  },
};

/** What `ghostdet/inline` holds as text. @type {import('esbuild').Plugin} */
const packed = {
  name: 'packed',
  setup({ onLoad, onResolve }) {
    const texts = {
      'packed:worker': () => readFileSync(join(dist, 'inference-worker.js'), 'utf8'),
      'packed:cpu': () => readFileSync(join(dist, 'pkg', 'cpu.bin'), 'base64'),
      'packed:plain': () => readFileSync(join(dist, 'pkg', 'cpu-plain.bin'), 'base64'),
      'packed:weights': () => readFileSync(join(dist, 'weights', 'yolov5n-ghost-backbone.bin'), 'base64'),
    };
    onResolve({ filter: /^packed:/ }, ({ path }) => ({ path, namespace: 'packed' }));
    onLoad({ filter: /.*/, namespace: 'packed' }, ({ path }) => ({ contents: texts[path](), loader: 'text' }));
    // The entry is here, and imports the sources.
    onResolve({ filter: /^\.\// }, ({ path, importer }) => (dirname(importer) === here ? { path: join(lib, path) } : undefined));
  },
};

/** @type {import('esbuild').BuildOptions} */
const COMMON = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
  outdir: dist,
  external: ['react'],
  // `sideEffects` in the manifest is about what is built here.
  ignoreAnnotations: true,
  plugins: [replace, packed],
};

/** @param {string} weights file of the default weights */
export async function buildPackage(weights) {
  for (const file of [...Object.keys(WASM), ...Object.keys(PLAIN)]) {
    if (!existsSync(join(lib, 'pkg', file))) throw new Error(`www/lib/pkg/${file} is not built: make threads burn`);
  }
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(join(dist, 'pkg'), { recursive: true });
  mkdirSync(join(dist, 'weights'));
  for (const [from, to] of Object.entries(WASM)) packWasm(join(lib, 'pkg', from), join(dist, 'pkg', to));
  for (const [from, [other, to]] of Object.entries(PLAIN)) packDifference(join(lib, 'pkg', other), join(lib, 'pkg', from), join(dist, 'pkg', to));
  packWeights(weights, join(dist, 'weights', 'yolov5n-ghost-backbone.bin'));
  cpSync(weights, join(dist, 'weights', basename(weights)));

  const entries = ENTRIES.filter((name) => existsSync(join(lib, `${name}.js`))).map((name) => join(lib, `${name}.js`));
  await build({ ...COMMON, entryPoints: entries, splitting: true, chunkNames: 'shared-[hash]' });
  await build({ ...COMMON, entryPoints: [join(lib, 'worker.js')] });
  // What is started as a worker: no module, so that nothing has to know that it is one.
  const workers = { 'inference-worker': join(lib, 'worker.js'), 'pool-worker': join(lib, 'pool-worker.js') };
  await build({ ...COMMON, entryPoints: workers, format: 'iife', minify: true });
  await build({ ...COMMON, entryPoints: [join(here, 'inline.js')] });

  for (const name of [...entries.map((path) => basename(path, '.js')), 'worker']) {
    cpSync(join(lib, `${name}.d.ts`), join(dist, `${name}.d.ts`));
  }
  writeFileSync(join(dist, 'inline.d.ts'), "export * from './index.js';\n");
}
