// How large what an app puts out is.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of all files in a folder, but for source maps, which no visitor loads. */
export function sizeOf(folder) {
  if (!existsSync(folder)) return 0;
  let total = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) total += sizeOf(path);
    else if (!entry.name.endsWith('.map')) total += statSync(path).size;
  }
  return total;
}

/** "3.1 MB" */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
