import { Detector } from 'ghostdet/threads';

try {
  const detector = await Detector.load({ threads: 2, device: 'cpu' });
  const { detections } = await detector.detect('/astronaut.jpg');
  const { device, worker } = detector.info;
  detector.dispose();
  if (device.threads !== 2) throw new Error(`2 threads were asked for, ${device.threads} run`);
  globalThis.packaging = { detections, device: device.kind, worker };
} catch (error) {
  globalThis.packaging = { error: `${error.code}: ${error.message}` };
}
