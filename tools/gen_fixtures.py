#!/usr/bin/env python3
"""Writes tests/golden: modules.*, training.safetensors, net_*, nms.*, letterbox/geometry.json. Needs numpy, torch and safetensors.

    tools/gen_fixtures.py                 writes the files
    tools/gen_fixtures.py --check FOLDER  runs our modules, networks and NMS on the golden files of another
                                       implementation in FOLDER (same layout) and says how far the results are apart
"""

import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import reference_modules as l
from reference_modules import ANCHORS, Weights

OUT = Path(__file__).resolve().parent.parent / "tests" / "golden"
NETS = ["yolov5", "yolov5-ghost", "yolov5-ghost-backbone"]
TWO_LEVELS = [[10, 14, 23, 27], [81, 82, 135, 169]]

# Name, module, the row of a configuration that builds it (number, module, arguments), inputs, function.
# All by themselves; the numbers are chosen so that every branch of a module is taken at least once.
SINGLE = [
    ("conv_k1", "Conv(8, 16)", [1, "Conv", [16]], [2, 8, 3, 5], lambda w, x: l.conv(w, "", x, 16)),
    ("conv_k3s2", "Conv(8, 16, k=3, s=2)", [1, "Conv", [16, 3, 2]], [1, 8, 6, 8], lambda w, x: l.conv(w, "", x, 16, 3, 2)),
    ("conv_k3s2_odd", "Conv(4, 8, k=3, s=2)", [1, "Conv", [8, 3, 2]], [1, 4, 7, 9], lambda w, x: l.conv(w, "", x, 8, 3, 2)),
    ("conv_k6s2p2", "Conv(3, 16, k=6, s=2, p=2)", [1, "Conv", [16, 6, 2, 2]], [1, 3, 8, 12],
     lambda w, x: l.conv(w, "", x, 16, 6, 2, 2)),
    ("conv_k5", "Conv(4, 6, k=5)", [1, "Conv", [6, 5]], [1, 4, 5, 6], lambda w, x: l.conv(w, "", x, 6, 5)),
    ("conv_k3_g4", "Conv(8, 12, k=3, g=4)", [1, "Conv", [12, 3, 1, None, 4]], [1, 8, 4, 5],
     lambda w, x: l.conv(w, "", x, 12, 3, g=4)),
    ("conv_k3_d2", "Conv(4, 6, k=3, d=2)", [1, "Conv", [6, 3, 1, None, 1, 2]], [1, 4, 7, 6],
     lambda w, x: l.conv(w, "", x, 6, 3, d=2)),
    ("conv_k1x3", "Conv(4, 6, k=(1,3), s=(1,2))", [1, "Conv", [6, [1, 3], [1, 2]]], [1, 4, 4, 6],
     lambda w, x: l.conv(w, "", x, 6, (1, 3), (1, 2))),
    ("conv_noact", "Conv(8, 8, k=3, act=False)", [1, "Conv", [8, 3, 1, None, 1, 1, False]], [1, 8, 4, 5],
     lambda w, x: l.conv(w, "", x, 8, 3, act=False)),
    ("dwconv_k3", "DWConv(8, 8, k=3)", [1, "DWConv", [8, 3]], [1, 8, 5, 4], lambda w, x: l.dw_conv(w, "", x, 8, 3)),
    ("dwconv_k3s2_8_16", "DWConv(8, 16, k=3, s=2)", [1, "DWConv", [16, 3, 2]], [1, 8, 6, 6],
     lambda w, x: l.dw_conv(w, "", x, 16, 3, 2)),
    ("dwconv_gcd", "DWConv(12, 18, k=3)", [1, "DWConv", [18, 3]], [1, 12, 4, 5], lambda w, x: l.dw_conv(w, "", x, 18, 3)),
    ("ghostconv_k1s1", "GhostConv(8, 16)", [1, "GhostConv", [16]], [2, 8, 5, 4], lambda w, x: l.ghost_conv(w, "", x, 16)),
    ("ghostconv_k3s2", "GhostConv(8, 16, k=3, s=2)", [1, "GhostConv", [16, 3, 2]], [1, 8, 8, 6],
     lambda w, x: l.ghost_conv(w, "", x, 16, 3, 2)),
    ("ghostconv_k3_g2", "GhostConv(8, 16, k=3, s=1, g=2)", [1, "GhostConv", [16, 3, 1, 2]], [1, 8, 4, 5],
     lambda w, x: l.ghost_conv(w, "", x, 16, 3, g=2)),
    ("ghostconv_noact", "GhostConv(8, 16, act=False)", [1, "GhostConv", [16, 1, 1, 1, False]], [1, 8, 4, 5],
     lambda w, x: l.ghost_conv(w, "", x, 16, act=False)),
    ("ghostconv_odd_c2", "GhostConv(8, 10)", [1, "GhostConv", [10]], [1, 8, 4, 4], lambda w, x: l.ghost_conv(w, "", x, 10)),
    ("ghostbottleneck_s1", "GhostBottleneck(16, 16)", [1, "GhostBottleneck", [16]], [2, 16, 4, 5],
     lambda w, x: l.ghost_bottleneck(w, "", x, 16)),
    ("ghostbottleneck_s2", "GhostBottleneck(16, 24, k=3, s=2)", [1, "GhostBottleneck", [24, 3, 2]], [1, 16, 6, 8],
     lambda w, x: l.ghost_bottleneck(w, "", x, 24, 3, 2)),
    ("ghostbottleneck_s2_k5", "GhostBottleneck(8, 8, k=5, s=2)", [1, "GhostBottleneck", [8, 5, 2]], [1, 8, 7, 5],
     lambda w, x: l.ghost_bottleneck(w, "", x, 8, 5, 2)),
    ("bottleneck_add", "Bottleneck(16, 16, shortcut=True, g=1, e=0.5)", [1, "Bottleneck", [16, True, 1, 0.5]],
     [1, 16, 4, 4], lambda w, x: l.bottleneck(w, "", x, 16)),
    ("bottleneck_noadd_c", "Bottleneck(16, 24)", [1, "Bottleneck", [24]], [1, 16, 4, 4],
     lambda w, x: l.bottleneck(w, "", x, 24)),
    ("bottleneck_noadd", "Bottleneck(16, 16, shortcut=False, e=1.0)", [1, "Bottleneck", [16, False, 1, 1.0]],
     [1, 16, 4, 4], lambda w, x: l.bottleneck(w, "", x, 16, False, 1.0)),
    ("c3_n1", "C3(16, 16, n=1)", [1, "C3", [16]], [2, 16, 4, 5], lambda w, x: l.c3(w, "", x, 16)),
    ("c3_n2_noshortcut", "C3(16, 24, n=2, shortcut=False)", [2, "C3", [24, False]], [1, 16, 4, 4],
     lambda w, x: l.c3(w, "", x, 24, 2, False)),
    ("c3ghost_n1", "C3Ghost(16, 16, n=1)", [1, "C3Ghost", [16]], [2, 16, 4, 5], lambda w, x: l.c3_ghost(w, "", x, 16)),
    ("c3ghost_n2", "C3Ghost(16, 32, n=2)", [2, "C3Ghost", [32]], [1, 16, 4, 4], lambda w, x: l.c3_ghost(w, "", x, 32, 2)),
    ("c3ghost_n1_shortcut_false", "C3Ghost(16, 16, n=1, shortcut=False)", [1, "C3Ghost", [16, False]], [1, 16, 4, 5],
     lambda w, x: l.c3_ghost(w, "", x, 16, 1, False)),
    ("c3x_n1", "C3x(16, 16, n=1)", [1, "C3x", [16]], [1, 16, 4, 5], lambda w, x: l.c3x(w, "", x, 16)),
    ("crossconv", "CrossConv(8, 12, k=3, s=2, g=1, e=1.0, shortcut=False)", [1, "CrossConv", [12, 3, 2]], [1, 8, 6, 6],
     lambda w, x: l.cross_conv(w, "", x, 12, 3, 2)),
    ("crossconv_add", "CrossConv(8, 8, 3, 1, 1, 1.0, True)", [1, "CrossConv", [8, 3, 1, 1, 1.0, True]], [1, 8, 4, 5],
     lambda w, x: l.cross_conv(w, "", x, 8, shortcut=True)),
    ("bottleneckcsp_n1", "BottleneckCSP(16, 16, n=1)", [1, "BottleneckCSP", [16]], [1, 16, 4, 5],
     lambda w, x: l.bottleneck_csp(w, "", x, 16)),
    ("bottleneckcsp_n2_noshortcut", "BottleneckCSP(8, 16, n=2, shortcut=False)", [2, "BottleneckCSP", [16, False]],
     [1, 8, 4, 4], lambda w, x: l.bottleneck_csp(w, "", x, 16, 2, False)),
    ("spp", "SPP(16, 24, k=(5, 9, 13))", [1, "SPP", [24, [5, 9, 13]]], [1, 16, 7, 6], lambda w, x: l.spp(w, "", x, 24)),
    ("sppf", "SPPF(16, 24, k=5)", [1, "SPPF", [24, 5]], [2, 16, 5, 6], lambda w, x: l.sppf(w, "", x, 24)),
    ("sppf_tiny", "SPPF(8, 8, k=5)", [1, "SPPF", [8, 5]], [1, 8, 2, 3], lambda w, x: l.sppf(w, "", x, 8)),
    ("focus", "Focus(3, 8, k=3)", [1, "Focus", [8, 3]], [1, 3, 8, 6], lambda w, x: l.focus(w, "", x, 8, 3)),
    ("upsample", "Upsample(None, 2, nearest)", [1, "nn.Upsample", [None, 2, "nearest"]], [1, 8, 3, 2],
     lambda w, x: l.upsample(x)),
    ("convtranspose2d_k2s2", "ConvTranspose2d(8, 6, 2, 2)", [1, "nn.ConvTranspose2d", [6, 2, 2]], [1, 8, 3, 4],
     lambda w, x: l.conv_transpose(w, "", x, 6, 2, 2)),
    ("dwconvtranspose2d", "DWConvTranspose2d(8, 8, k=4, s=2, p1=1)", [1, "nn.ConvTranspose2d", [8, 4, 2, 1, 0, 8]],
     [1, 8, 3, 4], lambda w, x: l.conv_transpose(w, "", x, 8, 4, 2, 1, 8)),
    ("contract", "Contract(2)", [1, "Contract", [2]], [1, 3, 4, 6], lambda w, x: l.contract(x, 2)),
    ("expand", "Expand(2)", [1, "Expand", [2]], [1, 24, 2, 3], lambda w, x: l.expand(x, 2)),
]
# Name, classes, anchors, strides, inputs.
DETECT = [
    ("detect_3level_nc3", 3, ANCHORS, [8.0, 16.0, 32.0], [[1, 16, 4, 8], [1, 24, 2, 4], [1, 32, 1, 2]]),
    ("detect_3level_nc1_bs2", 1, ANCHORS, [8.0, 16.0, 32.0], [[2, 8, 4, 4], [2, 8, 2, 2], [2, 8, 1, 1]]),
    ("detect_2level_na2", 2, TWO_LEVELS, [16.0, 32.0], [[1, 8, 2, 4], [1, 12, 1, 2]]),
    ("detect_anchors_reversed", 2, ANCHORS, [8.0, 16.0, 32.0], [[1, 8, 4, 4], [1, 12, 2, 2], [1, 16, 1, 1]]),
]
TRAINED = ["conv_k1", "conv_k3s2_odd", "conv_k3_g4", "conv_k3_d2", "conv_noact", "dwconv_k3", "dwconv_gcd", "ghostconv_k3s2",
           "ghostbottleneck_s1", "ghostbottleneck_s2", "c3_n1", "c3ghost_n1", "bottleneckcsp_n1", "sppf"]
