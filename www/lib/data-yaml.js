// What a data set's `data.yaml` says of names and of the pictures to validate on. A reader of these two alone, a few lines long: a
// YAML library would weigh more than all that is around it.
import { GhostdetError } from './errors.js';

/**
 * @param {string} text
 * @returns {{ names: string[], val: string[] }} class names by number; folders and lists as written
 */
export function readDataYaml(text) {
  const lines = text.split('\n');
  const names = value(lines, 'names');
  const nc = Number(value(lines, 'nc')?.[0]?.[1]);
  if (!names?.length && !(nc > 0 && nc < 1e5)) throw new GhostdetError('data', 'it names no classes: `names: [cat, dog]` or `names:` and a line for each');
  const list = [];
  for (const [index, [key, name]] of (names ?? []).entries()) {
    const at = key === '' ? index : Number(key);
    if (!Number.isInteger(at) || at < 0 || at > 1e5) throw new GhostdetError('data', `names: ${key} is not a class number`);
    list[at] = name;
  }
  const all = names?.length ? list : Array.from({ length: nc });
  return {
    names: Array.from(all, (name, index) => name ?? `class${index}`),
    val: (value(lines, 'val') ?? []).map(([, one]) => one).filter(Boolean),
  };
}

/**
 * The value of a key at the margin as pairs of key and text: keys of a mapping, empty ones of a list or a single value. Undefined
 * where the key is missing.
 * @param {string[]} lines
 * @param {string} key
 * @returns {[string, string][] | undefined}
 */
function value(lines, key) {
  const at = lines.findIndex((line) => new RegExp(`^["']?${key}["']?\\s*:`).test(line));
  if (at < 0) return undefined;
  const inner = [];
  for (const line of lines.slice(at + 1)) {
    // A list may stand at the margin, too.
    if (/^[^\s#\-\]}]/.test(line)) break;
    inner.push(plain(line));
  }
  const first = plain(lines[at].replace(/^[^:]*:/, '')).trim();
  if (/^[[{]/.test(first)) {
    const flow = [first, ...inner].join(' ').trim();
    const end = flow.lastIndexOf(flow[0] === '[' ? ']' : '}');
    return pieces(flow.slice(1, end < 0 ? undefined : end)).map((piece) => (flow[0] === '{' ? pair(piece) : ['', unquoted(piece)]));
  }
  if (first) return unquoted(first).split(key === 'names' ? ',' : '\n').map((one) => ['', one.trim()]);
  const rows = inner.map((line) => line.trim()).filter(Boolean);
  return rows.map((row) => (/^-(\s|$)/.test(row) ? ['', unquoted(row.slice(1))] : pair(row)));
}

/** A line without its comment. */
function plain(/** @type {string} */ line) {
  return /^((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^"'#]|(?<!\s)#|(?<=\w)['"])*)/.exec(line.replace(/^\s*#.*/, ''))?.[1] ?? '';
}

/** The parts between commas; those in quotes keep theirs. */
function pieces(/** @type {string} */ flow) {
  const found = flow.match(/(?:\s*"(?:[^"\\]|\\.)*"|\s*'(?:[^']|'')*'|[^,"']|(?<=\w)['"])+/g) ?? [];
  return found.map((piece) => piece.trim()).filter(Boolean);
}

/** @returns {[string, string]} */
function pair(/** @type {string} */ text) {
  const [, key = '', rest = ''] = /^("[^"]*"|'[^']*'|[^:]*):(?:\s+|$)(.*)$/s.exec(text) ?? [];
  return [unquoted(key), unquoted(rest)];
}

function unquoted(/** @type {string} */ text) {
  const inner = text.trim();
  if (/^".*"$/s.test(inner)) return inner.slice(1, -1).replace(/\\(.)/g, '$1');
  return /^'.*'$/s.test(inner) ? inner.slice(1, -1).replaceAll("''", "'") : inner;
}
