// The settings of the page as five lines of JavaScript for somebody else's.
import { app } from '../app.js';
import * as controls from './controls.js';
import { shipped } from './network.js';
import { session } from './session.js';

/** A text as JavaScript. Names in foreign weights hold anything: none may end the text. */
const quoted = (/** @type {string} */ text) => `'${JSON.stringify(text).slice(1, -1).replaceAll("'", "\\'")}'`;

/** An object as JavaScript, without what is left out. */
function literal(/** @type {Record<string, any>} */ fields) {
  const parts = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  const text = (value) => (Array.isArray(value) ? `[${value.map(text).join(', ')}]` : typeof value === 'string' ? quoted(value) : String(value));
  return parts.length ? `{ ${parts.map(([name, value]) => `${name}: ${text(value)}`).join(', ')} }` : '';
}

export function code() {
  const { detector } = app;
  const name = shipped();
  // The package brings the default weights alone.
  const model = name === '' ? undefined : `/path/to/${detector.info.file}`;
  const device = /** @type {HTMLSelectElement} */ (document.getElementById('place')).value;
  const load = literal({ model, size: detector.size, device: device === 'auto' ? undefined : device });
  const { conf, iou, classes } = controls.options();
  const detect = literal({ conf, iou, classes: classes?.map((id) => detector.info.labels[id]) });
  const moving = session.source && session.source.kind !== 'photo';
  return [
    "import { Detector, draw } from 'ghostdet';",
    `const detector = await Detector.load(${load});`,
    ...(moving
      ? [
        "const [video, canvas] = ['video', 'canvas'].map((name) => document.querySelector(name));",
        `for await (const frame of detector.stream(video, ${detect})) draw(canvas, frame, { image: video });`,
        'detector.dispose();',
      ]
      : [
        "const image = document.querySelector('img');",
        `const result = await detector.detect(image, ${detect});`,
        "draw(document.querySelector('canvas'), result, { image });",
      ]),
  ].join('\n') + '\n';
}
