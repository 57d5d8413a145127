/**
 * The same as `ghostdet`, without files of its own: the caller brings the wasm module, the weights and the worker. For apps whose
 * build takes care of files in its own way.
 *
 *     import { Detector } from 'ghostdet/slim';
 *     const detector = await Detector.load({ wasm: '/files/cpu.wasm', model: '/files/weights.safetensors', worker: '/files/worker.js' });
 *
 * @module ghostdet/slim
 */
export { readDataset } from './dataset.js';
export { Detector } from './detector.js';
export { draw } from './draw.js';
export { GhostdetError } from './errors.js';
export { Evaluator, evaluate } from './evaluate.js';
export { everyFrame, videoDuration } from './every-frame.js';
export { toCoco, toCsv, toJson, toYolo } from './formats.js';
export { compare, configuration, measure, ready, summarize, version } from './model-stats.js';
export { zip } from './zip.js';
