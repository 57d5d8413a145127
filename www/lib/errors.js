/**
 * The package's one error. `code` is stable: `config`, `weights`, `picture`, `argument`, `device`, `numeric`, `io`
 * from the core; `network` (a download failed), `aborted`, `disposed`, `internal` from here.
 */
export class GhostdetError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ cause?: unknown }} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'GhostdetError';
    /** @type {string} */
    this.code = code;
  }

  /**
   * Any thrown thing as a GhostdetError.
   * @param {any} error
   * @returns {GhostdetError}
   */
  static from(error) {
    if (error instanceof GhostdetError) return error;
    if (error?.name === 'AbortError') return new GhostdetError('aborted', 'stopped by the caller', { cause: error });
    const message = error?.message ?? String(error);
    return new GhostdetError(typeof error?.code === 'string' ? error.code : 'internal', message, { cause: error });
  }
}
