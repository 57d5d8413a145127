// What the page remembers on this device. Where storage is forbidden, it remembers until the page is closed.
const PREFIX = 'ghostdet-';
/** @type {Map<string, string>} */
const memory = new Map();

/** What was remembered under that name, or null. */
export function recall(/** @type {string} */ name) {
  // What storage had no room for is newer.
  if (memory.has(name)) return memory.get(name);
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Remembers a text; null forgets it. */
export function remember(/** @type {string} */ name, /** @type {string | null} */ value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
    memory.delete(name);
  } catch {
    if (value === null) memory.delete(name);
    else memory.set(name, value);
  }
}
