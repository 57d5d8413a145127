// The report: totals, a table by class, the confusion matrix, and what was wrong with the files.

/** So many classes of the confusion matrix are shown. */
const MOST_CLASSES = 12;

/** @type {(id: string) => any} */
const get = (id) => document.getElementById(`check-${id}`);

const digits = (/** @type {number} */ value) => value.toFixed(3);

/**
 * @param {{ report: import('../../lib/index.d.ts').EvaluationWithPictures, warnings: string[] }} done
 * @param {import('../app.js').App} app
 */
export function writeReport({ report, warnings }, app) {
  const totals = [
    ['mAP50-95', report.map], ['mAP50', report.map50],
    [app.t('check_precision_short'), report.precision], [app.t('check_recall_short'), report.recall],
  ];
  get('totals').replaceChildren(...totals.map(([name, value]) => {
    const one = document.createElement('div');
    one.append(element('dt', name), element('dd', digits(value)));
    return one;
  }));
  const problems = [...warnings, ...report.failures.map((failure) => app.t('check_left_out', /** @type {any} */ (failure)))];
  get('warnings').hidden = !problems.length;
  get('warnings').querySelector('summary').textContent = app.t('check_problems', { n: problems.length });
  get('warnings').querySelector('ul').replaceChildren(...problems.map((text) => element('li', text)));
  get('classes').tBodies[0].replaceChildren(...report.classes.map(({ name, labels, precision, recall, map50, map }) =>
    row(name, [app.count(labels), ...[precision, recall, map50, map].map(digits)])));
  confusion(report, app);
}

/**
 * @param {import('../../lib/index.d.ts').EvaluationWithPictures} report
 * @param {import('../app.js').App} app
 */
function confusion({ confusion: entries, names }, app) {
  const background = names.length;
  // Classes with mistakes come first; the background last.
  const mistakes = new Map();
  for (const [predicted, truth, count] of entries) {
    for (const one of [predicted, truth]) {
      const weight = predicted === truth ? count * 1e-6 : count;
      if (one !== background) mistakes.set(one, (mistakes.get(one) ?? 0) + weight);
    }
  }
  const shown = [...mistakes].sort((a, b) => b[1] - a[1]).slice(0, MOST_CLASSES).map(([one]) => one).sort((a, b) => a - b);
  const all = [...shown, background];
  const title = (/** @type {number} */ one) => names[one] ?? app.t('check_background');
  const counts = new Map(entries.map(([predicted, truth, count]) => [`${predicted} ${truth}`, count]));
  const sums = new Map();
  for (const [, truth, count] of entries) sums.set(truth, (sums.get(truth) ?? 0) + count);
  const head = document.createElement('tr');
  head.append(document.createElement('td'), ...all.map((one) => {
    const cell = /** @type {HTMLTableCellElement} */ (element('th', ''));
    cell.scope = 'col';
    cell.append(element('span', title(one)));
    return cell;
  }));
  get('confusion').tHead.replaceChildren(head);
  get('confusion').tBodies[0].replaceChildren(...all.map((predicted) => {
    const line = row(title(predicted), all.map((truth) => {
      const count = counts.get(`${predicted} ${truth}`) ?? 0;
      return count ? app.count(count) : '';
    }));
    all.forEach((truth, index) => {
      const count = counts.get(`${predicted} ${truth}`) ?? 0;
      const cell = line.cells[index + 1];
      cell.style.setProperty('--share', `${Math.round((70 * count) / Math.max(1, sums.get(truth) ?? 1))}%`);
      cell.className = predicted === truth ? 'right' : count ? 'wrong' : '';
    });
    return line;
  }));
  const note = mistakes.size > shown.length ? app.t('check_shown', { n: shown.length, all: mistakes.size }) : '';
  get('confusion-note').textContent = note;
}

function row(/** @type {string} */ name, /** @type {string[]} */ cells) {
  const line = document.createElement('tr');
  const head = /** @type {HTMLTableCellElement} */ (element('th', name));
  head.scope = 'row';
  line.append(head, ...cells.map((text) => element('td', text)));
  return line;
}

function element(/** @type {string} */ tag, /** @type {any} */ text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}
