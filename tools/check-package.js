// Checks the npm package: its size, that packing it twice gives the same bytes, and what publint and attw say about it.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digest } from '../packaging/harness/logs.js';
import { pack } from '../packaging/harness/pack.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What the package may weigh, in bytes, and how many files it may have. Raise a limit only for something that is worth it. */
const BUDGET = { size: 11_500_000, unpackedSize: 13_600_000, files: 45 };

/** The checkers, pinned. */
const PUBLINT = 'publint@0.3.25';
const ATTW = '@arethetypeswrong/cli@0.18.5';

if (!existsSync(join(root, 'www', 'lib', 'pkg', 'burn'))) {
  console.log('check-package: skipped, the wasm modules are not built (make threads burn)');
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'ghostdet-package-'));
try {
  process.exitCode = check() ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

function check() {
  const first = pack(join(folder, 'first'));
  const second = pack(join(folder, 'second'));
  const [sha, again] = [first, second].map(({ tarball }) => createHash('sha256').update(readFileSync(tarball)).digest('hex'));
  const { size, unpackedSize, files } = first;
  console.log(`check-package: ${size} bytes, unpacked ${unpackedSize}, ${files.length} files, SHA-256 ${sha}`);
  const faults = [];
  if (sha !== again) faults.push(`packed twice, the package differs: ${sha} and ${again}`);
  for (const [what, is] of Object.entries({ size, unpackedSize, files: files.length })) {
    if (is > BUDGET[what]) faults.push(`${what} is ${is}, more than the ${BUDGET[what]} in tools/check-package.js`);
  }
  if (offline()) console.log('check-package: publint and attw are skipped, no npm registry answers');
  else {
    if (!tool(PUBLINT, 'publint', ['run', '--strict', first.tarball])) faults.push('publint has complaints');
    if (!tool(ATTW, 'attw', [first.tarball, '--profile', 'esm-only', '--format', 'ascii'])) faults.push('attw has complaints');
  }
  for (const fault of faults) console.log(`check-package: ${fault}`);
  return !faults.length;
}

function offline() {
  const asked = spawnSync('npm', ['view', PUBLINT, 'name', '--fetch-retries=0', '--fetch-timeout=10000'], { stdio: 'ignore' });
  return asked.status !== 0;
}

/** Runs a command of an npm package. */
function tool(name, command, args) {
  try {
    execFileSync('npm', ['exec', '--yes', `--package=${name}`, '--', command, ...args], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
    return true;
  } catch (error) {
    console.log(digest(`${error.stdout}${error.stderr}`));
    return false;
  }
}
