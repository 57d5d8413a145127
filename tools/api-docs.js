// Writes docs/api.md from the types of the npm package. `--check`: only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'docs', 'api.md');

/** The entries, and what is said of each before its types. */
const FILES = [
  ['index.d.ts', 'ghostdet', 'The same names come from `ghostdet/threads` (with builds for several threads) and `ghostdet/slim` (without files of its own).'],
  ['element.d.ts', 'ghostdet/element', ''],
  ['react.d.ts', 'ghostdet/react', ''],
  ['worker.d.ts', 'ghostdet/worker', ''],
];

const HEAD = `# The API of the npm package

Made from the types by \`node tools/api-docs.js\`; \`make lint\` checks that it is current. How to install and use the package is in its
[README](../www/lib/README.md).
`;

const parts = FILES.map(([file, name, note]) => `\n## ${name}\n${note ? `\n${note}\n` : ''}${declarations(join(root, 'www', 'lib', file))}`);
const text = `${HEAD}${parts.join('')}`;
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('docs/api.md is not what the types say: node tools/api-docs.js');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}

function declarations(path) {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  return source.statements.filter(isShown).map((statement) => describe(statement, source)).join('');
}

function isShown(statement) {
  return !ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement) && !ts.isModuleDeclaration(statement);
}

function describe(statement, source) {
  const lines = [`\n### ${statement.name.text}\n`];
  const said = comment(statement);
  if (said) lines.push(`\n${said}\n`);
  if (ts.isInterfaceDeclaration(statement) || ts.isClassDeclaration(statement)) {
    const base = statement.heritageClauses?.map((clause) => clause.getText(source)).join(' ');
    if (base) lines.push(`\n\`${base}\`\n`);
    const members = statement.members.filter(({ name }) => name || !ts.isConstructorDeclaration).filter((member) => !ts.isConstructorDeclaration(member));
    lines.push(`\n| member | what it is |\n|---|---|\n`, ...members.map((member) => row(member, source)));
  } else {
    lines.push(`\n\`\`\`ts\n${statement.getText(source).replace(/^export (declare )?/, '')}\n\`\`\`\n`);
  }
  return lines.join('');
}

/** A member with its type, and what is said of it. */
function row(member, source) {
  const code = plain(member.getText(source)).replace(/;$/, '').replace(/\s+/g, ' ').replaceAll('|', '\\|');
  return `| \`${code}\` | ${(comment(member) || nested(member)).replace(/\s+/g, ' ').replaceAll('|', '\\|')} |\n`;
}

/** What is said of the parts of a type that is written out. */
function nested(member) {
  const parts = member.type && ts.isTypeLiteralNode(member.type) ? member.type.members : [];
  return parts.filter(comment).map((part) => `\`${part.name.text}\`: ${comment(part)}`).join(' ');
}

/** Code without its comments. */
function plain(code) {
  return code.replace(/\/\*\*[^]*?\*\//g, '').replace(/^export /, '').replace(/\n\s*\n/g, '\n').trim();
}

/** The text of a doc comment; links are written as code. */
function comment(node) {
  const [found] = node.jsDoc ?? [];
  if (!found) return '';
  const text = found.getText().replace(/^\/\*\*|\*\/$/g, '').replace(/^\s*\* ?/gm, '').trim();
  return text.replace(/\{@link ([^}]+)\}/g, '`$1`').replace(/^@deprecated /, 'Deprecated: ').replace(/^@\w+.*$/gm, '').trim();
}
