'use client';
/**
 * For React 18 and 19:
 *
 *     import { useDetector } from 'ghostdet/react';
 *     const { detector, status, progress, error } = useDetector({ size: 320 });
 *
 * @module ghostdet/react
 */
import { useEffect, useState } from 'react';
import { Detector } from './detector.js';
import { GhostdetError } from './errors.js';
import './files.js';

/** @type {import('./react.d.ts').DetectorState} */
const LOADING = { detector: null, status: 'loading', progress: null, error: null };

/**
 * A network for a component: loaded when the component appears, disposed of when it goes, loaded anew when an option changes.
 * @param {import('./index.d.ts').LoadOptions} [options]
 * @returns {import('./react.d.ts').DetectorState}
 */
export function useDetector(options = {}) {
  const [state, setState] = useState(LOADING);
  const { model, device, size, threads, yaml, sha256, cache, warmup, worker, wasm, burn } = options;
  useEffect(() => {
    const stop = new AbortController();
    /** @type {Detector | null} */
    let mine = null;
    setState(LOADING);
    const onProgress = (/** @type {import('./index.d.ts').Progress} */ progress) => {
      if (!stop.signal.aborted) setState((before) => ({ ...before, progress }));
    };
    const { signal: _, ...given } = options;
    Detector.load({ ...given, onProgress, signal: stop.signal }).then(
      (detector) => {
        mine = detector;
        if (stop.signal.aborted) detector.dispose();
        else setState({ detector: /** @type {any} */ (detector), status: 'ready', progress: null, error: null });
      },
      (error) => {
        if (!stop.signal.aborted) setState({ detector: null, status: 'error', progress: null, error: GhostdetError.from(error) });
      },
    );
    return () => {
      stop.abort();
      mine?.dispose();
    };
  }, [model instanceof URL ? model.href : model, device, size, threads, yaml, sha256, cache, warmup, worker, wasm, burn]);
  return state;
}
