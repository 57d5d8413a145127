/**
 * ghostdet: object detection in the browser, YOLOv5 with GhostNet's modules.
 *
 *     import { Detector } from 'ghostdet';
 *     const detector = await Detector.load();
 *     const { detections } = await detector.detect(document.querySelector('img'));
 *
 * @module ghostdet
 */
import './files.js';

export * from './slim.js';
