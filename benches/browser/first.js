// Runs in the page: from navigation to the first detection with one engine, noting when each stage was through.
const query = new URLSearchParams(location.search);
const size = Number(query.get('size'));
const stages = {};
const reached = (stage) => (stages[stage] = performance.now());

/** All WebAssembly memories made in this page. */
const memories = new Set();
const { Memory, instantiate, instantiateStreaming } = WebAssembly;
WebAssembly.Memory = class extends Memory {
  constructor(...args) {
    super(...args);
    memories.add(this);
  }
};
const keep = (result) => {
  const { exports } = result.instance ?? result;
  for (const value of Object.values(exports)) if (value instanceof Memory) memories.add(value);
  return result;
};
WebAssembly.instantiate = async (...args) => keep(await instantiate(...args));
WebAssembly.instantiateStreaming = async (...args) => keep(await instantiateStreaming(...args));

async function picture() {
  const image = new Image();
  image.src = '/ghostdet/samples/cat.jpg';
  await image.decode();
  return image;
}

async function ghostdet() {
  const { Detector } = await import('/ghostdet/lib/index.js');
  reached('script');
  const onProgress = ({ stage }) => stage === 'prepare' && !stages.downloads && reached('downloads');
  const model = '/weights/yolov5n-ghost-backbone.safetensors';
  // In the page itself, so that its memory can be seen from here.
  const detector = await Detector.load({ model, device: 'cpu', size, worker: false, onProgress });
  reached('network ready');
  const { detections } = await detector.detect(await picture());
  return detections.length;
}

async function ort() {
  const ort = await import('/ort/ort.wasm.min.mjs');
  reached('script');
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = '/ort/';
  const session = await ort.InferenceSession.create(`/onnx/yolov5-ghost-backbone-n-${size}.onnx`, { executionProviders: ['wasm'] });
  reached('network ready');
  const image = await picture();
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const ratio = Math.min(size / image.width, size / image.height);
  const [width, height] = [image.width * ratio, image.height * ratio];
  context.fillStyle = 'rgb(114 114 114)';
  context.fillRect(0, 0, size, size);
  context.drawImage(image, (size - width) / 2, (size - height) / 2, width, height);
  const { data } = context.getImageData(0, 0, size, size);
  const input = new Float32Array(3 * size * size);
  for (let i = 0; i < size * size; i++) for (let c = 0; c < 3; c++) input[c * size * size + i] = data[4 * i + c] / 255;
  const outputs = await session.run({ images: new ort.Tensor('float32', input, [1, 3, size, size]) });
  // Objectness over the floor is as far as a peer's figure goes: boxes and NMS would only add to it.
  let cells = 0;
  for (const { data } of Object.values(outputs)) for (let i = 4; i < data.length; i += 85) cells += data[i] > -1.1;
  return cells;
}

try {
  const found = await { ghostdet, ort }[query.get('engine')]();
  const time = reached('first detection');
  const memory = [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  window.first = { time, memory, stages, found };
} catch (error) {
  window.first = { error: String(error?.stack ?? error) };
}
