// What the benches share: a server of the page's, the peer's and the benches' files, and a Chromium.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '..', '..');
const types = {
  '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm',
  '.json': 'application/json',
};

/** LiteRT.js imports its loader by the package's name. */
const imports = JSON.stringify({ imports: { '@litertjs/wasm-utils': '/litert/wasm-utils/dist/index.js' } });

/** With these the browser's clock has steps of 5 microseconds instead of 100. */
const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/**
 * Serves the folders on a free port; `/` is an empty page with the module `script`.
 * @param {string} script
 * @param {string} onnx the folder with the peer's networks
 */
export async function serve(script, onnx) {
  const folders = {
    '/ghostdet/': join(root, 'www'),
    '/weights/': join(root, 'weights'),
    '/ort/': join(here, '..', 'node_modules', 'onnxruntime-web', 'dist'),
    '/tfjs/': join(here, '..', 'node_modules', '@tensorflow'),
    '/litert/': join(here, '..', 'node_modules', '@litertjs'),
    '/onnx/': onnx,
    '/bench/': here,
  };
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    const prefix = Object.keys(folders).find((prefix) => path.startsWith(prefix));
    try {
      if (path === '/') {
        const scripts = `<script type="importmap">${imports}</script><script type="module" src="/bench/${script}"></script>`;
        response.writeHead(200, { 'content-type': 'text/html', ...isolated }).end(`<!doctype html><body>${scripts}`);
        return;
      }
      const body = await readFile(join(folders[prefix], path.slice(prefix.length)));
      const type = types[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'cache-control': 'max-age=3600', ...isolated }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync',
      '--disable-component-update', '--enable-unsafe-webgpu',
    ],
  });
