// The line below the picture: what is going on, and what to do if something failed.
import { sentence } from '../offline.js';
import { onLanguage, t } from '../text.js';

const line = document.getElementById('status');
/** @type {{ key: string, values: Record<string, any>, bad: boolean } | null} */
let message = null;
/** Files that were left out as the source at work was opened. */
let others = 0;
/** Whose words the line shows: a load that is still under way is silent once something newer was said. */
let turn = 0;

/** Takes the line for a longer task; `isMine` tells whether nobody else has taken it since. */
export function take() {
  const mine = ++turn;
  return { isMine: () => turn === mine };
}

/** Says a sentence of the page's words. What failed stays until something newer is said. */
export function tell(/** @type {string} */ key, /** @type {Record<string, any>} */ values = {}, bad = false) {
  if (bad) turn++;
  message = { key, values, bad };
  write();
}

export const fail = (/** @type {any} */ error) => tell('failed', { why: sentence(error) }, true);

/** Notes how many of the files that were opened are left out: it stands behind each sentence until something else is opened. */
export function leaveOut(/** @type {number} */ n) {
  others = n;
  write();
}

/** Whether a failure stands in the line. */
export const isBad = () => message?.bad ?? false;

export function write() {
  if (!message) return;
  const { key, values, bad } = message;
  // A value may be a function: a text that depends on the language or changes later.
  const now = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === 'function' ? value() : value]));
  line.textContent = [t(key, now), others && t('left_out', { n: others })].filter(Boolean).join(' ');
  line.classList.toggle('bad', bad);
}

onLanguage(write);
