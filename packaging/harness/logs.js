// What tools print, short enough to read.
import { stripVTControlCharacters } from 'node:util';

/**
 * The lines that say what went wrong: without colours, frames and stacks.
 * @param {string} text
 * @param {number} [most] lines
 */
export function digest(text, most = 24) {
  const lines = stripVTControlCharacters(text).split('\n').map((line) => line.trimEnd());
  const telling = lines.filter((line) => line && !/^\s+at /.test(line) && !/^[\s│╭╰─]*$/.test(line));
  return telling.length > most ? [...telling.slice(0, most), `… ${telling.length - most} more lines`].join('\n') : telling.join('\n');
}
