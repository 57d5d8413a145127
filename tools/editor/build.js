#!/usr/bin/env node
// Bundles the playground's editor: CodeMirror from npm to www/vendor/editor.js, which is not committed. The page works without
// it: it shows a plain text field then. `make demo` runs this where npm is.
import { build } from 'esbuild';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const { metafile } = await build({
  entryPoints: [join(here, 'editor.js')],
  outfile: join(here, '../../www/vendor/editor.js'),
  bundle: true,
  format: 'esm',
  minify: true,
  target: 'es2022',
  legalComments: 'eof',
  metafile: true,
  logLevel: 'warning',
});
const [[file, { bytes }]] = Object.entries(metafile.outputs);
console.log(`${file}: ${(bytes / 1000).toFixed(0)} kB`);
