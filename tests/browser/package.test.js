// The npm package as somebody else gets it: packed, unpacked into node_modules, used as the README says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { after, before, test } from 'node:test';
import { apply, unpack } from '../../www/lib/packed.js';
import { launch, root } from './helper.js';

const folder = mkdtempSync(join(tmpdir(), 'ghostdet-package-'));
let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** Any static server will do: this one knows four types. */
async function serve() {
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm', '.jpg': 'image/jpeg' };
  const missing = [];
  const server = createServer((request, response) => {
    const path = normalize(decodeURI(new URL(request.url, 'http://localhost').pathname));
    try {
      const body = readFileSync(join(folder, path));
      response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' }).end(body);
    } catch {
      missing.push(path);
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { address: `http://127.0.0.1:${port}`, missing, close: () => server.close() };
}

/** The README's example in JavaScript, to the letter. */
function example() {
  const block = readFileSync(join(root, 'README.md'), 'utf8').match(/```js\n([^]*?)```/);
  return block?.[1].trim() ?? '';
}

test('the packed package finds objects as the README says', async (t) => {
  const pack = ['pack', join(root, 'www', 'lib'), '--pack-destination', folder, '--json'];
  const out = execFileSync('npm', pack, { encoding: 'utf8', stdio: 'pipe' });
  const [{ filename, files, size }] = JSON.parse(out.slice(out.indexOf('[')));
  const names = files.map(({ path }) => path);
  t.diagnostic(`${filename}: ${names.length} files, ${Math.round(size / 1000)} kB`);
  for (const name of ['dist/index.js', 'dist/index.d.ts', 'dist/slim.js', 'dist/threads.js', 'dist/inline.js', 'dist/worker.js', 'dist/inference-worker.js',
    'dist/pool-worker.js', 'dist/pkg/cpu.bin', 'dist/pkg/cpu-plain.bin', 'dist/pkg/burn.bin', 'dist/pkg/threads.bin',
    'dist/weights/yolov5n-ghost-backbone.bin', 'dist/weights/yolov5n-ghost-backbone.safetensors', 'dist/weights/yolov5n-ghost-backbone.md',
    'README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'THIRD-PARTY.txt']) {
    assert.ok(names.includes(name), `${name} is not in the package`);
  }
  const installed = join(folder, 'node_modules', 'ghostdet');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1']);

  copyFileSync(join(root, 'www', 'samples', 'cat.jpg'), join(folder, 'cat.jpg'));
  const code = example();
  assert.match(code, /^import \{ Detector/);
  writeFileSync(join(folder, 'index.html'), `<!doctype html>
<script type="importmap">{ "imports": { "ghostdet": "./node_modules/ghostdet/dist/index.js" } }</script>
<img src="cat.jpg">
<script type="module">
  const [imageElement, videoElement] = [document.querySelector('img'), document.createElement('video')];
  Object.defineProperty(videoElement, 'ended', { value: true });
  ${code}
  globalThis.found = { detections, device: detector.info.device };
</script>`);
  const server = await serve();
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`${server.address}/index.html`);
  await page.waitForFunction(() => globalThis.found, null, { timeout: 60_000 }).catch((error) => errors.push(String(error)));
  assert.deepEqual(errors, []);
  const { detections, device } = await page.evaluate(() => globalThis.found);
  t.diagnostic(`${device.kind}: ${detections.map(({ label, score }) => `${label} ${score.toFixed(2)}`).join(', ')}`);
  assert.ok(detections.some(({ label }) => label === 'cat'), JSON.stringify(detections));
  assert.deepEqual(server.missing.filter((path) => path !== '/favicon.ico'), []);
  await page.close();
  server.close();
});

test('what the package has made smaller comes out as it was', async () => {
  const installed = join(folder, 'node_modules', 'ghostdet', 'dist');
  const file = (path) => unpack(Uint8Array.from(readFileSync(join(installed, path))).buffer);
  const same = (bytes, path) => assert.ok(Buffer.from(bytes).equals(readFileSync(join(root, path))), path);
  const relaxed = await file('pkg/cpu.bin');
  same(relaxed, 'www/lib/pkg/relaxed/ghostdet_wasm_bg.wasm');
  same(apply(relaxed, await file('pkg/cpu-plain.bin')), 'www/lib/pkg/ghostdet_wasm_bg.wasm');
  same(apply(await file('pkg/threads.bin'), await file('pkg/threads-plain.bin')), 'www/lib/pkg/threads/ghostdet_wasm_bg.wasm');
  same(await file('pkg/burn.bin'), 'www/lib/pkg/burn/ghostdet_wasm_burn_bg.wasm');
  same(await file('weights/yolov5n-ghost-backbone.bin'), 'weights/yolov5n-ghost-backbone.safetensors');
});
