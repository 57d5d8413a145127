/**
 * The same as `ghostdet`, with the builds of the CPU's module that run on several threads (3 MB more in an app's output). A page
 * that its server isolates can use them: see `threads` of `Detector.load`.
 *
 *     import { Detector } from 'ghostdet/threads';
 *     const detector = await Detector.load({ threads: 'auto' });
 *
 * @module ghostdet/threads
 */
import './thread-files.js';

export * from './index.js';
