// The network in LiteRT.js (XNNPACK on the processor), from the .tflite file beside the ONNX one.

/** @type {Promise<any> | null} */
let library = null;
async function runtime() {
  library ??= (async () => {
    const litert = await import('/litert/core/dist/index.js');
    // Every environment and model reports what it was made of.
    const print = (line) => line.startsWith('INFO:') || console.error(line);
    window.Module = { print, printErr: print };
    // The folder's build without threads, with relaxed SIMD where the browser has it.
    await litert.loadLiteRt('/litert/core/wasm/', { threads: false });
    return litert;
  })();
  return library;
}

/**
 * A function that runs the network once and answers its milliseconds, raw maps read back.
 * @param {'wasm' | 'webgpu'} accelerator
 * @param {string} url of the ONNX file
 * @param {number} size
 */
export async function litert(accelerator, url, size) {
  const { Tensor, loadAndCompile } = await runtime();
  const fetched = await fetch(`${url}.tflite`);
  if (!fetched.ok) throw new Error(`${url}.tflite: export it first`);
  const file = new Uint8Array(await fetched.arrayBuffer());
  const model = await loadAndCompile(file, { accelerator, cpuOptions: { numThreads: 1 }, gpuOptions: { precision: 'fp32' } });
  // What a GPU cannot run goes to the processor as a whole, with no more than a warning.
  if (model.options.accelerator !== accelerator) throw new Error(`no ${accelerator} for this network`);
  const data = Float32Array.from({ length: 3 * size * size }, (_, i) => ((i * 31) % 251) / 250);
  return async () => {
    const started = performance.now();
    const input = new Tensor(data, [1, size, size, 3]);
    const outputs = await model.run([input]);
    for (const tensor of outputs) await tensor.data();
    const took = performance.now() - started;
    for (const tensor of [input, ...outputs]) tensor.delete();
    return took;
  };
}
