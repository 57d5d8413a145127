// What turns one wasm module into another that is nearly the same: the two builds of the CPU's module differ in a few instructions.
// www/lib/packed.js applies it.

/** Bytes that have to be equal for a copy to begin. */
const WINDOW = 16;

/**
 * The difference: columns of 32-bit numbers (of each step: how many new bytes, how far the copy's place is from the end of the last
 * copy, how many bytes are copied), then the new bytes. Before them stand the number of steps and the length of the result.
 * @param {Buffer} from
 * @param {Buffer} to
 * @returns {Buffer}
 */
export function difference(from, to) {
  const places = new Map();
  for (let i = 0; i + WINDOW <= from.length; i += 4) {
    const key = from.latin1Slice(i, i + WINDOW);
    if (!places.has(key)) places.set(key, i);
  }
  const [news, jumps, copies] = [[], [], []];
  const literals = [];
  let [at, begun, end] = [0, 0, 0];
  const step = (place, length) => {
    literals.push(to.subarray(begun, at));
    news.push(at - begun);
    jumps.push(place - end);
    copies.push(length);
    at += length;
    begun = at;
    end = place + length;
  };
  while (at + WINDOW <= to.length) {
    // The place where the last copy ended, or one found by its bytes.
    const found = [end + at - begun, places.get(to.latin1Slice(at, at + WINDOW))]
      .map((place) => ({ place, length: place === undefined ? 0 : equal(from, place, to, at) }))
      .sort((a, b) => b.length - a.length)[0];
    if (found.length >= WINDOW) step(found.place, found.length);
    else at++;
  }
  at = to.length;
  step(end, 0);
  const numbers = Int32Array.from([news.length, to.length, ...news, ...jumps, ...copies]);
  return Buffer.concat([Buffer.from(numbers.buffer), ...literals]);
}

/** How many bytes are equal from there on. */
function equal(from, place, to, at) {
  let length = 0;
  while (place + length < from.length && at + length < to.length && from[place + length] === to[at + length]) length++;
  return length;
}
