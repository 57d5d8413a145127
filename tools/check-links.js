// Checks the Markdown files: relative links, and paths in backticks that name files of the repository, must exist.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' }).split('\n').filter(Boolean);
const folders = new Set(['', ...tracked.flatMap((file) => file.split('/').slice(0, -1).map((_, i, all) => all.slice(0, i + 1).join('/')))]);
const files = new Set(tracked.filter((file) => existsSync(file)));
const known = (path) => files.has(path) || folders.has(path.replace(/\/$/, ''));
/** What builds make: named in texts, not tracked. */
const built = /^(www\/(lib\/(pkg|weights)|vendor)|target|dist|node_modules)(\/|$)/;
/** Folders whose files are named by their path from the root. */
const rooted = /^(src|crates|www|tests|tools|benches|configs|weights|docs|examples|\.ci|\.github)\/[\w./-]+$/;

let checked = 0;
const missing = [];
for (const file of tracked.filter((name) => name.endsWith('.md') && existsSync(name))) {
  const text = readFileSync(file, 'utf8');
  const targets = [];
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^([a-z]+:|#)/.test(target)) continue;
    targets.push(normalize(join(dirname(file), target.split('#')[0])));
  }
  for (const [, code] of text.matchAll(/`([^`\n]+)`/g)) if (rooted.test(code)) targets.push(code);
  for (const target of targets) {
    checked++;
    // The package's README stands where `npm pack` puts weights beside it.
    if (!known(target) && !built.test(target)) missing.push(`${file}: ${target}`);
  }
}
console.log(`check-links: ${checked} links and paths`);
if (missing.length > 0) {
  console.error(`check-links: not there:\n  ${missing.join('\n  ')}`);
  process.exit(1);
}
