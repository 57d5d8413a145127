// WebKitGTK's MiniBrowser, driven by WebKitWebDriver, on a screen of Xvfb.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const driver = [process.env.WEBKIT_DRIVER, '/usr/bin/WebKitWebDriver'].find((path) => path && existsSync(path)) ?? null;
const screen = existsSync('/usr/bin/Xvfb') ? '/usr/bin/Xvfb' : null;

/** WebKit's driver, or null where it or a screen is missing. */
export const binary = driver && (screen || process.env.DISPLAY) ? driver : null;

/** A camera that makes up its picture. */
const BROWSER = { 'webkitgtk:browserOptions': { args: ['--automation', '--enable-mock-capture-devices=true', '--enable-media-stream=true'] } };

/** Starts a MiniBrowser with a fresh profile. */
export async function start() {
  const home = mkdtempSync(join(tmpdir(), 'ghostdet-webkit-'));
  const display = screen ? await startScreen() : null;
  const port = await freePort();
  const env = { ...process.env, HOME: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home, LIBGL_ALWAYS_SOFTWARE: '1',
    // Its sandbox needs rights that containers don't give.
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', ...(display && { DISPLAY: display.name }) };
  const server = spawn(String(driver), [`--port=${port}`], { env, stdio: 'ignore', detached: true });
  const close = async () => {
    try {
      process.kill(-Number(server.pid));
    } catch {
      // It has ended already.
    }
    display?.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const { sessionId, capabilities } = await session(port);
    const send = (path, body) => call(port, `session/${sessionId}/${path}`, body);
    await send('timeouts', { script: 60_000, pageLoad: 60_000 });
    return {
      name: `WebKitGTK ${capabilities.browserVersion}`,
      open: (url) => send('url', { url }),
      run: (script, ...args) => send('execute/async', { script, args }),
      close: async () => {
        await fetch(`http://127.0.0.1:${port}/session/${sessionId}`, { method: 'DELETE' }).catch(() => {});
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function session(port) {
  for (const until = Date.now() + 30_000; ; ) {
    try {
      return await call(port, 'session', { capabilities: { alwaysMatch: BROWSER } });
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}

async function call(port, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}/${path}`, { method: 'POST', body: JSON.stringify(body) });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

/** A screen that nobody sees. It chooses its number and writes it to a pipe. */
async function startScreen() {
  const server = spawn(String(screen), ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const number = await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.on('exit', (code) => reject(new Error(`Xvfb ended with ${code}`)));
    server.stdio[3]?.once('data', (text) => resolve(String(text).trim()));
  });
  return { name: `:${number}`, close: () => server.kill() };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
