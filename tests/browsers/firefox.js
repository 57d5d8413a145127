// Firefox, driven by its own remote protocol, Marionette: WebDriver's commands as JSON over a socket. It needs no geckodriver.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Firefox is, or null. FIREFOX names another one. */
export const binary = [process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox'].find((path) => path && existsSync(path)) ?? null;

/** Starts a headless Firefox with a fresh profile and a camera that makes up its picture. */
export async function start() {
  const profile = mkdtempSync(join(tmpdir(), 'ghostdet-firefox-'));
  // Port 0: the system chooses one, and Firefox writes it into its profile.
  const settings = { 'marionette.port': 0, 'app.update.enabled': false, 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true };
  writeFileSync(join(profile, 'user.js'), Object.entries(settings).map(([key, value]) => `user_pref("${key}", ${value});\n`).join(''));
  const browser = spawn(String(binary), ['--headless', '--marionette', '--no-remote', '--profile', profile, 'about:blank'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => browser.on('exit', resolve));
  const socket = await connection(join(profile, 'MarionetteActivePort'), browser);
  const send = commands(socket);
  const { capabilities } = await send('WebDriver:NewSession', { strictFileInteractability: true });
  return {
    name: `Firefox ${capabilities.browserVersion}`,
    open: (url) => send('WebDriver:Navigate', { url }),
    run: async (script, ...args) => (await send('WebDriver:ExecuteAsyncScript', { script, args, scriptTimeout: 60_000 })).value,
    close: async () => {
      socket.destroy();
      browser.kill();
      await ended;
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

async function connection(file, browser) {
  for (const until = Date.now() + 60_000; Date.now() < until && browser.exitCode === null; ) {
    const port = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    const socket = port ? connect(port, '127.0.0.1') : null;
    if (socket && (await new Promise((resolve) => socket.once('connect', () => resolve(true)).once('error', () => resolve(false))))) return socket;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  browser.kill();
  throw new Error(`${binary} opened no port for Marionette within 60 s`);
}

/** Sends a command and gives its result. Messages are "LENGTH:JSON" in both directions. */
function commands(socket) {
  const waiting = new Map();
  let buffer = Buffer.alloc(0);
  let last = 0;
  socket.on('data', (bytes) => {
    buffer = Buffer.concat([buffer, bytes]);
    for (;;) {
      const colon = buffer.indexOf(':');
      const length = Number(buffer.subarray(0, colon));
      if (colon < 0 || buffer.length < colon + 1 + length) return;
      const message = JSON.parse(buffer.subarray(colon + 1, colon + 1 + length).toString());
      buffer = buffer.subarray(colon + 1 + length);
      // The first message tells the protocol's version; it answers nothing.
      if (!Array.isArray(message)) continue;
      const [, id, error, result] = message;
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (error) reject(new Error(`${error.error}: ${error.message}`));
      else resolve(result);
    }
  });
  socket.on('close', () => waiting.forEach(({ reject }) => reject(new Error('Firefox closed the connection'))));
  return (name, parameters) => new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    const text = JSON.stringify([0, last, name, parameters]);
    socket.write(`${Buffer.byteLength(text)}:${text}`);
  });
}
