// Prints the list of other people's code inside the wasm modules, with its licences: what the npm package ships as THIRD-PARTY.txt.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const MODULES = ['ghostdet-wasm', 'ghostdet-wasm-burn'];
const TARGET = 'wasm32-unknown-unknown';
const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)/i;

const HEAD = `Third-party code in the WebAssembly modules of ghostdet

The modules in pkg/ are compiled from ghostdet's own code, from Rust's standard library (MIT OR Apache-2.0,
https://github.com/rust-lang/rust) and from the crates below. Where a crate offers several licences, ghostdet takes it under the
MIT licence if that is one of them. The texts follow the list.
`;

/**
 * The crates that a module is linked from.
 * @param {string} name
 * @returns {{ name: string, version: string, licence: string, address: string }[]}
 */
function crates(name) {
  const args = ['tree', '--locked', '-p', name, '--target', TARGET, '-e', 'normal,no-proc-macro', '--prefix', 'none', '--format', '{p}|{l}|{r}'];
  const lines = execFileSync('cargo', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim().split('\n');
  return lines.map((line) => line.replace(/ \(\*\)$/, '').split('|'))
    // Our own crates come with their folder.
    .filter(([crate]) => !crate.includes('('))
    .map(([crate, licence, address]) => ({ name: crate.split(' v')[0], version: crate.split(' v')[1], licence, address }));
}

/** The texts of a crate's licence, from its source. */
function texts({ name, version, licence }) {
  const registry = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry', 'src');
  const sources = existsSync(registry) ? readdirSync(registry).map((index) => join(registry, index, `${name}-${version}`)) : [];
  const source = sources.find((folder) => existsSync(folder));
  if (!source) throw new Error(`third-party: the source of ${name} ${version} is not in ${registry}; \`cargo fetch\` gets it`);
  const files = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name)).map((entry) => entry.name);
  const chosen = / and /i.test(licence) ? [] : files.filter((file) => /mit/i.test(file));
  return (chosen.length ? chosen : files).map((file) => readFileSync(join(source, file), 'utf8').replaceAll('\r', '').trim());
}

const byName = new Map(MODULES.flatMap(crates).map((crate) => [`${crate.name} ${crate.version}`, crate]));
const all = [...byName.values()].sort((a, b) => (a.name === b.name ? a.version.localeCompare(b.version) : a.name < b.name ? -1 : 1));
/** Who uses which text. @type {Map<string, { text: string, users: string[] }>} */
const notices = new Map();
for (const crate of all) {
  for (const text of texts(crate)) {
    const key = text.replace(/\s+/g, ' ');
    const notice = notices.get(key) ?? { text, users: [] };
    notice.users.push(`${crate.name} ${crate.version}`);
    notices.set(key, notice);
  }
}
console.log(HEAD);
for (const { name, version, licence, address } of all) console.log(`${name} ${version}: ${licence || 'see its text'}${address ? `, ${address}` : ''}`);
for (const { text, users } of notices.values()) console.log(`\n${'-'.repeat(100)}\n${users.join(', ')}\n\n${text}`);
