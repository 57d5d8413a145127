"""The modules of YOLOv5 and its Ghost variants in plain torch functions, in double precision.

Written from a description of what each module computes, as a reference that shares nothing with the Rust code. A
module is run by calling its function; weights that are asked for the first time are drawn at random on the way, with batch
norm statistics taken from what actually arrives there, so that no activation dies out.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

EPS = 1e-3


class Weights:
    """Tensors by key; what is missing is drawn, rounded to `dtype` and kept."""

    def __init__(self, seed, dtype=np.float32, given=None):
        self.random = np.random.default_rng(seed)
        self.dtype = dtype
        self.tensors = dict(given or {})

    def get(self, key, draw):
        if key not in self.tensors:
            self.tensors[key] = np.asarray(draw()).astype(self.dtype)
        return torch.from_numpy(self.tensors[key].astype(np.float64))

    def kernel(self, key, shape):
        spread = 1.6 / math.sqrt(np.prod(shape[1:]))
        return self.get(key, lambda: self.random.normal(0, spread, shape))

    def vector(self, key, count, spread=0.3):
        return self.get(key, lambda: self.random.normal(0, spread, count))

    def norm(self, key, x):
        """Batch norm as at inference."""
        count = x.shape[1]
        mean, var = x.mean((0, 2, 3)).numpy(), x.var((0, 2, 3), correction=0).numpy()
        # Wider than what arrives: else rounding grows from layer to layer until it hides what is compared.
        var = var + 0.25 * mean**2 + 0.1
        drift = lambda low, high: self.random.uniform(low, high, count)
        mean = self.get(key + "running_mean", lambda: mean + drift(-0.3, 0.3) * np.sqrt(var))
        var = self.get(key + "running_var", lambda: var * drift(2.0, 4.0))
        weight = self.get(key + "weight", lambda: drift(0.5, 1.5))
        bias = self.vector(key + "bias", count, 0.2)
        each = lambda v: v[None, :, None, None]
        return (x - each(mean)) / torch.sqrt(each(var) + EPS) * each(weight) + each(bias)


class Training(Weights):
    """Given weights as leaves of torch's graph; batch norm over the batch, and the running statistics after it."""

    MOMENTUM = 0.03

    def __init__(self, given):
        super().__init__(0, given=given)
        self.leaves, self.after = {}, {}

    def get(self, key, draw):
        if key not in self.leaves:
            self.leaves[key] = super().get(key, draw).requires_grad_()
        return self.leaves[key]

    def norm(self, key, x):
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        count = x.numel() / x.shape[1]
        for name, now in [("running_mean", mean), ("running_var", var * count / (count - 1))]:
            before = torch.from_numpy(self.tensors[key + name].astype(np.float64))
            self.after[key + name] = (before + (now - before) * self.MOMENTUM).detach()
        each = lambda v: v[None, :, None, None]
        normal = (x - each(mean)) / torch.sqrt(each(var) + EPS)
        return normal * each(self.get(key + "weight", None)) + each(self.get(key + "bias", None))


