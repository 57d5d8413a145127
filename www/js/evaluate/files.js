// The files of a folder that was dropped.

/** More files than this are not walked through. */
const MOST = 20_000;

/**
 * All files below what was dropped, each with its `path`.
 * @param {DataTransfer} transfer
 * @returns {Promise<File[]>}
 */
export async function droppedFiles(transfer) {
  // Entries must be asked for before the first wait.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  /** @type {File[]} */
  const files = [];
  const open = [...entries];
  while (open.length && files.length < MOST) {
    const entry = /** @type {any} */ (open.pop());
    if (entry.isFile) {
      const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
      if (file) files.push(Object.defineProperty(file, 'path', { value: entry.fullPath.replace(/^\//, '') }));
    } else {
      const reader = entry.createReader();
      // A reader gives a hundred entries at a time.
      for (;;) {
        const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
        if (!some.length) break;
        open.push(...some);
      }
    }
  }
  return files;
}
