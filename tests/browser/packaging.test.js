// The package in real apps: those of packaging/ that install quickly. `make packaging` runs all of them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { names, read } from '../../packaging/harness/apps.js';
import { pack } from '../../packaging/harness/pack.js';
import { runApp } from '../../packaging/harness/run-app.js';
import { serveFolder } from '../../packaging/harness/serve.js';
import { megabytes } from '../../packaging/harness/size.js';
import { visit } from '../../packaging/harness/visit.js';
import { launch } from './helper.js';

const cache = mkdtempSync(join(tmpdir(), 'ghostdet-packaging-'));
const { tarball } = pack(cache);
const apps = names().map(read).filter(({ quick }) => quick);
const offline = unreachable();
let browser;
after(async () => {
  await (await browser)?.close();
  rmSync(cache, { recursive: true });
});

/** Why npm's registry can't be asked, if it can't. */
function unreachable() {
  try {
    execFileSync('npm', ['view', 'esbuild', 'name', '--fetch-retries=0', '--fetch-timeout=10000'], { stdio: 'pipe' });
    return false;
  } catch {
    return 'no npm registry answers';
  }
}

test('a visit notes what goes wrong', async () => {
  const folder = join(cache, 'wrong');
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), `<!doctype html><link rel="icon" href="data:,"><img src="missing.jpg"><script type="module">
    console.error('an error');
    console.warn('a warning');
    setTimeout(() => { throw new Error('thrown'); });
    await fetch('http://127.0.0.1:9/elsewhere', { mode: 'no-cors' }).catch(() => {});
    globalThis.packaging = { detections: [{ label: 'person', score: 0.4 }] };
  </script>`);
  const server = await serveFolder(folder, { path: '/below/' });
  const { problems } = await visit(await (browser ??= launch()), server.address);
  server.close();
  for (const expected of [/^console error: an error/, /^console warning: a warning/, /^error in the page: thrown/,
    /^failed request: .*\/below\/missing\.jpg: 404/, /^third-party request: http:\/\/127\.0\.0\.1:9\/elsewhere/, /score is 0\.4, expected 0\.6/]) {
    assert.ok(problems.some((problem) => expected.test(problem)), `${expected}: ${problems.join('\n')}`);
  }
});

for (const app of apps) {
  test(`the package works in ${app.name}: ${app.about}`, { skip: app.installed && offline }, async (t) => {
    for await (const { run, problems, grown, loaded } of runApp(app, { tarball, folder: join(cache, app.name), browser: () => (browser ??= launch()) })) {
      if (grown !== undefined) t.diagnostic(`${run}: the output grew by ${megabytes(grown)}, a visitor loads ${megabytes(loaded)}`);
      assert.deepEqual(problems, [], run);
    }
  });
}