FOLDED = ["conv_noact", "dwconv_k3", "ghostconv_k1s1", "ghostbottleneck_s1"]


def fold(tensors):
    """The weights with every Conv's batch norm inside its convolution."""
    out = {}
    for key, value in tensors.items():
        stem = key.removesuffix("conv.weight")
        if key.endswith("conv.weight") and stem + "bn.weight" in tensors:
            norm = lambda name: tensors[f"{stem}bn.{name}"].astype(np.float64)
            scale = norm("weight") / np.sqrt(norm("running_var") + l.EPS)
            out[key] = (value * scale[:, None, None, None]).astype(np.float32)
            out[stem + "conv.bias"] = (norm("bias") - norm("running_mean") * scale).astype(np.float32)
        elif ".bn." not in f".{key}":
            out[key] = value
    return out


def f32(tensor):
    return np.ascontiguousarray(tensor.numpy().astype(np.float32))


def modules():
    tensors, cases = {}, []

    def case(name, module, seed, shapes, run, **more):
        w = Weights(seed)
        inputs = [w.random.normal(0, 1, shape).astype(np.float32) for shape in shapes]
        output, raws = run(w, [torch.from_numpy(x.astype(np.float64)) for x in inputs])
        for group, found in [("input", inputs), ("raw", [f32(raw) for raw in raws])]:
            tensors.update({f"{name}/{group}{index}": found for index, found in enumerate(found)})
        tensors[f"{name}/output"] = f32(output)
        tensors.update({f"{name}/weights/{key}": value for key, value in w.tensors.items()})
        if name in FOLDED:
            tensors.update({f"{name}/fused/weights/{key}": value for key, value in fold(w.tensors).items()})
            tensors[f"{name}/fused/output"] = f32(output)
        entry = {"name": name, "module": module, "seed": seed, "inputs": shapes, "output": list(output.shape)}
        cases.append(entry | more)

    for seed, (name, module, row, shape, run) in enumerate(SINGLE, 100):
        case(name, module, seed, [shape], lambda w, inputs: (run(w, inputs[0]), []), row=row)
    shapes = [[1, 4, 3, 4], [1, 6, 3, 4], [1, 2, 3, 4]]
    case("concat", "Concat(1)", 200, shapes, lambda w, inputs: (torch.cat(inputs, 1), []))
    for seed, (name, nc, anchors, strides, shapes) in enumerate(DETECT, 300):
        text = f"Detect(nc={nc}, anchors={anchors}, ch={[shape[1] for shape in shapes]}), strides {strides}"
        case(name, text, seed, shapes, lambda w, inputs: l.detect(w, "", inputs, nc, anchors, strides)[::-1],
             anchors_grid=[(np.reshape(a, (-1, 2)) / s).tolist() for a, s in zip(anchors, strides)])
    save_file(tensors, OUT / "modules.safetensors")
    lines = ",\n  ".join(json.dumps(case) for case in cases)
    (OUT / "modules.json").write_text(f'{{\n "file": "modules.safetensors",\n "cases": [\n  {lines}\n ]\n}}\n')


