// The table of rows: what each costs here and in the network it is compared with, and what it took on this device.
import { count, t } from '../text.js';

/** @typedef {import('../../lib/index.d.ts').Row} Row */

/** A module's name without the path that the reference prints. */
const shortName = (/** @type {string} */ module) => module.split('.').pop();

/** Whether a row costs something else than the other network's. */
export function differs(/** @type {Row} */ row, /** @type {Row | undefined} */ other) {
  return !other || other.parameters !== row.parameters || Math.abs((other.gflops ?? 0) - (row.gflops ?? 0)) > 1e-9;
}

/** Change in percent, as text; nothing where nothing changed. */
export function change(/** @type {number | null} */ from, /** @type {number | null} */ to, digits = 0) {
  if (from === null || to === null || from === to) return '';
  if (!from) return t('play_new');
  const percent = 100 * (to / from - 1);
  if (Math.abs(percent) < 0.05) return '';
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(Math.abs(percent) < 10 ? 1 : digits)} %`;
}

/**
 * Fills the table.
 * @param {HTMLTableElement} table
 * @param {Row[]} rows
 * @param {Row[]} others the rows of the network it is compared with
 * @param {number[] | null} times milliseconds of each row, if they were measured
 * @param {(line: number) => void} go shows a line of the YAML
 */
export function writeRows(table, rows, others, times, go) {
  const most = Math.max(1e-12, ...rows.map((row) => row.gflops ?? 0));
  const longest = times && Math.max(1e-12, ...times);
  table.tBodies[0].replaceChildren(...rows.map((row, index) => {
    const other = others[index];
    const line = document.createElement('tr');
    line.classList.toggle('differs', differs(row, other));
    const head = document.createElement('th');
    head.scope = 'row';
    const jump = document.createElement('button');
    jump.type = 'button';
    jump.className = 'quiet';
    jump.textContent = `${row.index} ${shortName(row.module)}`;
    jump.title = t('play_line', { line: row.line });
    jump.addEventListener('click', () => go(row.line));
    head.append(jump);
    const was = other && shortName(other.module) !== shortName(row.module) ? shortName(other.module) : '';
    if (was) head.append(Object.assign(document.createElement('s'), { textContent: was }));
    line.append(head);
    const cost = (/** @type {string} */ text, /** @type {string} */ changed) => {
      const cell = line.insertCell();
      cell.append(text);
      if (changed) cell.append(' ', Object.assign(document.createElement('small'), { textContent: changed }));
    };
    cost(count(row.parameters), change(other?.parameters ?? 0, row.parameters));
    cost(row.gflops === null ? '–' : row.gflops.toFixed(3), change(other ? other.gflops : 0, row.gflops));
    cost(times ? times[index].toFixed(2) : '–', '');
    const bars = line.insertCell();
    bars.className = 'pair';
    bars.append(bar('flops', (row.gflops ?? 0) / most));
    if (times) bars.append(bar('time', times[index] / longest));
    return line;
  }));
}

function bar(/** @type {string} */ kind, /** @type {number} */ share) {
  const one = document.createElement('i');
  one.className = kind;
  one.style.width = `${(100 * share).toFixed(1)}%`;
  return one;
}
