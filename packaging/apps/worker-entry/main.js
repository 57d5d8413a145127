import { Detector } from 'ghostdet';

try {
  const worker = new Worker(new URL('./mine.js', import.meta.url), { type: 'module' });
  const detector = await Detector.load({ worker });
  const { detections } = await detector.detect('/astronaut.jpg');
  const { device, worker: place } = detector.info;
  detector.dispose();
  globalThis.packaging = { detections, device: device.kind, worker: place };
} catch (error) {
  globalThis.packaging = { error: `${error.code}: ${error.message}` };
}