def training():
    """Some of the modules in training: batch norm over the batch, gradients by torch's automatic differentiation."""
    tensors = {}
    for seed, (name, _, _, shape, run) in enumerate(SINGLE, 600):
        if name not in TRAINED:
            continue
        made = Weights(seed)
        # Two pictures: what one of them sees alone is never what batch norm sees.
        x = made.random.normal(0, 1, [2, *shape[1:]]).astype(np.float32)
        run(made, torch.from_numpy(x.astype(np.float64)))
        w, leaf = l.Training(made.tensors), torch.from_numpy(x.astype(np.float64)).requires_grad_()
        output = run(w, leaf)
        grad = made.random.normal(0, 1, output.shape).astype(np.float32)
        (output * torch.from_numpy(grad.astype(np.float64))).sum().backward()
        found = {"output": f32(output.detach()), "grad_output": grad, "grad_input": f32(leaf.grad)}
        found |= {f"grad/{key}": f32(value.grad) for key, value in w.leaves.items() if value.grad is not None}
        found |= {f"after/{key}": f32(value) for key, value in w.after.items()}
        tensors |= {f"{name}/train/{key}": value for key, value in found.items()}
        tensors |= {f"{name}/weights/{key}": value for key, value in made.tensors.items()} | {f"{name}/input0": x}
    save_file(tensors, OUT / "training.safetensors")


