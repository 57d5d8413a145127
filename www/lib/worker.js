// The inference worker: `{ id, op, payload }` in, `{ id, result }` or `{ id, error: { code, message } }` out, in order.
import { Engine } from './engine.js';

// wgpu 30 doesn't know browsers' subgroups: they are asked for on its behalf, in this worker alone.
const adapters = /** @type {any} */ (self).GPUAdapter?.prototype;
if (adapters) {
  const request = adapters.requestDevice;
  adapters.requestDevice = function (/** @type {any} */ descriptor = {}) {
    if (!this.features.has('subgroups')) return request.call(this, descriptor);
    const more = { ...descriptor, requiredFeatures: [...(descriptor.requiredFeatures ?? []), 'subgroups'] };
    return request.call(this, more).catch(() => request.call(this, descriptor));
  };
}

const engine = new Engine();
let last = Promise.resolve();

self.onmessage = ({ data: { id, op, payload } }) => {
  last = last.then(async () => {
    try {
      const result = await engine[op](payload);
      self.postMessage({ id, result });
    } catch (error) {
      self.postMessage({ id, error: { code: error?.code ?? 'internal', message: error?.message ?? String(error) } });
    }
  });
};

// A module that stops in the middle of a promise: the page is told as of any other error.
self.addEventListener('unhandledrejection', ({ reason }) => {
  setTimeout(() => {
    throw reason;
  });
});
