import type { Detector, GhostdetError, LoadOptions, Progress } from './index.js';

export interface DetectorState {
  /** The network, once `status` is `ready`. */
  detector: Detector | null;
  status: 'loading' | 'ready' | 'error';
  /** How far the weights' download is, in bytes. */
  progress: Progress | null;
  error: GhostdetError | null;
}

/**
 * A network for a component: loaded when the component appears, disposed of when it goes, loaded anew when an option changes. Takes the
 * options of `Detector.load`, but for `onProgress` and `signal`.
 */
export function useDetector(options?: Omit<LoadOptions, 'onProgress' | 'signal'>): DetectorState;
