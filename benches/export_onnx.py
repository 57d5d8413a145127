#!/usr/bin/env python3
"""Writes one of our networks as ONNX, for timing other engines on the same network.

    pip install onnx numpy
    python3 benches/export_onnx.py configs/yolov5-ghost.yaml --size n --imgsz 320 out.onnx

The network is that of tools/reference_modules.py; torch is not needed (see `Recorder`). Batch norm is folded, as every engine
would do; weights are random (the time does not depend on them) and scaled so that activations neither vanish nor grow.
OUTPUT.json and OUTPUT.bin hold the same plainly. Input `images` (1, 3, H, W) fp32; outputs `raw0`, `raw1`, … (1, C, h, w).
"""
import argparse
import json
import math
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MULTIPLES = {"n": (0.33, 0.25), "s": (0.33, 0.50), "m": (0.67, 0.75), "l": (1.0, 1.0), "x": (1.33, 1.25)}


class Tensor:
    """What stands for a torch tensor: the name of a value of the graph, and its channels."""

    def __init__(self, recorder, name, channels):
        self.recorder, self.name, self.shape = recorder, name, (1, channels)

    def __add__(self, other):
        return self.recorder.node("Add", [self, other], self.shape[1])


class Recorder:
    """Stands for `torch`, for `torch.nn.functional` and for the weights while the reference's functions run: writes down what
    they compute, as nodes."""

    def __init__(self):
        self.nodes, self.weights, self.count = [], [], 0
        self.nn = self.functional = self
        self.random = np.random.default_rng(0)

    def name(self, letter):
        self.count += 1
        return f"{letter}{self.count}"

    def node(self, op, inputs, channels, **attributes):
        name = self.name("t")
        inputs = [one.name if isinstance(one, Tensor) else one for one in inputs]
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return Tensor(self, name, channels)

    def constant(self, values):
        name = self.name("w")
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    # The weights.

    def kernel(self, key, shape):
        spread = 1.3 / math.sqrt(np.prod(shape[1:]))
        return (self.random.standard_normal(shape) * spread).astype(np.float32)

    def norm(self, key, x):
        """Folded into the convolution before it."""
        return x

    # torch's functions.

    def conv2d(self, x, weight, bias, stride, padding, dilation, groups, centre=0.0):
        bias = (centre + self.random.standard_normal(len(weight)) * 0.1).astype(np.float32)
        sizes = dict(kernel_shape=weight.shape[2:], strides=stride, pads=padding * 2, group=groups)
        return self.node("Conv", [x, self.constant(weight), self.constant(bias)], len(weight), **sizes)

    def silu(self, x):
        return self.node("Mul", [x, self.node("Sigmoid", [x], x.shape[1])], x.shape[1])

    def cat(self, parts, axis):
        return self.node("Concat", parts, sum(part.shape[1] for part in parts), axis=axis)

    def max_pool2d(self, x, kernel, stride, padding):
        sizes = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4)
        return self.node("MaxPool", [x], x.shape[1], **sizes)

    # What is one node here and several steps there.

    def upsample(self, x):
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        how = dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        return self.node("Resize", [x, "", scales], x.shape[1], **how)

    def detect(self, _, key, maps, nc, anchors, strides):
        outputs = [len(level) // 2 * (nc + 5) for level in anchors]
        heads = [self.kernel(key, (c2, x.shape[1], 1, 1)) for x, c2 in zip(maps, outputs)]
        # Few cells are above a threshold, as with trained weights.
        return [self.conv2d(x, head, None, (1, 1), (0, 0), 1, 1, centre=-12.0) for x, head in zip(maps, heads)]


def build(architecture, size, nc, imgsz):
    recorder = Recorder()
    # The reference needs torch to compute, and nothing of it to be written down.
    sys.modules.update({"torch": recorder, "torch.nn": recorder, "torch.nn.functional": recorder})
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
    import reference_modules

    reference_modules.upsample, reference_modules.detect = recorder.upsample, recorder.detect
    maps = reference_modules.network(recorder, architecture, Tensor(recorder, "images", 3), *MULTIPLES[size], nc)
    nodes = recorder.nodes + [helper.make_node("Identity", [one.name], [f"raw{i}"]) for i, one in enumerate(maps)]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)  # noqa: E731
    outputs = [value(f"raw{i}", [1, one.shape[1], None, None]) for i, one in enumerate(maps)]
    graph = helper.make_graph(nodes, "yolov5", [value("images", [1, 3, imgsz, imgsz])], outputs, recorder.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def save_plain(model, path):
    """The same as JSON and one file of fp32 weights, for engines that read neither ONNX nor a format that can be written
    here: nodes in order; a convolution's weight as height, width, in, out (depthwise: height, width, channel, 1)."""
    weights = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    nodes, values, offset = [], [], 0
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        row = {"op": node.op_type, "in": [i for i in node.input if i and i not in weights], "out": node.output[0]}
        if node.op_type == "Conv":
            weight, bias = (weights[name] for name in node.input[1:])
            depthwise = attributes["group"] > 1
            weight = weight.transpose(2, 3, 0, 1) if depthwise else weight.transpose(2, 3, 1, 0)
            row |= {"depthwise": depthwise, "stride": attributes["strides"][0], "pad": attributes["pads"][0],
                    "shape": list(weight.shape), "weight": offset, "bias": offset + weight.size}
            values += [weight.ravel(), bias.ravel()]
            offset += weight.size + bias.size
        elif node.op_type == "MaxPool":
            row |= {"kernel": attributes["kernel_shape"][0]}
        elif node.op_type == "Resize":
            row |= {"scale": int(weights[node.input[2]][2])}
        nodes.append(row)
    with open(path + ".json", "w") as file:
        json.dump({"nodes": nodes}, file)
    np.concatenate(values).astype("<f4").tofile(path + ".bin")


def save_product(path):
    """A plain matrix product, 400 x 1024 by 1024 x 256, for what an engine reaches at most. Input `a`, output `c`."""
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)  # noqa: E731
    b = numpy_helper.from_array(np.ones((1024, 256), np.float32), "b")
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", [value("a", [400, 1024])], [value("c", [400, 256])], [b])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="yolov5.yaml, yolov5-ghost.yaml or yolov5-ghost-backbone.yaml")
    parser.add_argument("output")
    parser.add_argument("--size", default="n", choices=MULTIPLES)
    parser.add_argument("--nc", type=int, default=80)
    parser.add_argument("--imgsz", type=int, default=320)
    a = parser.parse_args()
    architecture = os.path.splitext(os.path.basename(a.config))[0]
    if architecture not in ("yolov5", "yolov5-ghost", "yolov5-ghost-backbone"):
        raise SystemExit(f"{a.config}: only yolov5, yolov5-ghost and yolov5-ghost-backbone can be exported")
    model = build(architecture, a.size, a.nc, a.imgsz)
    onnx.save(model, a.output)
    save_plain(model, a.output)
    save_product(os.path.join(os.path.dirname(a.output), "product.onnx"))
    parameters = sum(int(np.prod(w.dims)) for w in model.graph.initializer)
    print(f"{a.output}: {len(model.graph.node)} nodes, {parameters} parameters")


if __name__ == "__main__":
    main()
