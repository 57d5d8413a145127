// The page's words in two languages. Each view brings its own (`words.js` in its folder); a key means the same in
// all of them. Class names stay as the weights give them.
import { recall, remember } from './store.js';

/** @typedef {{ en: Record<string, string>, zh: Record<string, string> }} Words */
/** @type {Words} */
const languages = { en: {}, zh: {} };
let language = recall('language') ?? (navigator.language?.startsWith('zh') ? 'zh' : 'en');
if (!languages[language]) language = 'en';
/** @type {Set<() => void>} */
const changed = new Set();
/** English as it stands in the HTML. */
const original = new Map();

/** Adds the words of a view. Sentences that stand in the HTML need no English here. */
export function addWords(/** @type {Words} */ { en, zh }) {
  Object.assign(languages.en, en);
  Object.assign(languages.zh, zh);
}

/** `en` or `zh`. */
export const currentLanguage = () => language;

/** A sentence in the page's language, `{name}` filled in; `{n|picture|pictures}` is the word that goes with the number. */
export function t(/** @type {string} */ key, /** @type {Record<string, any>} */ values = {}) {
  const sentence = languages[language][key] ?? languages.en[key] ?? original.get(key) ?? key;
  return sentence.replace(/\{(\w+)(?:\|(.+?)\|(.+?))?\}/g, (_, name, one, more) => (one ? (Number(values[name]) === 1 ? one : more) : (values[name] ?? '')));
}

/** A device as `info.device` describes it. */
export function deviceName(/** @type {any} */ { kind, threads, executor = '' }) {
  if (executor === 'burn-ops') return t('device_ops');
  return kind === 'cpu' && threads > 1 ? t('device_threads', { threads }) : t(`device_${kind}`);
}

/** Why a device was chosen, in the page's language where it has the words. */
export function reasonText(/** @type {any} */ { reason, reasonCode }) {
  return languages[language][`reason_${reasonCode}`] ?? reason;
}

/** A whole number with the language's separators. */
export const count = (/** @type {number} */ value) => Number(value).toLocaleString(language === 'zh' ? 'zh-CN' : 'en-US');

/** Calls back whenever the language changes. */
export const onLanguage = (/** @type {() => void} */ callback) => changed.add(callback);

/** Writes the words under `root` in the page's language; English stands in the HTML. */
export function translate(/** @type {ParentNode} */ root = document) {
  const put = (attribute, write, read) => {
    for (const node of root.querySelectorAll(`[${attribute}]`)) {
      const key = node.getAttribute(attribute);
      if (!original.has(key)) original.set(key, read(node));
      write(node, language === 'en' ? original.get(key) : (languages[language][key] ?? original.get(key)));
    }
  };
  put('data-i18n', (node, text) => (node.textContent = text), (node) => node.textContent);
  put('data-i18n-label', (node, text) => node.setAttribute('aria-label', text), (node) => node.getAttribute('aria-label'));
  put('data-i18n-title', (node, text) => (node.title = text), (node) => node.title);
  put('data-i18n-placeholder', (node, text) => (node.placeholder = text), (node) => node.placeholder);
}

/** Goes to the other language. */
export function switchLanguage() {
  language = language === 'zh' ? 'en' : 'zh';
  remember('language', language);
  writeAll();
}

/** Writes the whole page in its language. */
export function writeAll() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  translate();
  for (const callback of changed) callback();
}
