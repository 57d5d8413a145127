// One of the threads that share the network's memory: it sleeps until a run begins, and takes part until the run ends.
import { threadsGlue } from './glue.js';

self.onmessage = async ({ data: { module, memory } }) => {
  let core;
  try {
    core = await threadsGlue();
    core.initSync({ module, memory, thread_stack_size: 1 << 18 });
  } catch (error) {
    self.postMessage({ error: String(error) });
    return;
  }
  self.postMessage({});
  const index = core.futexAddress() >>> 2;
  const words = new Int32Array(memory.buffer);
  try {
    for (;;) Atomics.wait(words, index, core.runWorker());
  } catch (error) {
    core.workerFailed();
    throw error;
  }
};