def networks():
    """Hardly any channels, all rows; weights in half precision, results computed from exactly those."""
    for seed, arch in enumerate(NETS, 400):
        w = Weights(seed, np.float16)
        # Two shaded pictures with edges: what a letterboxed photo looks like, roughly.
        tiles, noise = w.random.integers(0, 256, (2, 3, 8, 12)), w.random.integers(-30, 30, (2, 3, 64, 96))
        picture = (tiles.repeat(8, 2).repeat(8, 3) + noise).clip(0, 255).astype(np.uint8)
        raws, decoded = l.network(w, arch, torch.from_numpy(picture / 255.0), 0.33, 0.03125, 3)
        tensors = {f"weights/{key}": value for key, value in w.tensors.items()}
        tensors |= {f"raw{index}": f32(raw) for index, raw in enumerate(raws)}
        save_file(tensors | {"input_u8": picture, "decoded": f32(decoded)}, OUT / f"net_{arch}-tiny-nc3.safetensors")


def nms(rows, conf_thres, iou_thres, classes, agnostic, multi_label, max_det):
    """Greedy suppression in single precision; `x1 y1 x2 y2 score class`, best first."""
    rows = rows[rows[:, 4] > conf_thres]
    scores = rows[:, 5:] * rows[:, 4:5]
    half = rows[:, 2:4] / np.float32(2)
    boxes = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], 1)
    if multi_label and scores.shape[1] > 1:
        at, best = np.nonzero(scores > conf_thres)
    else:
        best = scores.argmax(1)
        at = np.nonzero(scores[np.arange(len(scores)), best] > conf_thres)[0]
        best = best[at]
    found = np.concatenate([boxes[at], scores[at, best][:, None], best[:, None]], 1, dtype=np.float32)
    if classes is not None:
        found = found[np.isin(found[:, 5], classes)]
    found = found[np.argsort(-found[:, 4], kind="stable")]
    moved = found[:, :4] + (np.float32(0) if agnostic else found[:, 5:6] * np.float32(7680))
    area = (moved[:, 2] - moved[:, 0]) * (moved[:, 3] - moved[:, 1])
    kept, left = [], np.ones(len(found), bool)
    for index in range(len(found)):
        if not left[index]:
            continue
        kept.append(index)
        low, high = np.maximum(moved[index, :2], moved[:, :2]), np.minimum(moved[index, 2:], moved[:, 2:])
        inter = np.prod(np.maximum(high - low, np.float32(0)), 1)
        with np.errstate(invalid="ignore"):
            iou = inter / (area[index] + area - inter)
        left &= ~(iou.astype(np.float64) > iou_thres)
    return found[kept[:max_det]]


