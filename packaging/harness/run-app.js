// Runs an app in each of its ways.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { install, writeCode } from './install.js';
import { digest } from './logs.js';
import { serveFolder, serveScript } from './serve.js';
import { megabytes, sizeOf } from './size.js';
import { judge, visit } from './visit.js';

/** The most bytes by which an app's output may grow. */
const GROWTH = 5e6;

/**
 * What came out of one run.
 * @typedef {object} Outcome
 * @property {string} app
 * @property {string} run
 * @property {string[]} problems none: it works
 * @property {number} [grown] bytes by which the app's output grew with the package
 * @property {number} [loaded] bytes that a visitor loads
 * @property {number} [requests]
 * @property {string[]} [twice] addresses that were asked for twice
 * @property {any} [found]
 */

/**
 * Installs an app and runs it in all its ways.
 * @param {import('./apps.js').App} app
 * @param {{ tarball: string, folder: string, browser: () => Promise<import('playwright-core').Browser>, only?: string }} tools
 * @returns {AsyncGenerator<Outcome>}
 */
export async function* runApp(app, { tarball, folder, browser, only }) {
  let env;
  try {
    env = install(app, tarball, folder);
  } catch (error) {
    yield { app: app.name, run: 'install', problems: [error.message] };
    return;
  }
  for (const run of app.runs) {
    if (only && only !== run.name) continue;
    const outcome = { app: app.name, run: run.name, problems: [] };
    try {
      Object.assign(outcome, await runOnce(app, run, { tarball, folder, env, browser }));
    } catch (error) {
      outcome.problems.push(error.message);
    }
    yield outcome;
  }
}

async function runOnce(app, run, { folder, env, browser }) {
  if (run.check) {
    await script(run.check, folder, env);
    return {};
  }
  if (run.script) {
    const out = await script(run.script, folder, env);
    const found = JSON.parse(out.trim().split('\n').at(-1) ?? '');
    return { found, problems: judge(found) };
  }
  let grown;
  if (run.build) {
    const output = join(folder, run.output ?? run.static ?? 'dist');
    const clean = () => [output, ...(run.clean ?? []).map((name) => join(folder, name))]
      .forEach((path) => rmSync(path, { recursive: true, force: true }));
    if (app.code) {
      writeCode(app, folder, 'nothing.js');
      clean();
      await script(run.build, folder, env);
      grown = -sizeOf(output);
      writeCode(app, folder, 'detect.js');
    }
    clean();
    await script(run.build, folder, env);
    if (grown !== undefined) grown += sizeOf(output);
  }
  const { found, problems, bytes, requests, twice } = await open(run, { folder, env, browser });
  // A page and its worker share what they fetch. (Dev servers run effects twice: two networks are loaded.)
  const again = run.serve && !run.build ? [] : twice.filter((line) => /\.(bin|wasm|safetensors)\b/.test(line));
  problems.push(...again.map((line) => `asked for more than once: ${line}`));
  if (grown && grown > GROWTH) problems.push(`the output grew by ${megabytes(grown)}, more than ${megabytes(GROWTH)}`);
  return { found, problems, grown, loaded: bytes, requests, twice };
}

/** Serves a run's app and visits it. */
async function open(run, { folder, env, browser }) {
  if (run.file) return visit(await browser(), pathToFileURL(join(folder, run.static ?? 'dist', 'index.html')).href);
  const { path, headers } = run;
  const server = run.serve ? await serveScript(run.serve, folder, env, { path })
    : await serveFolder(join(folder, run.static ?? '.'), { path, headers });
  const cdn = run.cdn ? await serveFolder(join(folder, 'ghostdet'), { headers: { 'access-control-allow-origin': '*' } }) : null;
  try {
    const query = cdn ? `?cdn=${encodeURIComponent(cdn.address)}` : '';
    const seen = await visit(await browser(), server.address + query, { origins: cdn ? [new URL(cdn.address).origin] : [] });
    if (seen.problems.length && 'log' in server) seen.problems.push(`the server says: ${digest(server.log(), 12)}`);
    return seen;
  } finally {
    cdn?.close();
    server.close();
  }
}

/** Runs an npm script to its end; gives what it printed. */
function script(name, folder, env) {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['run', '--silent', name], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let [out, log] = ['', ''];
    child.stdout.on('data', (text) => {
      out += text;
      log += text;
    });
    child.stderr.on('data', (text) => (log += text));
    const timer = setTimeout(() => {
      process.kill(-Number(child.pid), 'SIGKILL');
      log += '\nended after 5 minutes';
    }, 300_000);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(out);
      else reject(new Error(`npm run ${name} failed: ${digest(log)}`));
    });
  });
}
