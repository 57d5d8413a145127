// What most apps do: they detect the objects in a photo, as the package's README says.
import { Detector } from 'ghostdet';

/**
 * @param {string} photo its address
 */
export async function detect(photo) {
  const image = new Image();
  image.src = photo;
  await image.decode();
  const detector = await Detector.load();
  const { detections } = await detector.detect(image);
  const { info } = detector;
  detector.dispose();
  return { detections, device: info.device.kind, worker: info.worker };
}

/** Detects, and tells the page's visitor and the tests. */
export async function show(photo) {
  globalThis.packaging = await detect(photo).catch((error) => ({ error: `${error.code}: ${error.message}` }));
  document.body.dataset.done = 'true';
}
