// Servers for the apps: our static one, and those that the apps bring along.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { digest } from './logs.js';

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.json': 'application/json',
  '.wasm': 'application/wasm', '.jpg': 'image/jpeg', '.png': 'image/png', '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json',
};

/**
 * Serves a folder below `path`. What is outside of the path, or missing, is a 404.
 * @param {string} folder
 * @param {{ path?: string, headers?: Record<string, string> }} [options]
 */
export async function serveFolder(folder, { path = '/', headers = {} } = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const inside = pathname.startsWith(path) ? normalize(decodeURI(pathname.slice(path.length))) : '..';
    const file = join(folder, inside === '.' || inside.endsWith('/') ? `${inside}/index.html` : inside);
    const body = inside.startsWith('..') ? null : await readFile(file).catch(() => null);
    if (!body) return response.writeHead(404, { ...headers, 'content-type': 'text/plain' }).end('not found');
    response.writeHead(200, { ...headers, 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  return {
    address: `http://127.0.0.1:${portOf(server)}${path}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * Runs an npm script that serves on $PORT, and waits until it answers.
 * @param {string} script
 * @param {string} folder
 * @param {Record<string, string | undefined>} env
 * @param {{ path?: string, timeout?: number }} [options]
 */
export async function serveScript(script, folder, env, { path = '/', timeout = 120_000 } = {}) {
  const port = await freePort();
  // A group of its own, so that what the script starts ends with it.
  const server = spawn('npm', ['run', '--silent', script], {
    cwd: folder, env: { ...env, PORT: String(port), HOST: '127.0.0.1' }, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (log = (log + text).slice(-4000)));
  const close = () => {
    try {
      process.kill(-Number(server.pid), 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  const address = `http://127.0.0.1:${port}${path}`;
  const until = Date.now() + timeout;
  // A server that starts may answer with an error first; one that goes on with it shows its error to the visitor.
  let patience = 20;
  for (;;) {
    const answer = await fetch(address, { signal: AbortSignal.timeout(60_000) }).catch(() => null);
    if (answer?.ok || (answer && --patience < 0)) return { address, close, log: () => log };
    if (server.exitCode !== null || Date.now() > until) {
      close();
      const why = server.exitCode === null ? `did not answer at ${path} within ${timeout / 1000} s` : `ended with ${server.exitCode}`;
      throw new Error(`npm run ${script} ${why}: ${digest(log)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function portOf(server) {
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
}
