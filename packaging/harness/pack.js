// The package as `npm publish` would upload it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './apps.js';

/**
 * Packs www/lib.
 * @param {string} folder where the tarball goes
 * @returns {{ tarball: string, size: number, unpackedSize: number, files: { path: string, size: number }[] }}
 */
export function pack(folder) {
  mkdirSync(folder, { recursive: true });
  const out = execFileSync('npm', ['pack', join(root, 'www', 'lib'), '--pack-destination', folder, '--json'], { encoding: 'utf8', stdio: 'pipe' });
  const [{ filename, size, unpackedSize, files }] = JSON.parse(out.slice(out.search(/^\[/m)));
  return { tarball: join(folder, filename), size, unpackedSize, files };
}

/** Unpacks the tarball as `folder`. */
export function unpack(tarball, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1']);
}
