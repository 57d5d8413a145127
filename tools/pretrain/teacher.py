"""YOLOX-nano (Apache-2.0) on the kernels, fp16: its maps and its cells, from pictures as [B, H/2, W/2, 16]."""
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

import kernels as K
from net import flat2d, maps, nhwc

ROW_TENSORS = {2: 'input.67', 4: 'input.175', 6: 'input.283', 9: 'input.359', 13: 'input.415', 17: 'input.471', 20: 'input.531', 23: 'input.591'}
LEVELS = ('onnx::Shape_1066', 'onnx::Shape_1108', 'output.1')
DROPPED = ('Reshape_405', 'Reshape_413', 'Reshape_421', 'Concat_422', 'Transpose_423')


class Teacher:
    def __init__(self, path, rows, device, dt=torch.float16):
        graph = onnx.load(path).graph
        self.dt, self.rows = dt, rows
        init = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
        attr = lambda n, k: next(onnx.helper.get_attribute_value(a) for a in n.attribute if a.name == k)
        nodes = [n for n in graph.node if n.name not in DROPPED]
        stem = next(i for i, n in enumerate(nodes) if n.name == 'Conv_41')
        consumers = {}
        for n in nodes:
            for i in n.input:
                consumers.setdefault(i, []).append(n)
        self.steps, skip = [], set()
        wanted = set(LEVELS) | {ROW_TENSORS[r] for r in rows}
        for j, n in enumerate(nodes[stem:]):
            if id(n) in skip or n.op_type == 'Constant':
                continue
            if n.op_type == 'Conv':
                w, b = init[n.input[1]], init[n.input[2]] if len(n.input) > 2 else torch.zeros(init[n.input[1]].shape[0])
                g, k, s = attr(n, 'group'), w.shape[2], attr(n, 'strides')[0]
                out, silu = n.output[0], False
                use = consumers.get(out, [])
                if len(use) == 2 and {u.op_type for u in use} == {'Sigmoid', 'Mul'} and out not in wanted:
                    sig = next(u for u in use if u.op_type == 'Sigmoid'); mul = next(u for u in use if u.op_type == 'Mul')
                    if sig.output[0] in mul.input:
                        skip |= {id(sig), id(mul)}
                        out, silu = mul.output[0], True
                if j == 0:
                    t = torch.zeros(w.shape[0], 3, 3, 16)
                    for phase, (dy, dx) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
                        part = w[:, 3 * phase:3 * phase + 3].flip(1) * 255
                        t[..., (dy * 2 + dx) * 4:(dy * 2 + dx) * 4 + 3] = part.permute(0, 2, 3, 1)
                    w, kind, source = t.permute(0, 3, 1, 2), 'conv', 'pixels'
                elif g > 1:
                    assert w.shape[1] == 1
                    w, kind, source = w.flatten(1).t(), 'dw', n.input[0]
                elif k == 1 and s == 1:
                    w, kind, source = w.flatten(1), 'mm', n.input[0]
                else:
                    kind, source = 'conv', n.input[0]
                w = w.to(device, dt)
                w = w.contiguous(memory_format=torch.channels_last) if kind == 'conv' else w.contiguous()
                self.steps.append((kind, [source], out, (w, b.to(device).float(), k, s, silu)))
            elif n.op_type in ('Sigmoid', 'Mul', 'Add'):
                self.steps.append((n.op_type, list(n.input), n.output[0], None))
            elif n.op_type == 'Concat':
                self.steps.append(('Concat', list(n.input), n.output[0], attr(n, 'axis')))
            elif n.op_type == 'MaxPool':
                self.steps.append(('MaxPool', list(n.input), n.output[0], (attr(n, 'kernel_shape')[0], attr(n, 'pads')[0])))
            elif n.op_type == 'Resize':
                self.steps.append(('Resize', [n.input[0]], n.output[0], None))
            else:
                raise NotImplementedError(n.op_type)
        last = {}
        for i, (_, ins, _, _) in enumerate(self.steps):
            for name in ins:
                last[name] = i
        self.free = [[k for k, v in last.items() if v == i and k not in wanted] for i in range(len(self.steps))]

    @torch.no_grad()
    def __call__(self, x):
        """-> levels [B, H/s, W/s, 85] fp32 (dx dy log w log h in cells, objectness, classes), {row: [B H W, C]}."""
        v = {'pixels': x.to(self.dt).permute(0, 3, 1, 2)}
        for (kind, ins, out, p), free in zip(self.steps, self.free):
            a = [v[i] for i in ins]
            if kind in ('conv', 'dw', 'mm'):
                w, b, k, s, silu = p
                t = a[0] if kind == 'conv' else nhwc(a[0])
                if kind == 'conv':
                    z = nhwc(F.conv2d(t, w, None, s, k // 2))
                    y, y2 = maps(z.shape[0], z.shape[2], z.shape[3], z.shape[1], z)
                    K.act(flat2d(z), b, y2, silu)
                else:
                    n, _, h, wd = t.shape
                    y, y2 = maps(n, (h + s - 1) // s, (wd + s - 1) // s, b.shape[0], t)
                    if kind == 'dw':
                        K.depthwise(flat2d(t), (n, h, wd), w, b, y2, k=k, s=s, act=silu)
                    else:
                        K.gemm(flat2d(t), w, b, None, y2, silu)
            elif kind == 'Sigmoid':
                y = a[0].sigmoid()
            elif kind == 'Mul':
                y = a[0] * a[1]
            elif kind == 'Add':
                y = a[0] + a[1]
            elif kind == 'Concat':
                y = torch.cat(a, p)
            elif kind == 'MaxPool':
                y = F.max_pool2d(a[0], p[0], 1, p[1])
            else:
                y = F.interpolate(a[0], scale_factor=2, mode='nearest')
            v[out] = y
            for k in free:
                v.pop(k, None)
        return [nhwc(v[n]).permute(0, 2, 3, 1).float() for n in LEVELS], {r: flat2d(nhwc(v[ROW_TENSORS[r]])) for r in self.rows}
