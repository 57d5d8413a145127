// An app's working copy: its files, the photo, the packed package, and what npm installs.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { packaging, root } from './apps.js';
import { digest } from './logs.js';
import { unpack } from './pack.js';

/** npm takes no version younger than this, so that the packages below the pinned ones stay the same, too. */
export const BEFORE = '2026-11-29';

/** The Node that runs an app which needs a newer one than the runner's. */
const NODE = '22.23.5';

/**
 * Makes an app's working copy in `folder`. Packages that an earlier run left there are used again.
 * @param {import('./apps.js').App} app
 * @param {string} tarball
 * @param {string} folder
 * @returns {Record<string, string>} the environment for its scripts
 */
export function install(app, tarball, folder) {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (name !== 'node_modules') rmSync(join(folder, name), { recursive: true });
  }
  for (const from of app.folders) cpSync(from, folder, { recursive: true });
  writeCode(app, folder, 'detect.js');
  put(join(root, 'www', 'samples', 'astronaut.jpg'), app.photo && join(folder, app.photo));
  const env = environment(app, dirname(folder));
  if (!app.installed) {
    unpack(tarball, join(folder, 'ghostdet'));
    return env;
  }
  const file = basename(tarball);
  copyFileSync(tarball, join(folder, file));
  const { engines, ...manifest } = app.manifest;
  manifest.dependencies = { ...manifest.dependencies, ghostdet: `file:./${file}` };
  const text = JSON.stringify(manifest, null, 2);
  writeFileSync(join(folder, 'package.json'), text);
  const stamp = join(folder, 'node_modules', '.packaging');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== text) {
    rmSync(join(folder, 'node_modules'), { recursive: true, force: true });
    npm(['install'], folder, env);
    writeFileSync(stamp, text);
  } else {
    // What tools remember of an older package with the same version.
    for (const name of ['.vite', '.vite-temp', '.cache', '.astro']) rmSync(join(folder, 'node_modules', name), { recursive: true, force: true });
    unpack(tarball, join(folder, 'node_modules', 'ghostdet'));
  }
  return env;
}

/** Puts the app's code in its place: `detect.js`, or `nothing.js`, which does without the package. */
export function writeCode(app, folder, name) {
  if (!app.code) return;
  const text = readFileSync(join(packaging, 'shared', name), 'utf8');
  mkdirSync(dirname(join(folder, app.code)), { recursive: true });
  writeFileSync(join(folder, app.code), app.entry ? text.replace("'ghostdet'", `'${app.entry}'`) : text);
}

function put(from, to) {
  if (!to) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

function npm(args, folder, env) {
  const all = [...args, `--before=${BEFORE}`, '--no-package-lock', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  try {
    execFileSync('npm', all, { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(`npm ${args.join(' ')}: ${digest(error.stderr || error.message)}`);
  }
}

/** What scripts run with: no telemetry, no questions, and the Node that the app asks for. */
function environment(app, folder) {
  // Tools work in another way where CI is set; people have it not.
  const env = { ...process.env, CI: undefined, NO_COLOR: '1', NEXT_TELEMETRY_DISABLED: '1', NUXT_TELEMETRY_DISABLED: '1',
    ASTRO_TELEMETRY_DISABLED: '1', NG_CLI_ANALYTICS: 'false', DO_NOT_TRACK: '1', npm_config_update_notifier: 'false' };
  const wanted = app.manifest.engines?.node?.match(/^>=(\d+)$/)?.[1];
  if (wanted && Number(process.versions.node.split('.')[0]) < Number(wanted)) {
    env.PATH = `${newerNode(folder, env)}:${env.PATH}`;
  }
  return env;
}

/** The folder of a newer Node, from npm. */
function newerNode(folder, env) {
  const name = `node-${process.platform}-${process.arch}`;
  const at = join(folder, '.node');
  const bin = join(at, 'node_modules', name, 'bin');
  if (!existsSync(join(bin, 'node'))) {
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, 'package.json'), JSON.stringify({ private: true, dependencies: { [name]: NODE } }));
    npm(['install'], at, env);
  }
  return bin;
}
