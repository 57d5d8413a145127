// When the panel measures by itself: once, when nobody does anything, nothing else runs, and nobody opted out.
import { recall, remember } from '../store.js';

/** Milliseconds without a touch, a key or a movement after which the page is idle. */
const QUIET = 2500;
const EVENTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'scroll'];

/** Whether it may measure by itself. */
export const allowed = () => recall('compare-auto') !== 'off';
export const allow = (/** @type {boolean} */ on) => remember('compare-auto', on ? null : 'off');

/**
 * Calls `begin` once the page has been idle for a while, is looked at, and `free` says that nothing else runs. Whoever uses the
 * page again meanwhile puts it off.
 * @param {{ free: () => boolean, begin: () => void }} options
 * @returns {() => void} gives it up
 */
export function whenIdle({ free, begin }) {
  let over = false;
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const wait = () => {
    clearTimeout(timer);
    if (!over) timer = setTimeout(look, QUIET);
  };
  const look = () => {
    if (document.hidden || !free()) return wait();
    const idle = window.requestIdleCallback ?? ((/** @type {() => void} */ call) => setTimeout(call, 200));
    idle(() => {
      if (over || document.hidden || !free()) return wait();
      end();
      begin();
    });
  };
  const end = () => {
    over = true;
    clearTimeout(timer);
    for (const name of EVENTS) window.removeEventListener(name, wait);
  };
  for (const name of EVENTS) window.addEventListener(name, wait, { passive: true });
  wait();
  return end;
}
