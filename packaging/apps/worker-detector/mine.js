import { Detector } from 'ghostdet';

self.onmessage = async ({ data: photo }) => {
  try {
    const bitmap = await createImageBitmap(await (await fetch(photo)).blob());
    const detector = await Detector.load();
    const { detections } = await detector.detect(bitmap);
    const { device, worker } = detector.info;
    detector.dispose();
    self.postMessage({ detections, device: device.kind, worker });
  } catch (error) {
    self.postMessage({ error: `${error.code}: ${error.message}` });
  }
};
