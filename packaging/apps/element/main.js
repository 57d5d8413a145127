import 'ghostdet/element';

const element = document.querySelector('ghost-detector');
element.addEventListener('detections', ({ detail }) => (globalThis.packaging = { ...detail, worker: element.detector.info.worker }));
element.addEventListener('error', ({ detail }) => (globalThis.packaging = { error: `${detail.code}: ${detail.message}` }));
