// The address after `#`: a view and its settings, as in `#detect?conf=0.4&size=320`.
import { recall, remember } from './store.js';

export const VIEWS = ['detect', 'compare', 'playground', 'evaluate'];

/** The view and the settings that an address names; the view is null if it names none. */
export function parse(/** @type {string} */ hash) {
  const [name, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const view = name === '' ? 'detect' : VIEWS.find((one) => one === name) ?? null;
  return { view, params: new URLSearchParams(query) };
}

/** The settings in the address now. */
export const params = () => parse(location.hash).params;

/** A setting of a view: what the address says, else what was remembered, else `otherwise`. */
export function setting(/** @type {string} */ view, /** @type {string} */ key, otherwise = '') {
  const at = parse(location.hash);
  return (at.view === view ? at.params.get(key) : null) ?? recall(`${view}-${key}`) ?? otherwise;
}

/**
 * Remembers a setting and writes it into the address, without a new entry in the history. With `null`, or where the value is
 * the one that everybody starts with, it leaves the address.
 */
export function setSetting(/** @type {string} */ view, /** @type {string} */ key, /** @type {string | null} */ value, kept = true) {
  if (kept) remember(`${view}-${key}`, value);
  const at = parse(location.hash);
  if (at.view !== view) return;
  if (value === null) at.params.delete(key);
  else at.params.set(key, value);
  const query = at.params.toString();
  history.replaceState(history.state, '', `#${view}${query && `?${query}`}`);
}
