#!/usr/bin/env python3
"""Writes networks of export_onnx.py as float32 .tflite, and says how far they are from ONNX Runtime's.

    pip install tensorflow-cpu==2.21.0 onnxruntime
    python3 benches/export_tflite.py yolov5-ghost-n-320.onnx

writes yolov5-ghost-n-320.onnx.tflite out of the plain form beside it (.onnx.json, .onnx.bin): a converter that reads ONNX
would have to guess where channels go first and last. Input (1, H, W, 3) fp32; outputs (1, h, w, C), the largest map first.
"""
import argparse
import json
import os
import re
from collections import Counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import tensorflow as tf  # noqa: E402


def forward(nodes, weights, images):
    """The network's raw maps in TensorFlow, which has the channels last."""
    values = {"images": images}
    for node in nodes:
        inputs = [values[name] for name in node["in"]]
        x = inputs[0]
        if node["op"] == "Conv":
            kernel, outputs = node["shape"], node["shape"][2 if node["depthwise"] else 3]
            weight = weights[node["weight"]:][:np.prod(kernel)].reshape(kernel)
            stride, pad = node["stride"], node["pad"]
            # TensorFlow's SAME pads strided convolutions on the right and below only.
            if stride > 1 and pad:
                x = tf.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
            convolution = tf.nn.depthwise_conv2d if node["depthwise"] else tf.nn.conv2d
            y = convolution(x, weight, [1, stride, stride, 1], "VALID" if stride > 1 else "SAME")
            y = tf.nn.bias_add(y, weights[node["bias"]:][:outputs])
        elif node["op"] == "Sigmoid":
            y = tf.sigmoid(x)
        elif node["op"] == "Mul":
            y = tf.multiply(*inputs)
        elif node["op"] == "Add":
            y = tf.add(*inputs)
        elif node["op"] == "Concat":
            y = tf.concat(inputs, 3)
        elif node["op"] == "MaxPool":
            y = tf.nn.max_pool2d(x, node["kernel"], 1, "SAME")
        elif node["op"] == "Resize":
            y = tf.raw_ops.ResizeNearestNeighbor(images=x, size=[side * node["scale"] for side in x.shape[1:3]])
        elif node["op"] == "Identity":
            y = tf.identity(x)
        else:
            raise SystemExit(f"no {node['op']} here")
        values[node["out"]] = y
    return [values[f"raw{level}"] for level in range(3)]


def convert(nodes, weights, size):
    run = tf.function(lambda images: forward(nodes, weights, images), [tf.TensorSpec([1, size, size, 3], tf.float32)])
    return tf.lite.TFLiteConverter.from_concrete_functions([run.get_concrete_function()], run).convert()


def types(model):
    """How many tensors there are of each type, before a delegate adds its own."""
    plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(model_content=model, experimental_op_resolver_type=plain)
    return Counter(np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details())


def deviation(model, path, size):
    """The largest difference from ONNX Runtime's raw maps on a random picture, as a share of each map's largest value."""
    picture = np.random.default_rng(1).random((1, 3, size, size), np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = [raw.transpose(0, 2, 3, 1) for raw in session.run(["raw0", "raw1", "raw2"], {"images": picture})]
    interpreter = tf.lite.Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture.transpose(0, 2, 3, 1))
    interpreter.invoke()
    found = [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]
    found.sort(key=lambda raw: -raw.shape[1])
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found, expected, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+")
    for path in parser.parse_args().networks:
        size = int(re.search(r"(\d+)\.onnx$", path)[1])
        with open(path + ".json") as file:
            nodes = json.load(file)["nodes"]
        model = convert(nodes, np.fromfile(path + ".bin", "<f4"), size)
        kinds = types(model)
        # Shapes and paddings are int32; nothing may be quantised.
        if set(kinds) - {"float32", "int32"}:
            raise SystemExit(f"{path}: not float32 throughout: {dict(kinds)}")
        off = deviation(model, path, size)
        print(f"{path}.tflite: {dict(kinds)}, {len(model)} bytes, off by {off:.1e} of the largest value")
        if not off <= 1e-4:
            raise SystemExit(f"{path}: not the same network")
        with open(path + ".tflite", "wb") as file:
            file.write(model)


if __name__ == "__main__":
    main()
