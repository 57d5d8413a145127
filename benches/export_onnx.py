#!/usr/bin/env python3
"""Writes a configuration of ours as ONNX, for timing other engines on the same network.

    pip install onnx numpy pyyaml
    python3 benches/export_onnx.py configs/yolov5-ghost.yaml --size n --imgsz 320 out.onnx

Batch norm is folded, as every engine would do; weights are random (the time does not depend on them) and scaled so
that activations neither vanish nor grow. OUTPUT.json and OUTPUT.bin hold the same plainly. Input `images` (1, 3, H, W) fp32; outputs `raw0`, `raw1`, … (1, C, h, w).
"""
import argparse
import json
import math
import os

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

MULTIPLES = {"n": (0.33, 0.25), "s": (0.33, 0.50), "m": (0.67, 0.75), "l": (1.0, 1.0), "x": (1.33, 1.25)}


class Builder:
    """Nodes and weights, one method a module of the reference."""

    def __init__(self):
        self.nodes, self.weights, self.channels, self.count = [], [], {}, 0
        self.random = np.random.default_rng(0)

    def node(self, op, inputs, channels, **attributes):
        self.count += 1
        name = f"t{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.channels[name] = channels
        return name

    def constant(self, values):
        self.count += 1
        name = f"w{self.count}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(self, x, c2, k=1, s=1, p=None, g=1, act=True, centre=0.0):
        c1 = self.channels[x]
        shape = (c2, c1 // g, k, k)
        spread = 1.3 / math.sqrt(np.prod(shape[1:]))
        weight = self.constant((self.random.standard_normal(shape) * spread).astype(np.float32))
        bias = self.constant((centre + self.random.standard_normal(c2) * 0.1).astype(np.float32))
        p = k // 2 if p is None else p
        y = self.node("Conv", [x, weight, bias], c2, kernel_shape=[k, k], strides=[s, s], pads=[p] * 4, group=g)
        return self.node("Mul", [y, self.node("Sigmoid", [y], c2)], c2) if act else y

    def concat(self, parts):
        return self.node("Concat", parts, sum(self.channels[p] for p in parts), axis=1)

    def add(self, a, b):
        return self.node("Add", [a, b], self.channels[a])

    def ghost(self, x, c2, k=1, s=1, act=True):
        y = self.conv(x, c2 // 2, k, s, act=act)
        return self.concat([y, self.conv(y, c2 // 2, 5, 1, g=c2 // 2, act=act)])

    def ghost_bottleneck(self, x, c2):
        y = self.ghost(self.ghost(x, c2 // 2), c2, act=False)
        return self.add(y, x)

    def bottleneck(self, x, c2, shortcut):
        y = self.conv(self.conv(x, c2), c2, 3)
        return self.add(x, y) if shortcut and self.channels[x] == c2 else y

    def c3(self, x, c2, n, shortcut=True, ghost=False):
        hidden = c2 // 2
        y = self.conv(x, hidden)
        for _ in range(n):
            y = self.ghost_bottleneck(y, hidden) if ghost else self.bottleneck(y, hidden, shortcut)
        return self.conv(self.concat([y, self.conv(x, hidden)]), c2)

    def sppf(self, x, c2, k):
        parts = [self.conv(x, self.channels[x] // 2)]
        for _ in range(3):
            pool = dict(kernel_shape=[k, k], strides=[1, 1], pads=[k // 2] * 4)
            parts.append(self.node("MaxPool", [parts[-1]], self.channels[parts[-1]], **pool))
        return self.conv(self.concat(parts), c2)

    def upsample(self, x, scale):
        scales = self.constant(np.array([1, 1, scale, scale], np.float32))
        how = dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        return self.node("Resize", [x, "", scales], self.channels[x], **how)


def build(config, size, nc, imgsz):
    depth, width = MULTIPLES[size]
    anchors = len(config["anchors"][0]) // 2
    b = Builder()
    b.channels["images"] = 3
    rows, outputs = [], []
    for source, repeats, module, arguments in config["backbone"] + config["head"]:
        take = lambda i: (rows[-1] if rows else "images") if i == -1 else rows[i]  # noqa: E731
        inputs = [take(i) for i in (source if isinstance(source, list) else [source])]
        x = inputs[0]
        n = max(round(repeats * depth), 1) if repeats > 1 else repeats
        wide = lambda: math.ceil(arguments[0] * width / 8) * 8  # noqa: E731
        if module == "Conv":
            y = b.conv(x, wide(), *arguments[1:])
        elif module == "GhostConv":
            y = b.ghost(x, wide(), *arguments[1:])
        elif module in ("C3", "C3Ghost"):
            y = b.c3(x, wide(), n, arguments[1] is not False if len(arguments) > 1 else True, module == "C3Ghost")
        elif module == "SPPF":
            y = b.sppf(x, wide(), arguments[1])
        elif module == "Concat":
            y = b.concat(inputs)
        elif module == "nn.Upsample":
            y = b.upsample(x, arguments[1])
        elif module == "Detect":
            outputs = [b.conv(p, anchors * (nc + 5), act=False, centre=-12.0) for p in inputs]
            y = None
        else:
            raise SystemExit(f"module {module} is not supported here")
        rows.append(y)
    for level, output in enumerate(outputs):
        b.nodes.append(helper.make_node("Identity", [output], [f"raw{level}"]))
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)  # noqa: E731
    graph = helper.make_graph(
        b.nodes, "yolov5", [value("images", [1, 3, imgsz, imgsz])],
        [value(f"raw{i}", [1, anchors * (nc + 5), None, None]) for i in range(len(outputs))], b.weights,
    )
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
    parser.add_argument("config")
    parser.add_argument("output")
    parser.add_argument("--size", default="n", choices=MULTIPLES)
    parser.add_argument("--nc", type=int, default=80)
    parser.add_argument("--imgsz", type=int, default=320)
    a = parser.parse_args()
    with open(a.config) as file:
        config = yaml.safe_load(file)
    model = build(config, a.size, a.nc, a.imgsz)
    onnx.save(model, a.output)
    save_plain(model, a.output)
    save_product(os.path.join(os.path.dirname(a.output), "product.onnx"))
    parameters = sum(int(np.prod(w.dims)) for w in model.graph.initializer)
    print(f"{a.output}: {len(model.graph.node)} nodes, {parameters} parameters")


if __name__ == "__main__":
    main()
