// What every view is given: words, settings, the network at work, the live region.
import { params, setSetting, setting } from './route.js';
import { recall, remember } from './store.js';
import { addWords, count, currentLanguage, deviceName, onLanguage, reasonText, t, translate } from './text.js';

/**
 * A view's module exports `start(root, app)`. It is called once, when the view is opened for the first time: it fills `root`,
 * a section of its own. What it returns may have `shown()` and `hidden()`, called when the view comes and goes, and `changed()`,
 * called when the settings in the address change while the view is open.
 * @typedef {{ shown?: () => void, hidden?: () => void, changed?: () => void }} View
 */

/** What keeps the device busy now, as the camera does: nothing is measured meanwhile. */
const busy = new Set();

export const app = {
  // Words: see text.js. A view's own are added by `app.addWords({ en, zh })` before its HTML is translated.
  addWords, count, deviceName, language: currentLanguage, onLanguage, reasonText, t, translate,
  // Settings in the address and on this device: see route.js. `recall` and `remember` don't touch the address.
  params, recall, remember, setSetting, setting,

  /** The Detect view's network, if it is loaded. @type {import('../lib/index.js').Detector | null} */
  detector: null,

  /** Where networks run: as `detector.info.device`. @returns {any} */
  device: () => app.detector?.info.device ?? { kind: 'cpu', threads: 1 },

  /** Whether something runs that a measurement would disturb, and be disturbed by. */
  isBusy: () => busy.size > 0,

  /** Notes that something runs, under a name, or runs no more. */
  setBusy(/** @type {string} */ name, /** @type {boolean} */ on) {
    if (on) busy.add(name);
    else busy.delete(name);
  },

  /** Says a sentence to screen readers. The same one twice in a row is said once. */
  announce(/** @type {string} */ text) {
    const region = document.getElementById('live');
    if (region.textContent !== text) region.textContent = text;
  },
};

/** @typedef {typeof app} App */
