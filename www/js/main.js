// The page: the npm package's first user. It opens the view that the address names; views but Detect are fetched when they are opened.
import { app } from './app.js';
import * as detect from './detect/index.js';
import * as keys from './keys.js';
import * as offline from './offline.js';
import { parse, VIEWS } from './route.js';
import { addWords, currentLanguage, onLanguage, switchLanguage, t, writeAll } from './text.js';
import * as words from './words.js';

const MODULES = {
  detect: async () => detect,
  compare: () => import('./compare/index.js'),
  playground: () => import('./playground/index.js'),
  evaluate: () => import('./evaluate/index.js'),
};

/** @type {Map<string, Promise<import('./app.js').View>>} */
const started = new Map();
let current = '';

/** The views' style sheets; Detect's is in the page. @type {Record<string, URL>} */
const STYLES = {
  compare: new URL('../css/compare.css', import.meta.url),
  playground: new URL('../css/playground.css', import.meta.url),
  evaluate: new URL('../css/evaluate.css', import.meta.url),
};

/** Fetches a view's style sheet. */
function style(name) {
  const href = STYLES[name]?.href;
  if (!href || document.querySelector(`link[href="${href}"]`)) return;
  return new Promise((resolve) => {
    const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href });
    link.onload = resolve;
    // The next try fetches it again.
    link.onerror = () => resolve(link.remove());
    document.head.append(link);
  });
}

async function begin(name) {
  const root = document.getElementById(`view-${name}`);
  const [module] = await Promise.all([MODULES[name](), style(name)]);
  return (await module.start(root, app)) ?? {};
}

async function open(name) {
  const problem = document.getElementById('view-problem');
  problem.hidden = true;
  for (const one of VIEWS) {
    document.getElementById(`view-${one}`).hidden = one !== name;
    const link = document.querySelector(`.views a[href="#${one}"]`);
    if (one === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const before = current;
  current = name;
  const left = before !== name ? await started.get(before)?.catch(() => null) : null;
  // Somebody may have come back to it while it was being fetched.
  if (current !== before) left?.hidden?.();
  const isNew = !started.has(name);
  if (isNew) started.set(name, begin(name));
  try {
    const view = await started.get(name);
    if (current !== name) return;
    view.shown?.();
    // The address may bring settings with it.
    if (!isNew && String(parse(location.hash).params)) view.changed?.();
  } catch (error) {
    // Offline, or an old page on a new server: the next try fetches it again.
    started.delete(name);
    if (current !== name) return;
    problem.textContent = offline.offlineReason() ?? t('view_failed', { why: error.message });
    problem.hidden = false;
  }
}

async function follow() {
  const { view } = parse(location.hash);
  if (view === null) return;
  if (view !== current) return open(view);
  (await started.get(view)?.catch(() => null))?.changed?.();
}

/** Resolves when the page as it stands in the HTML is on the screen: what starts a network would keep the screen white. */
function painted() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    // A tab in the background paints nothing.
    setTimeout(resolve, document.hidden ? 0 : 300);
  });
}

function writeLanguage() {
  const button = document.getElementById('language');
  button.textContent = currentLanguage() === 'zh' ? 'English' : '中文';
  button.lang = currentLanguage() === 'zh' ? 'en' : 'zh';
}

addWords(words);
onLanguage(writeLanguage);
document.getElementById('language').addEventListener('click', switchLanguage);
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  /** @type {HTMLElement} */ (document.querySelector('.view:not([hidden])')).focus();
});
window.addEventListener('hashchange', follow);
keys.listen();
offline.start();
writeAll();
const first = parse(location.hash).view ?? 'detect';
if (first === 'detect') await painted();
// Somebody may have opened another view meanwhile.
if (!current) open(first);
