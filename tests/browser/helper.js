// A browser on the served page.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const shared = process.env.GHOSTDET_SHARED ?? join(root, '..', 'shared');

/** The page's weights, or null where they are not in the checkout yet. */
export function weights() {
  const name = 'yolov5n-ghost-backbone.safetensors';
  return [join(root, 'weights', name), join(shared, 'weights', name)].find((path) => existsSync(path)) ?? null;
}

/** The served page and the browser, while the tests of a file run that called `withPage`. */
export let server;
export let browser;

/**
 * Serves the page and starts a browser before the tests of a file, and ends both after them. `begin` follows the start, `end` comes
 * before the end: hooks of a file's own would not wait for these.
 */
export function withPage(begin = async () => {}, end = async () => {}) {
  before(async () => {
    server = await serve();
    browser = await launch();
    await begin();
  });
  after(async () => {
    await end();
    await browser?.close();
    server?.close();
  });
}

/** Serves the page on a free port with the project's own server; another folder must look like the repository. */
export async function serve(folder = root) {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  const server = spawn(join(target, 'release', 'xtask'), ['serve', '0'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const address = await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    server.stdout.once('data', (text) => resolve(String(text).trim()));
  });
  return { address, close: () => server.kill() };
}

/** Chromium with a fake camera, that everybody may use; `askForCamera`: only those who were granted the permission. */
export function launch({ askForCamera = false } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync',
      '--disable-component-update', '--enable-unsafe-webgpu', '--use-fake-device-for-media-stream',
      ...(askForCamera ? [] : ['--use-fake-ui-for-media-stream']),
      `--use-file-for-fake-video-capture=${fakeCamera()}`,
    ],
  });
}

/** A small video: a light square moves over grey. */
function fakeCamera(width = 320, height = 240, frames = 20) {
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420\n`)];
  for (let frame = 0; frame < frames; frame++) {
    const luma = Buffer.alloc(width * height, 90);
    for (let y = 80; y < 160; y++) luma.fill(220, y * width + frame * 8, y * width + frame * 8 + 80);
    parts.push(Buffer.from('FRAME\n'), luma, Buffer.alloc((width * height) / 2, 128));
  }
  const path = join(mkdtempSync(join(tmpdir(), 'ghostdet-')), 'camera.y4m');
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

/**
 * A page that notes its own errors; weights that don't ship are answered with the default ones. There is no service worker unless
 * `serviceWorkers: 'allow'` asks for it.
 */
export async function open(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', serviceWorkers: 'block', ...options });
  await context.grantPermissions(['camera'], { origin: address.replace(/\/$/, '') });
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  const file = weights();
  await page.route('**/weights/*.safetensors', (route) => {
    const shipped = existsSync(join(root, 'weights', basename(new URL(route.request().url()).pathname)));
    return shipped || !file ? route.continue() : route.fulfill({ path: file });
  });
  await page.goto(address);
  return page;
}

/** Drops a file on the page as from a desktop. */
export async function drop(page, name, bytes, type = '') {
  const data = await page.evaluateHandle(
    ([name, type, text]) => {
      const transfer = new DataTransfer();
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
      return transfer;
    },
    [name, type, bytes.toString('base64')],
  );
  await page.dispatchEvent('body', 'drop', { dataTransfer: data });
}
