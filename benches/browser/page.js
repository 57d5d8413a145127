// Runs in the page: loads every engine, then times them in turns.
import { litert } from './litert.js';
import { tfjs } from './tfjs.js';

const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** A session of onnxruntime-web; `provider`: `wasm` or `webgpu`. */
async function peer(ort, provider, url, size) {
  const session = await ort.InferenceSession.create(url, { executionProviders: [provider] });
  const data = Float32Array.from({ length: 3 * size * size }, (_, i) => ((i * 31) % 251) / 250);
  return async () => {
    const started = performance.now();
    const outputs = await session.run({ images: new ort.Tensor('float32', data, [1, 3, size, size]) });
    // Outputs on the GPU have to be read, as ours are.
    for (const tensor of Object.values(outputs)) await tensor.getData();
    return performance.now() - started;
  };
}

/** Million multiply-adds a millisecond (GMAC/s) that onnxruntime-web reaches in a plain matrix product, the best of `rounds`. */
async function product(ort, rounds) {
  const session = await ort.InferenceSession.create('/onnx/product.onnx', { executionProviders: ['wasm'] });
  const a = new ort.Tensor('float32', new Float32Array(400 * 1024).fill(1), [400, 1024]);
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    await session.run({ a });
    best = Math.min(best, performance.now() - started);
  }
  return (400 * 1024 * 256) / best / 1e6;
}

/** One of ours in a worker of its own, as `measure` runs it; kept open to be run in turns. */
async function ours(model, device, nc, size, threads) {
  await import('/ghostdet/lib/threads.js');
  const { openChannel } = await import('/ghostdet/lib/channel.js');
  const channel = await openChannel();
  await channel.warm({ threads });
  const timer = await channel.call('timer', { model, nc, size, device });
  const run = () => channel.call('time', timer);
  run.close = () => channel.close();
  return run;
}

/** Who, where and threads: `ghostdet-cpu-2` has two, one is meant where nothing is said; `ghostdet-webgpu/half-4096-4x2` names a configuration. */
const partsOf = (engine) => /^([^-]+)-(.*?)(?:-(\d+))?$/.exec(engine).slice(1);
const threadsOf = (engine) => Number(partsOf(engine)[2] ?? 1);

/** Times `networks` on the given engines in turns. */
window.bench = async ({ networks, sizes, engines, rounds, nc }) => {
  const results = [];
  const ort = engines.some((engine) => engine.startsWith('ort'))
    ? await import(engines.includes('ort-webgpu') ? '/ort/ort.webgpu.min.mjs' : '/ort/ort.wasm.min.mjs')
    : null;
  if (ort) {
    ort.env.wasm.numThreads = Math.max(...engines.filter((engine) => engine.startsWith('ort')).map(threadsOf));
    ort.env.wasm.wasmPaths = '/ort/';
    ort.env.logLevel = 'error';
  }
  if (engines.includes('ort-wasm')) results.push({ product: await product(ort, 3 * rounds) });
  for (const size of sizes) {
    // All networks of a size take turns: this way a machine that changes its speed changes it for all of them.
    const turns = [];
    for (const { name, onnx } of networks) {
      for (const engine of engines) {
        const [who, where] = partsOf(engine);
        const url = onnx.replace('{size}', size);
        try {
          const run = await {
            ort: () => peer(ort, where, url, size),
            tfjs: () => tfjs(where, url, size),
            litert: () => litert(where, url, size),
            ghostdet: () => ours(name, where, nc, size, threadsOf(engine)),
          }[who]();
          await run();
          turns.push({ network: name, size, engine, run, times: [] });
        } catch (error) {
          results.push({ network: name, size, engine, error: String(error?.message ?? error).slice(0, 200) });
        }
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const turn of turns) {
        await settle();
        turn.times.push(await turn.run());
      }
    }
    for (const { run, ...turn } of turns) {
      results.push({ ...turn, median: median(turn.times), best: Math.min(...turn.times) });
      run.close?.();
    }
  }
  return results;
};
window.ready = true;
