const worker = new Worker(new URL('./mine.js', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }) => (globalThis.packaging = data);
worker.onerror = ({ message }) => (globalThis.packaging = { error: `the worker: ${message}` });
worker.postMessage('/astronaut.jpg');
