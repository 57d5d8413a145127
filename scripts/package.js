// What the npm package in www/lib has from elsewhere in the repository: `npm pack` fills it in before, and clears it away.
import { cpSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
for (const name of ['weights', 'LICENSE-MIT', 'LICENSE-APACHE']) {
  const there = join(root, 'www', 'lib', name);
  rmSync(there, { recursive: true, force: true });
  if (process.argv[2] === 'fill') cpSync(join(root, name), there, { recursive: true });
}
