import { readFile } from 'node:fs/promises';
import { Detector, compare, ready } from 'ghostdet';
import jpeg from 'jpeg-js';

const { data, width, height } = jpeg.decode(await readFile(new URL('astronaut.jpg', import.meta.url)), { useTArray: true });
const detector = await Detector.load();
const { detections } = await detector.detect({ data, width, height });
const { device, worker } = detector.info;
detector.dispose();
await ready();
const { models } = compare();
console.log(JSON.stringify({ detections, device: device.kind, worker, models: models.length }));
