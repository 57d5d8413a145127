// Where files come from: the file dialog, drag and drop, paste, other programs' share menu, samples.

/** So many files are taken at once. */
export const MOST = 5000;

/** All files of a dropped folder, down to the last. */
async function walk(entry, files) {
  if (files.length > MOST) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) files.push(file);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader hands out a hundred at a time.
    const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!entries.length) return;
    for (const one of entries) await walk(one, files);
  }
}

/** The files of a drop; folders are opened. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  // Files made by a script have no entry.
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) await walk(entry, files);
  return files;
}

/** Hands every file that is chosen, dropped or pasted to `open`; `isOpen` says whether this view is shown. */
export function listen(/** @type {(files: File[]) => void} */ open, /** @type {() => boolean} */ isOpen) {
  const input = /** @type {HTMLInputElement} */ (document.getElementById('file'));
  document.getElementById('upload').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    if (input.files.length) open([...input.files]);
    input.value = '';
  });

  const sign = document.getElementById('dropping');
  let depth = 0;
  const files = (event) => isOpen() && [...(event.dataTransfer?.types ?? [])].includes('Files');
  window.addEventListener('dragenter', (event) => {
    if (files(event) && ++depth) sign.hidden = false;
  });
  window.addEventListener('dragleave', (event) => {
    if (files(event) && --depth <= 0) sign.hidden = !(depth = 0);
  });
  window.addEventListener('dragover', (event) => isOpen() && event.preventDefault());
  window.addEventListener('drop', async (event) => {
    if (!isOpen()) return;
    event.preventDefault();
    depth = 0;
    sign.hidden = true;
    const found = event.dataTransfer ? await dropped(event.dataTransfer) : [];
    if (found.length) open(found);
  });
  window.addEventListener('paste', (event) => {
    const pasted = isOpen() ? [...(event.clipboardData?.files ?? [])] : [];
    if (pasted.length) open(pasted);
  });
}

/** Pictures that another program shared with the page: the service worker keeps them until they are fetched here. */
export async function shared() {
  if (!('caches' in window)) return [];
  const cache = await caches.open('ghostdet-shared');
  const files = [];
  for (const request of await cache.keys()) {
    const answer = await cache.match(request);
    const name = decodeURIComponent(new URL(request.url).pathname.split('/').pop());
    files.push(new File([await answer.blob()], name, { type: answer.headers.get('content-type') }));
    await cache.delete(request);
  }
  return files;
}

export const SAMPLES = [
  ['astronaut.jpg', 'An astronaut'],
  ['cat.jpg', 'A cat'],
  ['coffee.jpg', 'A cup of coffee'],
  ['lifeboat.jpg', 'A lifeboat with its crew'],
];

/** Buttons with the sample photos. */
export function offerSamples(/** @type {(file: string) => void} */ open) {
  const row = document.getElementById('samples');
  for (const [file, title] of SAMPLES) {
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.sample = file;
    const image = Object.assign(document.createElement('img'), { src: `samples/${file}`, alt: title, loading: 'lazy', width: 120, height: 90 });
    button.append(image);
    button.addEventListener('click', () => open(file));
    row.append(button);
  }
}

/** Marks the chosen sample, or none. */
export function markSample(/** @type {string} */ chosen) {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('#samples button'))) {
    button.setAttribute('aria-pressed', String(button.dataset.sample === chosen));
  }
}
