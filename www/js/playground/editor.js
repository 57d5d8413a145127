// The field for the YAML: CodeMirror where it was bundled (tools/vendor), else a plain field with line numbers.

/** A configuration is at most so long, in characters: the core reads no more. */
export const MAX_LENGTH = 64 * 1024;

/**
 * @typedef {object} Editor
 * @property {string} text
 * @property {(problem: { line: number, column: number, message: string } | null) => void} error shows an error at its place
 * @property {(lines: number[]) => void} marks lines that stand out, from 1
 * @property {(line: number, column?: number) => void} go
 */

/**
 * @param {HTMLElement} parent
 * @param {{ text: string, label: string, onChange: (text: string) => void, onTooLong: () => void }} options
 * @returns {Promise<Editor>}
 */
export async function createEditor(parent, options) {
  const vendor = new URL('../../vendor/editor.js', import.meta.url);
  const module = await import(vendor.href).catch(() => null);
  parent.dataset.editor = module ? 'codemirror' : 'plain';
  return module ? module.create(parent, { ...options, maxLength: MAX_LENGTH }) : plain(parent, options);
}

/**
 * @param {HTMLElement} parent
 * @param {{ text: string, label: string, onChange: (text: string) => void, onTooLong: () => void }} options
 * @returns {Editor}
 */
function plain(parent, { text, label, onChange, onTooLong }) {
  const field = document.createElement('textarea');
  field.value = text;
  field.spellcheck = false;
  field.wrap = 'off';
  field.setAttribute('aria-label', label);
  const numbers = document.createElement('ol');
  numbers.setAttribute('aria-hidden', 'true');
  const gutter = document.createElement('div');
  gutter.className = 'gutter';
  gutter.append(numbers);
  parent.append(gutter, field);
  /** @type {Set<number>} */
  let marked = new Set();
  let wrong = 0;
  let last = text;
  const write = () => {
    const count = field.value.split('\n').length;
    while (numbers.childElementCount > count) numbers.lastElementChild.remove();
    while (numbers.childElementCount < count) numbers.append(document.createElement('li'));
    for (const [index, line] of [...numbers.children].entries()) {
      line.className = index + 1 === wrong ? 'wrong' : marked.has(index + 1) ? 'changed' : '';
    }
  };
  field.addEventListener('scroll', () => (gutter.scrollTop = field.scrollTop));
  field.addEventListener('input', () => {
    if (field.value.length > MAX_LENGTH) {
      field.value = last;
      onTooLong();
      return;
    }
    last = field.value;
    write();
    onChange(last);
  });
  write();
  return {
    get text() {
      return field.value;
    },
    set text(next) {
      field.value = last = next;
      write();
      onChange(next);
    },
    error(problem) {
      wrong = problem?.line ?? 0;
      write();
    },
    marks(lines) {
      marked = new Set(lines);
      write();
    },
    go(line, column = 1) {
      const before = field.value.split('\n').slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
      field.focus();
      field.setSelectionRange(before + column - 1, before + column - 1);
      field.scrollTop = Math.max(0, (line - 5) * (field.scrollHeight / field.value.split('\n').length));
    },
  };
}
