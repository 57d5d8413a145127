/** The version of this JavaScript; the wasm modules and workers have to be of the same one. */
export const VERSION = '0.1.0';

/** What a worker of the package's own is called. */
export const NAME = 'ghostdet';
