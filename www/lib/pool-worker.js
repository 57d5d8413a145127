// One of the threads that share the network's memory: sleeps until a run begins, helps until it ends.
import { BUILDS } from './builds.js';

self.onmessage = async ({ data: { build, module, memory } }) => {
  let core;
  try {
    core = await BUILDS[build].glue();
    core.initSync({ module, memory, thread_stack_size: 1 << 18 });
  } catch (error) {
    self.postMessage({ error: String(error) });
    return;
  }
  self.postMessage({});
  const bell = core.helperBell() >>> 2;
  const numbers = new Int32Array(memory.buffer);
  try {
    for (;;) Atomics.wait(numbers, bell, core.help());
  } catch (error) {
    core.helperFailed();
    throw error;
  }
};
