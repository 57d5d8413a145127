// The service worker: keeps the page, whole and in one version, for use without a network. `precache.json` lists the files by
// their hashes; a new version takes from the old one what has not changed, and waits until the page lets it take over.
// Weights are not here: the package keeps them by their own hashes.
'use strict';

const PREFIX = 'ghostdet-page-';
const SHARED = 'ghostdet-shared';
const LIST = 'precache.json';

/** The version that this worker serves: in its own address. */
const VERSION = new URL(location.href).searchParams.get('v') ?? '';
const scope = () => self.registration.scope;

/** Whether this browser may need a file: only the modules that it can run. */
function wanted(path) {
  if (path.includes('/threads/')) return self.crossOriginIsolated === true;
  if (path.includes('/burn/')) return Boolean(self.navigator.gpu);
  return true;
}

async function sha256(bytes) {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function list(fetched) {
  if (!fetched?.ok) throw new Error('no list of files');
  return fetched.json();
}

/** The file with that hash in an older version, or null. */
async function older(path, hash) {
  for (const name of await caches.keys()) {
    if (!name.startsWith(PREFIX)) continue;
    const cache = await caches.open(name);
    const known = await cache.match(new URL(LIST, scope()));
    if (known && (await known.clone().json()).files[path] === hash) {
      const answer = await cache.match(new URL(path, scope()));
      if (answer) return answer;
    }
  }
  return null;
}

async function install() {
  const fetched = await fetch(new URL(LIST, scope()), { cache: 'no-store' });
  const { version, files } = await list(fetched.clone());
  // Another one was put on the server meanwhile: the page asks for it at its next start.
  if (version !== VERSION) throw new Error('the list is of another version');
  const name = PREFIX + version;
  const cache = await caches.open(name);
  try {
    for (const [path, hash] of Object.entries(files)) {
      if (!wanted(path)) continue;
      const url = new URL(path, scope());
      const kept = await older(path, hash);
      if (kept) {
        await cache.put(url, kept);
        continue;
      }
      const answer = await fetch(url, { cache: 'no-cache' });
      const bytes = await answer.clone().arrayBuffer();
      if (!answer.ok || (await sha256(bytes)) !== hash) throw new Error(`${path} is not what the list says`);
      // Servers that lead from index.html to the folder: browsers refuse to open a page that was redirected in a cache.
      await cache.put(url, answer.redirected ? new Response(bytes, { headers: answer.headers }) : answer);
    }
    await cache.put(new URL(LIST, scope()), fetched);
  } catch (error) {
    // No half version: the old one, or the network, goes on.
    await caches.delete(name);
    throw error;
  }
}

async function activate() {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== PREFIX + VERSION) await caches.delete(name);
  await self.clients.claim();
}

/** Pictures that another program shares wait in a cache until the page fetches them. */
async function share(request) {
  try {
    const form = await request.formData();
    const cache = await caches.open(SHARED);
    for (const [i, file] of form.getAll('files').entries()) {
      if (typeof file === 'string') continue;
      const url = new URL(`shared/${i}/${encodeURIComponent(file.name || 'picture')}`, scope());
      await cache.put(url, new Response(file, { headers: { 'content-type': file.type } }));
    }
  } catch {
    // There is no room for all of them, as for a long video: the page opens with those that are there.
  }
  return Response.redirect(new URL('./#detect?shared=1', scope()), 303);
}

async function answer(request, path) {
  const cache = await caches.open(PREFIX + VERSION);
  return (await cache.match(new URL(path, scope()))) ?? fetch(request);
}

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('message', ({ data }) => data === 'take over' && self.skipWaiting());
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (!request.url.startsWith(scope())) return;
  const path = url.pathname.slice(new URL(scope()).pathname.length);
  if (request.method === 'POST' && path === 'share') return event.respondWith(share(request));
  // The list itself always comes from the network: it tells what is new.
  if (request.method !== 'GET' || path === LIST || path === 'sw.js' || request.cache === 'no-store') return;
  event.respondWith(answer(request, path === '' ? 'index.html' : path));
});
