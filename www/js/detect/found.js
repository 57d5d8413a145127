// The list of what was found. It and the boxes highlight each other.
import { colour } from '../../lib/draw.js';
import { count, onLanguage, t } from '../text.js';
import { options } from './controls.js';
import { highlight as choose, highlightNext, session } from './session.js';

/** @type {any} */
const list = document.getElementById('detections');
/** @type {any} */
const number = document.getElementById('count');

/** So many are listed; the picture shows all. */
export const MOST = 60;

/** "2 person, 1 dog": a sentence for ears. */
export function summary(/** @type {any[]} */ detections) {
  if (!detections.length) return t('found_nothing');
  const labels = new Map();
  for (const { label } of detections) labels.set(label, (labels.get(label) ?? 0) + 1);
  const parts = [...labels].sort((a, b) => b[1] - a[1]).slice(0, 6).map(([label, many]) => t('found_part', { label, many }));
  return t('found_sentence', { list: parts.join(t('list_comma')) });
}

/** Writes the list; entries that are there are used again, so that focus and pointer stay where they are. */
export function report(/** @type {any} */ { detections, fps, speed }, /** @type {number | null} */ index) {
  number.value = count(detections.length);
  const nothing = document.getElementById('nothing');
  nothing.hidden = detections.length > 0;
  nothing.textContent = t(options().classes?.length === 0 ? 'no_classes' : 'nothing');
  list.hidden = detections.length === 0;
  const many = Math.min(detections.length, MOST);
  while (list.children.length > many) list.lastElementChild.remove();
  while (list.children.length < many) list.append(entry(list.children.length));
  for (let i = 0; i < many; i++) {
    const { classId, label, score, track } = detections[i];
    const [mark, name, value] = list.children[i].children;
    mark.style.borderColor = colour(classId);
    name.textContent = track === undefined ? label : `#${track} ${label}`;
    value.textContent = score.toFixed(2);
  }
  const more = document.getElementById('found-more');
  more.hidden = detections.length <= MOST;
  more.textContent = t('found_more', { n: detections.length - MOST });
  const times = speed?.total === undefined ? [] : [t('brief_ms', { ms: speed.total.toFixed(0) })];
  if (fps) times.push(t('brief_fps', { fps: fps.toFixed(0) }));
  document.getElementById('brief').textContent = times.join(' · ');
  highlight(index);
}

/** Nothing is shown: nothing was found in it, and nothing is missing. */
export function clear() {
  number.value = '0';
  list.replaceChildren();
  for (const part of [list, document.getElementById('nothing'), document.getElementById('found-more')]) part.hidden = true;
  document.getElementById('brief').textContent = '';
}

function entry(index) {
  const item = document.createElement('li');
  item.id = `found-${index}`;
  item.setAttribute('role', 'option');
  item.append(document.createElement('i'), document.createElement('span'), document.createElement('b'));
  return item;
}

/** Marks an entry. */
export function highlight(/** @type {number | null} */ index) {
  for (const [i, item] of [...list.children].entries()) item.setAttribute('aria-selected', String(i === index));
  const item = index === null ? null : list.children[index];
  if (!item) return list.removeAttribute('aria-activedescendant');
  list.setAttribute('aria-activedescendant', item.id);
  // Inside of the list only: the page stays where it is.
  const [top, bottom] = [item.offsetTop - list.offsetTop, item.offsetTop - list.offsetTop + item.offsetHeight];
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

/** Listens to pointers and keys on the list. */
export function listen() {
  const index = (event) => {
    const item = event.target.closest('li');
    return item ? [...list.children].indexOf(item) : null;
  };
  list.addEventListener('pointerover', (event) => event.pointerType === 'mouse' && choose(index(event)));
  list.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && !list.matches(':focus-visible') && choose(null));
  list.addEventListener('click', (event) => choose(index(event)));
  list.addEventListener('keydown', (event) => {
    const actions = {
      ArrowDown: () => highlightNext(1), ArrowRight: () => highlightNext(1), ArrowUp: () => highlightNext(-1), ArrowLeft: () => highlightNext(-1),
      Home: () => choose(0), End: () => choose(list.children.length - 1), Escape: () => choose(null),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });
  onLanguage(() => session.result && report(session.result, null));
}
