// Use without a network: the service worker keeps this version of the page; a newer one offers itself.
import { t } from './text.js';

const WORKER = 'sw.js';

/** Offers the new version; nothing is lost until the button is pressed. */
function offer(/** @type {ServiceWorker} */ waiting) {
  const bar = document.getElementById('update');
  bar.hidden = false;
  document.getElementById('update-now').onclick = () => {
    // Another tab has let it take over already.
    if (waiting.state !== 'installed') return location.reload();
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    waiting.postMessage('take over');
  };
  document.getElementById('update-later').onclick = () => (bar.hidden = true);
}

/** Registers the worker for the version on the server. Without a network, or where workers are forbidden, all stays as it is. */
async function register() {
  const answer = await fetch('precache.json', { cache: 'no-store' });
  // A server that sends a page for every address, or none of this list, has no versions to keep.
  if (!answer.ok || !answer.headers.get('content-type')?.includes('json')) return;
  const { version } = await answer.json();
  const registration = await navigator.serviceWorker.register(`${WORKER}?v=${version}`);
  const settle = (/** @type {ServiceWorker | null} */ worker) => {
    if (!worker) return;
    // The first version takes over by itself; a newer one asks.
    const look = () => worker.state === 'installed' && navigator.serviceWorker.controller && offer(worker);
    worker.addEventListener('statechange', look);
    look();
  };
  settle(registration.waiting);
  settle(registration.installing);
  registration.addEventListener('updatefound', () => settle(registration.installing));
}

/** Begins when the page has shown its first result, or after a while: it must not slow that down. */
export function start() {
  if (!('serviceWorker' in navigator) || !window.isSecureContext) return;
  const begin = () => register().catch(() => {});
  const done = () => {
    if (!document.body.dataset.runs && performance.now() < 20_000) return setTimeout(done, 1000);
    (window.requestIdleCallback ?? setTimeout)(begin);
  };
  setTimeout(done, 1500);
}

/** Why something could not be fetched, if it is that there is no network. */
export const offlineReason = () => (navigator.onLine ? null : t('offline'));

/** A failure in words; what is fetched only when it is opened fails without a network, too. */
export function sentence(/** @type {any} */ error) {
  const why = error?.message ?? String(error);
  const module = /dynamically imported|module script/i.test(why);
  return ((module || error?.code === 'network') && offlineReason()) || (module ? t('view_failed', { why }) : why);
}
