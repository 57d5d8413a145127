// CodeMirror for a model's YAML, bundled to www/vendor/editor.js by build.js: third-party code is not committed.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration, drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';

const setMarks = StateEffect.define();
const mark = Decoration.line({ class: 'cm-changed' });

/** Lines that stand out; they move with the text. */
const marks = StateField.define({
  create: () => Decoration.none,
  update(lines, transaction) {
    let next = lines.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setMarks)) continue;
      const { doc } = transaction.state;
      const known = effect.value.filter((line) => line >= 1 && line <= doc.lines).sort((a, b) => a - b);
      next = Decoration.set(known.map((line) => mark.range(doc.line(line).from)));
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const theme = EditorView.theme({
  '&': { height: '100%', fontSize: '13px', backgroundColor: 'var(--sheet)', color: 'var(--ink)' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5' },
  '.cm-gutters': { backgroundColor: 'var(--ground)', color: 'var(--soft)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--violet) 8%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--violet) 16%, transparent)' },
  '.cm-changed': { backgroundColor: 'var(--wash)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused': { outline: '3px solid var(--violet)', outlineOffset: '-1px' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--violet) 30%, transparent) !important',
  },
  '.cm-tooltip': { backgroundColor: 'var(--sheet)', color: 'var(--ink)', border: '1px solid var(--line)' },
  '.cm-diagnostic': { whiteSpace: 'pre-wrap', fontFamily: 'var(--mono)' },
});
const colours = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--soft)', fontStyle: 'italic' },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--violet)', fontWeight: '600' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--ink)' },
]);

/**
 * @param {HTMLElement} parent
 * @param {{ text: string, label: string, onChange: (text: string) => void, maxLength: number, onTooLong: () => void }} options
 */
export function create(parent, { text, label, onChange, maxLength, onTooLong }) {
  // In a shadow tree the editor's styles are style sheets made by script, which a strict Content-Security-Policy allows.
  const root = parent.attachShadow({ mode: 'open' });
  // A paste of megabytes is refused before it is in the text.
  const bounded = EditorState.transactionFilter.of((transaction) => {
    if (!transaction.docChanged || transaction.newDoc.length <= maxLength) return transaction;
    onTooLong();
    return [];
  });
  const view = new EditorView({
    parent: root,
    root,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(),
        bracketMatching(), highlightActiveLine(), lintGutter(), marks, yaml(), syntaxHighlighting(colours), theme, bounded,
        // Escape leaves the field, so that Tab is no trap.
        keymap.of([{ key: 'Escape', run: (one) => (one.contentDOM.blur(), true) }, ...defaultKeymap, ...historyKeymap, indentWithTab]),
        // Tab reaches it anyhow; with `tabindex` tools see that what scrolls can be reached.
        EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  const place = (line, column) => {
    const { doc } = view.state;
    const at = doc.line(Math.min(Math.max(1, line), doc.lines));
    return { from: Math.min(at.from + Math.max(0, column - 1), at.to), to: at.to };
  };
  return {
    get text() {
      return view.state.doc.toString();
    },
    set text(next) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    /** Shows an error at its place, or none. */
    error(problem) {
      const found = problem ? [{ ...place(problem.line, problem.column), severity: 'error', message: problem.message }] : [];
      view.dispatch(setDiagnostics(view.state, found));
    },
    /** Lines that stand out, from 1. */
    marks: (lines) => view.dispatch({ effects: setMarks.of(lines) }),
    /** Goes to a line. */
    go(line, column = 1) {
      const { from } = place(line, column);
      view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: 'center' }) });
      view.focus();
    },
  };
}
