// The network in TensorFlow.js, node by node from the plain export beside the ONNX file.

const load = (path) =>
  new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { src: `/tfjs/${path}`, onload: resolve, onerror: reject });
    document.head.append(script);
  });

/** @type {Promise<any> | null} */
let library = null;
async function tensorflow() {
  library ??= (async () => {
    await load('tfjs-core/dist/tf-core.min.js');
    await load('tfjs-backend-cpu/dist/tf-backend-cpu.min.js');
    await load('tfjs-backend-wasm/dist/tf-backend-wasm.min.js');
    await load('tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js');
    const { tf } = window;
    tf.wasm.setWasmPaths('/tfjs/tfjs-backend-wasm/dist/');
    tf.wasm.setThreadsCount(1);
    return tf;
  })();
  return library;
}

/**
 * A function that runs the network once and answers its milliseconds, raw maps read back.
 * @param {'wasm' | 'webgpu'} backend
 * @param {string} url of the ONNX file
 * @param {number} size
 */
export async function tfjs(backend, url, size) {
  const tf = await tensorflow();
  if (!(await tf.setBackend(backend))) throw new Error(`no backend ${backend}`);
  await tf.ready();
  const fetched = await Promise.all([fetch(`${url}.json`), fetch(`${url}.bin`)]);
  if (fetched.some(({ ok }) => !ok)) throw new Error(`${url}.json: export it again`);
  const { nodes } = await fetched[0].json();
  const weights = new Float32Array(await fetched[1].arrayBuffer());
  for (const node of nodes) {
    if (node.op !== 'Conv') continue;
    const count = node.shape.reduce((a, b) => a * b);
    node.filter = tf.tensor4d(weights.slice(node.weight, node.weight + count), node.shape);
    const outputs = node.depthwise ? node.shape[2] : node.shape[3];
    node.offset = tf.tensor1d(weights.slice(node.bias, node.bias + outputs));
  }
  const data = Float32Array.from({ length: 3 * size * size }, (_, i) => ((i * 31) % 251) / 250);
  const forward = () =>
    tf.tidy(() => {
      const values = new Map([['images', tf.tensor4d(data, [1, size, size, 3])]]);
      for (const node of nodes) {
        const [x, y] = node.in.map((name) => values.get(name));
        values.set(node.out, step(tf, node, x, y, node.in.map((name) => values.get(name))));
      }
      return ['raw0', 'raw1', 'raw2'].map((name) => values.get(name));
    });
  return async () => {
    await tf.setBackend(backend);
    const started = performance.now();
    const outputs = forward();
    await Promise.all(outputs.map((tensor) => tensor.data()));
    const took = performance.now() - started;
    outputs.forEach((tensor) => tensor.dispose());
    return took;
  };
}

function step(tf, node, x, y, all) {
  switch (node.op) {
    case 'Conv': {
      const pad = [[0, 0], [node.pad, node.pad], [node.pad, node.pad], [0, 0]];
      const how = { x, filter: node.filter, bias: node.offset, strides: node.stride, pad, dimRoundingMode: 'floor' };
      return node.depthwise ? tf.fused.depthwiseConv2d(how) : tf.fused.conv2d(how);
    }
    case 'Sigmoid': return tf.sigmoid(x);
    case 'Mul': return tf.mul(x, y);
    case 'Add': return tf.add(x, y);
    case 'Concat': return tf.concat(all, 3);
    case 'MaxPool': return tf.maxPool(x, node.kernel, 1, 'same');
    case 'Resize': return tf.image.resizeNearestNeighbor(x, [x.shape[1] * node.scale, x.shape[2] * node.scale]);
    case 'Identity': return tf.clone(x);
    default: throw new Error(`no ${node.op} here`);
  }
}
