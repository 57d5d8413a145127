// The keyboard: single keys for what the mouse does, and a map of them under `?`.
import { recall, remember } from './store.js';
import { onLanguage, t } from './text.js';

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(id);

/** Keys, and the buttons that they press; those without a button are explained only. */
const MAP = [
  ['C', 'camera'], ['O', 'upload'], ['S', 'open-save'], ['Space', 'play'], [',', 'back'], ['.', 'on'],
  ['+ − 0', null, 'zoom'], ['← →', null, 'boxes'], ['Shift ← →', null, 'move'], ['Esc', null, 'none'], ['?', 'help'],
];

const isOn = () => recall('keys') !== 'off';

/** Whether a key belongs to what has the focus. */
const typing = (target) => target.closest('input, select, textarea, [contenteditable], dialog[open], [role="listbox"], .cm-editor') !== null;

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !isOn() || typing(event.target)) return;
  const name = event.key === ' ' ? 'Space' : event.key.toUpperCase();
  if (name === 'Space' && event.target.closest('button, a, summary')) return;
  const id = MAP.find(([key]) => key === name)?.[1];
  const button = id && get(id);
  // Only what can be seen can be pressed.
  if (!button || button.disabled || !button.offsetParent) return;
  event.preventDefault();
  button.click();
}

function write() {
  get('keys-list').replaceChildren(...MAP.flatMap(([key, id, name]) => {
    const term = document.createElement('dt');
    for (const part of key.split(' ')) term.append(Object.assign(document.createElement('kbd'), { textContent: part }), ' ');
    const text = Object.assign(document.createElement('dd'), { textContent: t(`key_${name ?? id}`) });
    return [term, text];
  }));
}

export function listen() {
  document.addEventListener('keydown', press);
  get('help').addEventListener('click', () => get('keys').showModal());
  get('keys-close').addEventListener('click', () => get('keys').close());
  get('keys-on').checked = isOn();
  get('keys-on').addEventListener('change', () => remember('keys', get('keys-on').checked ? null : 'off'));
  onLanguage(write);
}
