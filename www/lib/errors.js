/**
 * The package's one error. `code` is stable; what to do depends on it:
 *
 * - `argument`: an option or a value that can't be used
 * - `picture`: what was given is not a picture, or its pixels can't be read
 * - `weights`, `config`: the file of weights or the configuration is not understood
 * - `network`: a download failed, broke off, or brought something else (the message names the address)
 * - `unsupported`: this browser, page or program lacks something that is needed
 * - `device`: WebGPU was asked for and can't be had
 * - `numeric`: the network computed something that is no number
 * - `aborted`: the caller's signal; its reason is the `cause`
 * - `disposed`: the detector was disposed of
 * - `internal`: a fault of this package
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
    /** Where a text is wrong (a configuration's YAML), from 1. @type {number | undefined} */
    this.line = undefined;
    /** @type {number | undefined} */
    this.column = undefined;
  }

  /**
   * Any thrown thing as a GhostdetError. `signal`: the caller's, if there was one: what is thrown after it was aborted comes from it.
   * @param {any} error
   * @param {AbortSignal} [signal]
   * @returns {GhostdetError}
   */
  static from(error, signal) {
    if (signal?.aborted && !(error instanceof GhostdetError)) return GhostdetError.aborted(signal);
    if (error instanceof GhostdetError) return error;
    if (error?.name === 'AbortError') return new GhostdetError('aborted', 'stopped by the caller', { cause: error });
    const message = error?.message ?? String(error);
    const known = new GhostdetError(typeof error?.code === 'string' ? error.code : 'internal', message, { cause: error });
    if (error?.line > 0) Object.assign(known, { line: error.line, column: error.column });
    return known;
  }

  /**
   * The error for a signal that was aborted, with its reason as the cause.
   * @param {AbortSignal} signal
   */
  static aborted({ reason }) {
    const late = reason?.name === 'TimeoutError';
    const message = late ? 'stopped: it took longer than the signal allows' : 'stopped by the caller';
    return new GhostdetError('aborted', message, { cause: reason });
  }
}

/** Throws if `signal` was aborted. */
export function throwIfAborted(/** @type {AbortSignal | undefined} */ signal) {
  if (signal?.aborted) throw GhostdetError.aborted(signal);
}
