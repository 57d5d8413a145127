// The Evaluate view: two networks on one picture, and a network's figures on labelled pictures.
import * as check from './check.js';
import { droppedFiles } from './files.js';
import * as models from './models.js';
import * as pair from './pair.js';
import { HTML } from './view.js';
import * as words from './words.js';

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export async function start(root, app) {
  app.addWords(words);
  // What is shown works at once.
  await models.readManifest();
  root.innerHTML = HTML;
  app.translate(root);
  check.start(app);
  takeDrops(root);
  pair.start(app);
  return {};
}

/** What is dropped in this view stays in this view: folders and label files to be counted, a picture or weights to be shown. */
function takeDrops(/** @type {HTMLElement} */ root) {
  const over = (/** @type {DragEvent} */ event, on = true) => {
    event.preventDefault();
    event.stopPropagation();
    root.classList.toggle('dropping-here', on);
  };
  root.addEventListener('dragenter', (event) => over(event));
  root.addEventListener('dragover', (event) => over(event));
  root.addEventListener('dragleave', (event) => over(event, root.contains(/** @type {Node} */ (event.relatedTarget))));
  root.addEventListener('drop', async (event) => {
    over(event, false);
    const above = Boolean(/** @type {Element} */ (event.target).closest('.two'));
    const files = await droppedFiles(event.dataTransfer);
    const labelled = files.some(({ name }) => /\.(txt|json|ya?ml)$/i.test(name));
    if (!files.length) return;
    if (labelled || (!above && files.length > 1)) check.run(files);
    else pair.open(files);
  });
}
