// What the npm package in www/lib has from elsewhere, and what is built for it: `npm pack` makes it before, and clears it away.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lib = join(root, 'www', 'lib');
const { exports } = JSON.parse(readFileSync(join(lib, 'package.json'), 'utf8'));

/** The entries beside the first one: "slim", … */
const entries = Object.keys(exports).filter((name) => exports[name].types && name !== '.').map((name) => name.slice(2));

for (const name of ['dist', 'LICENSE-MIT', 'LICENSE-APACHE', 'THIRD-PARTY.txt', ...entries]) rmSync(join(lib, name), { recursive: true, force: true });
if (process.argv[2] === 'fill') await fill();

async function fill() {
  const { buildPackage } = await import('./package/build.js').catch((error) => {
    throw new Error(`npm-package: ${error.message}; \`npm ci\` in the repository installs what builds the package`);
  });
  // The default weights, the manifest's first, alone: who wants others names their address.
  const { weights: [first] } = JSON.parse(readFileSync(join(root, 'weights', 'manifest.json'), 'utf8'));
  await buildPackage(join(root, 'weights', first.file));
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) cpSync(join(root, name), join(lib, name));
  cpSync(join(root, 'weights', first.card), join(lib, 'dist', 'weights', first.card));
  // Whose code the wasm modules hold.
  writeFileSync(join(lib, 'THIRD-PARTY.txt'), execFileSync(process.execPath, [join(root, 'tools', 'third-party.js')]));
  // Parcel 2 does not read `exports` unless it is told to: there it finds the entries by folders of their names.
  for (const name of entries) {
    mkdirSync(join(lib, name));
    const [main, types] = [exports[`./${name}`].default, exports[`./${name}`].types].map((path) => `.${path}`);
    writeFileSync(join(lib, name, 'package.json'), `${JSON.stringify({ type: 'module', main, types, sideEffects: true })}\n`);
  }
}
