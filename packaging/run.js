#!/usr/bin/env node
// Installs the packed package in tiny apps, builds and runs them: see README.md.
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch } from '../tests/browser/helper.js';
import { names, read } from './harness/apps.js';
import { pack } from './harness/pack.js';
import { runApp } from './harness/run-app.js';
import { megabytes } from './harness/size.js';

const USAGE = `usage: packaging/run.js [NAME…] [options]

Without names, all apps run.

  --list          names the apps
  --quick         only those that \`make test\` runs
  --only RUN      only this way of running: dev, build, …
  --keep          leaves what was installed, for the next time
  --tarball FILE  tests this package instead of packing www/lib
  --report FILE   writes a table in Markdown`;

const { values, positionals } = parse();
if (values.help) {
  console.log(USAGE);
} else if (values.list) {
  for (const name of names()) console.log(`${name.padEnd(22)} ${read(name).about}`);
} else {
  const apps = chosen();
  process.exitCode = apps ? await main(apps) : 2;
}

/** The apps that were named, or all; null if one doesn't exist. */
function chosen() {
  try {
    return (positionals.length ? positionals : names()).map(read).filter(({ quick }) => quick || !values.quick);
  } catch (error) {
    console.error(error.message);
    return null;
  }
}

function parse() {
  const flag = /** @type {const} */ ({ type: 'boolean' });
  const text = /** @type {const} */ ({ type: 'string' });
  const options = { list: flag, quick: flag, keep: flag, help: flag, only: text, tarball: text, report: text };
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function main(apps) {
  const cache = join(process.env.GHOSTDET_CACHE ?? join(homedir(), '.cache', 'ghostdet'), 'packaging');
  const tarball = values.tarball ?? packed(cache);
  if (values.report) writeFileSync(values.report, '| app | run | result | output grew by | a visitor loads |\n|---|---|---|---|---|\n');
  let browser;
  let failed = 0;
  for (const app of apps) {
    const folder = join(cache, app.name);
    const tools = { tarball, folder, browser: () => (browser ??= launch()), only: values.only };
    for await (const outcome of runApp(app, tools)) {
      if (outcome.problems.length) failed++;
      console.log(describe(outcome));
      if (values.report) appendFileSync(values.report, row(outcome));
    }
    if (!values.keep) rmSync(folder, { recursive: true, force: true });
  }
  await (await browser)?.close();
  console.log(failed ? `packaging: ${failed} FAILED` : 'packaging: all work');
  return failed ? 1 : 0;
}

function packed(cache) {
  const { tarball, size, unpackedSize, files } = pack(cache);
  console.log(`${tarball}: ${files.length} files, ${megabytes(size)}, unpacked ${megabytes(unpackedSize)}`);
  return tarball;
}

/** @param {import('./harness/run-app.js').Outcome} outcome */
function describe({ app, run, problems, grown, loaded, requests, twice, found }) {
  const lines = [`${problems.length ? 'FAILED' : 'ok    '} ${`${app} ${run}`.padEnd(28)}`];
  if (grown !== undefined) lines[0] += ` output +${megabytes(grown)}`;
  if (loaded !== undefined) lines[0] += ` loaded ${megabytes(loaded)} in ${requests} requests`;
  if (found?.device) lines[0] += ` (${[found.device, found.worker].filter(Boolean).join(', ')})`;
  for (const problem of problems) lines.push(`         ${problem.replaceAll('\n', '\n         ')}`);
  const again = (twice ?? []).filter((address) => /ghostdet/.test(address)).map((address) => address.split('/').at(-1));
  if (again.length) lines.push(`         asked for twice: ${again.join(', ')}`);
  return lines.join('\n');
}

/** @param {import('./harness/run-app.js').Outcome} outcome */
function row({ app, run, problems, grown, loaded }) {
  const result = problems.length ? `fails: ${problems[0].split('\n').slice(0, 3).join(' ').slice(0, 300).replaceAll('|', '\\|')}` : 'works';
  const size = (bytes) => (bytes === undefined ? '' : megabytes(bytes));
  return `| ${app} | ${run} | ${result} | ${size(grown)} | ${size(loaded)} |\n`;
}
