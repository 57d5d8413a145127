// What the npm package in www/lib has from elsewhere in the repository: `npm pack` fills it in before, and clears it away.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lib = join(root, 'www', 'lib');
const fill = process.argv[2] === 'fill';
for (const name of ['weights', 'LICENSE-MIT', 'LICENSE-APACHE']) rmSync(join(lib, name), { recursive: true, force: true });
if (fill) {
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) cpSync(join(root, name), join(lib, name));
  // The default weights, the manifest's first, alone: who wants others names their address.
  const { weights: [first] } = JSON.parse(readFileSync(join(root, 'weights', 'manifest.json'), 'utf8'));
  mkdirSync(join(lib, 'weights'));
  for (const name of [first.file, first.card]) cpSync(join(root, 'weights', name), join(lib, 'weights', name));
  writeFileSync(join(lib, 'weights', 'manifest.json'), JSON.stringify({ weights: [first] }, null, 2));
}