def pair(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def conv(w, key, x, c2, k=1, s=1, p=None, g=1, d=1, act=True):
    k = pair(k)
    weight = w.kernel(key + "conv.weight", (c2, x.shape[1] // g, *k))
    padding = pair(p) if p is not None else tuple((d * (side - 1) + 1) // 2 for side in k)
    x = w.norm(key + "bn.", F.conv2d(x, weight, None, pair(s), padding, d, g))
    return F.silu(x) if act else x


def bare(w, key, x, c2):
    return F.conv2d(x, w.kernel(key + "weight", (c2, x.shape[1], 1, 1)))


def dw_conv(w, key, x, c2, k=1, s=1, act=True):
    return conv(w, key, x, c2, k, s, g=math.gcd(x.shape[1], c2), act=act)


def ghost_conv(w, key, x, c2, k=1, s=1, g=1, act=True):
    half = c2 // 2
    primary = conv(w, key + "cv1.", x, half, k, s, g=g, act=act)
    return torch.cat([primary, conv(w, key + "cv2.", primary, half, 5, g=half, act=act)], 1)


def ghost_bottleneck(w, key, x, c2, k=3, s=1):
    half = c2 // 2
    y = ghost_conv(w, key + "conv.0.", x, half)
    if s == 2:
        y = dw_conv(w, key + "conv.1.", y, half, k, s, act=False)
    y = ghost_conv(w, key + "conv.2.", y, c2, act=False)
    if s == 2:
        x = dw_conv(w, key + "shortcut.0.", x, x.shape[1], k, s, act=False)
        x = conv(w, key + "shortcut.1.", x, c2, act=False)
    return y + x


def bottleneck(w, key, x, c2, shortcut=True, e=0.5):
    y = conv(w, key + "cv2.", conv(w, key + "cv1.", x, int(c2 * e)), c2, 3)
    return x + y if shortcut and x.shape[1] == c2 else y


def cross_conv(w, key, x, c2, k=3, s=1, e=1.0, shortcut=False):
    y = conv(w, key + "cv1.", x, int(c2 * e), (1, k), (1, s))
    y = conv(w, key + "cv2.", y, c2, (k, 1), (s, 1))
    return x + y if shortcut and x.shape[1] == c2 else y


def c3_of(inner):
    """C3 with `inner(w, key, x, channels, shortcut)` as its bottlenecks."""

    def module(w, key, x, c2, n=1, shortcut=True):
        half = c2 // 2
        y = conv(w, key + "cv1.", x, half)
        for index in range(n):
            y = inner(w, f"{key}m.{index}.", y, half, shortcut)
        return conv(w, key + "cv3.", torch.cat([y, conv(w, key + "cv2.", x, half)], 1), c2)

    return module


c3 = c3_of(lambda w, key, x, c, shortcut: bottleneck(w, key, x, c, shortcut, e=1.0))
c3_ghost = c3_of(lambda w, key, x, c, shortcut: ghost_bottleneck(w, key, x, c))
c3x = c3_of(lambda w, key, x, c, shortcut: cross_conv(w, key, x, c, shortcut=shortcut))


def bottleneck_csp(w, key, x, c2, n=1, shortcut=True):
    half = c2 // 2
    y = conv(w, key + "cv1.", x, half)
    for index in range(n):
        y = bottleneck(w, f"{key}m.{index}.", y, half, shortcut, e=1.0)
    y = torch.cat([bare(w, key + "cv3.", y, half), bare(w, key + "cv2.", x, half)], 1)
    return conv(w, key + "cv4.", F.silu(w.norm(key + "bn.", y)), c2)


def spp(w, key, x, c2, k=(5, 9, 13)):
    x = conv(w, key + "cv1.", x, x.shape[1] // 2)
    return conv(w, key + "cv2.", torch.cat([x] + [F.max_pool2d(x, side, 1, side // 2) for side in k], 1), c2)


def sppf(w, key, x, c2, k=5):
    parts = [conv(w, key + "cv1.", x, x.shape[1] // 2)]
    for _ in range(3):
        parts.append(F.max_pool2d(parts[-1], k, 1, k // 2))
    return conv(w, key + "cv2.", torch.cat(parts, 1), c2)


def focus(w, key, x, c2, k=1):
    parts = [x[..., row::2, column::2] for row, column in [(0, 0), (1, 0), (0, 1), (1, 1)]]
    return conv(w, key + "conv.", torch.cat(parts, 1), c2, k)


def upsample(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def conv_transpose(w, key, x, c2, k, s, p=0, g=1):
    weight = w.kernel(key + "weight", (x.shape[1], c2 // g, k, k))
    return F.conv_transpose2d(x, weight, w.vector(key + "bias", c2), s, p, 0, g)


def contract(x, gain):
    b, c, h, v = x.shape
    x = x.reshape(b, c, h // gain, gain, v // gain, gain).permute(0, 3, 5, 1, 2, 4)
    return x.reshape(b, c * gain * gain, h // gain, v // gain)


def expand(x, gain):
    b, c, h, v = x.shape
    x = x.reshape(b, gain, gain, c // gain**2, h, v).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(b, c // gain**2, h * gain, v * gain)


def detect(w, key, maps, nc, anchors, strides):
    """Raw maps `(b, anchors, y, x, nc + 5)`, and boxes in pixels. `anchors`: pairs in pixels, a list a level."""
    levels = [np.asarray(level, np.float64).reshape(-1, 2) / stride for level, stride in zip(anchors, strides)]
    w.tensors.setdefault(key + "anchors", np.stack(levels).astype(w.dtype))
    raws, decoded = [], []
    for index, (x, stride) in enumerate(zip(maps, strides)):
        na, no = len(levels[index]), nc + 5
        weight = w.kernel(f"{key}m.{index}.weight", (na * no, x.shape[1], 1, 1))
        raw = F.conv2d(x, weight, w.vector(f"{key}m.{index}.bias", na * no))
        b, _, ny, nx = raw.shape
        raw = raw.reshape(b, na, no, ny, nx).permute(0, 1, 3, 4, 2)
        y, grid, sizes = raw.sigmoid(), torch.empty(ny, nx, 2), torch.from_numpy(levels[index] * stride)
        grid[..., 0], grid[..., 1] = torch.arange(nx) - 0.5, torch.arange(ny)[:, None] - 0.5
        centre, size = (2 * y[..., :2] + grid) * stride, (2 * y[..., 2:4]) ** 2 * sizes[:, None, None]
        decoded.append(torch.cat([centre, size, y[..., 4:]], -1).reshape(b, -1, no))
        raws.append(raw)
    return raws, torch.cat(decoded, 1)


ANCHORS = [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]]


def network(w, arch, x, depth, width, nc):
    """The raw maps and boxes of `yolov5`, `yolov5-ghost` or `yolov5-ghost-backbone`."""
    in_backbone, in_head = arch != "yolov5", arch == "yolov5-ghost"
    channels = lambda c2: math.ceil(c2 * width / 8) * 8
    down = lambda ghost: lambda key, x, c2, k, s: (ghost_conv if ghost else conv)(w, key, x, channels(c2), k, s)
    block = lambda ghost, shortcut: lambda key, x, c2, n: (c3_ghost if ghost else c3)(
        w, key, x, channels(c2), max(round(n * depth), 1), shortcut
    )
    d, c, h, e = down(in_backbone), block(in_backbone, True), down(in_head), block(in_head, False)
    rows = [(-1, lambda key, x: conv(w, key, x, channels(64), 6, 2, 2))]
    row = lambda module, *arguments: rows.append((-1, lambda key, x: module(key, x, *arguments)))
    join = lambda other: rows.append(((-1, other), lambda key, x, y: torch.cat([x, y], 1)))
    for c2, n in [(128, 3), (256, 6), (512, 9), (1024, 3)]:
        row(d, c2, 3, 2)
        row(c, c2, n)
    row(lambda key, x: sppf(w, key, x, channels(1024)))
    for c2, other in [(512, 6), (256, 4)]:
        row(h, c2, 1, 1)
        row(lambda key, x: upsample(x))
        join(other)
        row(e, c2, 3)
    for c2, other in [(256, 14), (512, 10)]:
        row(h, c2, 3, 2)
        join(other)
        row(e, 2 * c2, 3)
    outputs = []
    for index, (sources, module) in enumerate(rows):
        taken = [outputs[at] if outputs else x for at in pair(sources)[: 1 if sources == -1 else 2]]
        outputs.append(module(f"model.{index}.", *taken))
    return detect(w, "model.24.", [outputs[at] for at in (17, 20, 23)], nc, ANCHORS, [8.0, 16.0, 32.0])
