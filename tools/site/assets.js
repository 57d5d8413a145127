// Files that the page's JavaScript names by `new URL('…', import.meta.url)`: they are put beside it with their hash in their name.
import { transformSync } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';

/** An address that stands in a source as it is. */
const NAMED = /new URL\((['"])([^'"]+)\1, ?import\.meta\.url\)/g;

/** The JavaScript of the wasm modules, in www/lib. */
const GLUE = {
  cpu: 'pkg/ghostdet_wasm.js',
  threads: 'pkg/threads/ghostdet_wasm.js',
  burn: 'pkg/burn/ghostdet_wasm_burn.js',
};

export class Assets {
  /** Addresses below the site, by the source's path. @type {Map<string, string>} */
  #known = new Map();

  /** @param {string} www the page's sources @param {string} site */
  constructor(www, site) {
    this.www = www;
    this.site = site;
  }

  /** Sources of JavaScript that others fetch by `import()`, by the names of their outputs. Those that are not built are left out. */
  get glue() {
    const all = Object.entries(GLUE).map(([name, path]) => [`glue-${name}`, join(this.www, 'lib', path)]);
    return Object.fromEntries(all.filter(([, path]) => existsSync(path)));
  }

  /** Says where a source's output is. */
  know(/** @type {string} */ source, /** @type {string} */ address) {
    this.#known.set(source, address);
  }

  /** Writes a file with its hash in its name; returns its address. */
  write(/** @type {string} */ name, /** @type {string | Uint8Array} */ content) {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();
    const end = extname(name);
    const address = `assets/${name.slice(0, -end.length)}-${hash}${end}`;
    mkdirSync(dirname(join(this.site, address)), { recursive: true });
    writeFileSync(join(this.site, address), content);
    return address;
  }

  /** The address of a source, below the site. */
  #address(/** @type {string} */ source) {
    const known = this.#known.get(source);
    if (known) return known;
    const path = relative(this.www, source).replaceAll('\\', '/');
    // Weights keep their names: the list of them is beside them. What is not built stays missing, and the page says so.
    if (path.startsWith('lib/weights/') || !existsSync(source)) return path;
    const css = path.endsWith('.css');
    const content = css ? transformSync(readFileSync(source, 'utf8'), { loader: 'css', minify: true }).code : readFileSync(source);
    const address = this.write(path.replace(/^(lib|css|vendor)\//, ''), content);
    this.know(source, address);
    return address;
  }

  /**
   * For esbuild. All outputs are in `assets`.
   * @param {{ module?: string, change?: (text: string, path: string) => string }} [options] `module`: the wasm module whose JavaScript
   *   belongs into the same file; others are fetched when they are used. `change`: changes a source first
   * @returns {import('esbuild').Plugin}
   */
  plugin({ module, change = (text) => text } = {}) {
    return {
      name: 'assets',
      setup: ({ onLoad, onResolve }) => {
        onResolve({ filter: /^glue:/ }, ({ path }) => ({ path: `./${path.slice('glue:'.length)}`, external: true }));
        onLoad({ filter: /[\\/]www[\\/].*\.js$/ }, ({ path }) => {
          const text = path === join(this.www, 'lib', 'glue.js') ? this.#imports(module) : readFileSync(path, 'utf8');
          const contents = change(text, path).replace(NAMED, (_, quote, name) => {
            const address = relative('assets', this.#address(resolve(dirname(path), name))).replaceAll('\\', '/');
            return `new URL('${address.startsWith('.') ? address : `./${address}`}', import.meta.url)`;
          });
          return { contents, resolveDir: dirname(path) };
        });
      },
    };
  }

  /** In place of www/lib/glue.js: one module's JavaScript in the file itself, the others' by the names of their files. */
  #imports(/** @type {string | undefined} */ module) {
    const lines = Object.entries(GLUE).map(([name, path]) => {
      if (name === module && existsSync(join(this.www, 'lib', path))) return `import * as ${name} from './${path}'; export const ${name}Glue = async () => ${name};`;
      // What is not built is missing at run time, as with the sources.
      const address = this.#known.get(join(this.www, 'lib', path)) ?? `lib/${path}`;
      return `export const ${name}Glue = () => import('glue:${relative('assets', address).replaceAll('\\', '/')}');`;
    });
    return lines.join('\n');
  }
}