def suppression():
    draw = np.random.default_rng(500)
    tensors, cases = {}, []

    def random_rows(batch, count, nc):
        rows = draw.random((batch, count, 5 + nc))
        rows[..., :2] = draw.integers(0, 640, (batch, count, 2)) / 4
        rows[..., 2:4] = draw.integers(40, 400, (batch, count, 2)) / 4
        return rows.astype(np.float32)

    def crafted(*rows):
        return np.array([[[x, 50, 20, 20, score, float(at == 0), float(at == 1)] for x, score, at in rows]], np.float32)

    def case(name, pred, **given):
        args = {"conf_thres": 0.25, "iou_thres": 0.45, "classes": None, "agnostic": False, "multi_label": False}
        args = args | {"max_det": 300} | given
        found = [nms(rows, **args) for rows in pred]
        unique = all(len(set(rows[:, 4].tolist())) == len(rows) for rows in found)
        tensors.update({f"{name}/pred": pred} | {f"{name}/out{index}": rows for index, rows in enumerate(found)})
        cases.append({"name": name, "pred": f"{name}/pred", "args": args, "order_unique": unique})

    case("random", random_rows(2, 60, 3))
    case("multi_label", random_rows(1, 60, 3), multi_label=True)
    case("validation", random_rows(1, 60, 3), conf_thres=0.001, iou_thres=0.6, multi_label=True)
    case("agnostic", random_rows(1, 60, 3), agnostic=True)
    case("classes", random_rows(1, 60, 4), classes=[0, 2])
    case("few_wanted", random_rows(1, 60, 2), max_det=5)
    case("iou_0", random_rows(1, 60, 2), iou_thres=0.0)
    case("iou_1", random_rows(1, 60, 2), iou_thres=1.0)
    case("one_class", random_rows(1, 60, 1), multi_label=True)
    case("nothing", random_rows(1, 60, 2), conf_thres=0.9995)
    case("many_classes", random_rows(1, 40, 40), conf_thres=0.3)
    case("chain", crafted((40, 0.9, 0), (46, 0.8, 0), (52, 0.7, 0), (58, 0.6, 0)))
    case("other_class", crafted((40, 0.9, 0), (41, 0.8, 1)))
    case("equal_scores", crafted((40, 0.5, 0), (41, 0.5, 0), (90, 0.5, 1)))
    case("score_at_threshold", crafted((40, 0.25, 0), (90, 0.5, 0)))
    save_file(tensors, OUT / "nms.safetensors")
    lines = ",\n  ".join(json.dumps(case) for case in cases)
    (OUT / "nms.json").write_text(f'{{\n "file": "nms.safetensors",\n "cases": [\n  {lines}\n ]\n}}\n')


