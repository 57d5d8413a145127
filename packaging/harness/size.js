// How large what an app puts out is.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of all files in a folder. */
export function sizeOf(folder) {
  if (!existsSync(folder)) return 0;
  let total = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    total += entry.isDirectory() ? sizeOf(path) : statSync(path).size;
  }
  return total;
}

/** "3.1 MB" */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