def letterbox(height, width, new_height, new_width, auto, scale_up, stride=32):
    ratio = min(new_height / height, new_width / width)
    ratio = ratio if scale_up else min(ratio, 1.0)
    inner = (round(width * ratio), round(height * ratio))
    pad = [new_width - inner[0], new_height - inner[1]]
    dw, dh = ((side % stride if auto else side) / 2 for side in pad)
    borders = [round(dh - 0.1), round(dh + 0.1), round(dw - 0.1), round(dw + 0.1)]
    out = [inner[1] + borders[0] + borders[1], inner[0] + borders[2] + borders[3]]
    return {"in_hw": [height, width], "new_shape_hw": [new_height, new_width], "auto": auto, "scaleup": scale_up,
            "out_hw": out, "unpad_wh": inner, "top_bottom_left_right": borders, "ratio": ratio, "pad_dw_dh": [dw, dh]}


def geometry():
    draw = random.Random(600)
    cases = [letterbox(480, 640, 640, 640, True, True), letterbox(1080, 810, 640, 640, True, True)]
    for _ in range(58):
        sides = [draw.randint(16, 1500), draw.randint(16, 1500), 32 * draw.randint(2, 20), 32 * draw.randint(2, 20)]
        cases.append(letterbox(*sides, draw.random() < 0.5, draw.random() < 0.7))
    lines = ",\n ".join(json.dumps(case) for case in cases)
    (OUT / "letterbox" / "geometry.json").write_text(f"[\n {lines}\n]\n")


def check(folder):
    """Ours on another implementation's weights and inputs."""
    theirs = load_file(folder / "modules.safetensors")
    under = lambda tensors, prefix: {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    apart = lambda ours, expected: float(np.abs(f32(ours) - expected).max())
    worst = 0.0
    single = {name: lambda w, xs, run=run: run(w, xs[0]) for name, _, _, _, run in SINGLE}
    single |= {name: lambda w, xs, rest=rest: l.detect(w, "", xs, *rest)[1] for name, *rest, _ in DETECT}
    single["detect_anchors_reversed"] = lambda w, xs: l.detect(w, "", xs, 2, ANCHORS, [8.0, 16.0, 32.0])[1]
    for name, run in single.items():
        w = Weights(None, given=under(theirs, f"{name}/weights/"))
        inputs = [theirs[f"{name}/input{i}"] for i in range(4) if f"{name}/input{i}" in theirs]
        before = len(w.tensors)
        difference = apart(run(w, [torch.from_numpy(x.astype(np.float64)) for x in inputs]), theirs[f"{name}/output"])
        assert len(w.tensors) == before, f"{name} asks for other weights"
        worst = max(worst, difference)
    print(f"{len(single)} modules: largest difference {worst:.1e}")
    for arch in NETS:
        net = load_file(folder / f"net_{arch}-n-nc3.safetensors")
        w = Weights(None, given=under(net, "weights/"))
        raws, decoded = l.network(w, arch, torch.from_numpy(net["input_u8"] / 255.0), 0.33, 0.25, 3)
        differences = [apart(raw, net[f"raw{index}"]) for index, raw in enumerate(raws)]
        print(f"{arch}: raw maps {max(differences):.1e}, boxes {apart(decoded, net['decoded']):.1e}")
    index, theirs = json.loads((folder / "nms.json").read_text()), load_file(folder / "nms.safetensors")
    for case in index["cases"]:
        for image, rows in enumerate(theirs[case["pred"]]):
            ours, expected = nms(rows, **case["args"]), theirs[f"{case['name']}/out{image}"]
            same = np.array_equal(ours, expected) if case["order_unique"] else len(ours) == len(expected)
            assert same, f"nms {case['name']}: {len(ours)} boxes, {len(expected)} expected"
    print(f"nms: {len(index['cases'])} cases equal")
    cases = json.loads((folder / "letterbox" / "geometry.json").read_text())
    for case in cases:
        ours = letterbox(*case["in_hw"], *case["new_shape_hw"], case["auto"], case["scaleup"])
        assert json.loads(json.dumps(ours)) == case, f"{ours} {case}"
    print(f"letterbox: {len(cases)} cases equal")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(Path(sys.argv[2]))
    else:
        modules()
        training()
        networks()
        suppression()
        geometry()
