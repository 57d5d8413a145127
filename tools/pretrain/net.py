"""The ghost-backbone network (batch norm folded) on the kernels: weights in one flat buffer, gradients written straight into another."""
import torch
import torch.nn.functional as F

import kernels as K
import plain as M

DT = torch.bfloat16


class Weight:
    """A convolution's kernel and bias as views: fp32, DT copy, gradients. Layout [N, kh, kw, C], depthwise [25, C], stem [N, 3, 3, 16]."""

    def __init__(self, name, kind, w, b):
        self.name, self.kind, self.w0, self.b0 = name, kind, w, b


def tiled_stem(w):
    """[N, 3, 6, 6] -> [N, 3, 3, 16]: phases of 2 x 2 pixels, RGB and a zero."""
    n = w.shape[0]
    w = w.view(n, 3, 3, 2, 3, 2).permute(0, 2, 4, 3, 5, 1)                 # n, ty, tx, dy, dx, c
    return F.pad(w, (0, 1)).reshape(n, 3, 3, 16).contiguous()


def plain_stem(w):
    n = w.shape[0]
    return w.reshape(n, 3, 3, 2, 2, 4)[..., :3].permute(0, 5, 1, 3, 2, 4).reshape(n, 3, 6, 6).contiguous()


class Net:
    def __init__(self, size, state, adapters, device, dt=DT):
        """`state`: folded safetensors; `adapters`: {row: channels of the teacher's map} (1x1 convolutions that are thrown away)."""
        self.size, self.device, self.dt = size, device, dt
        self.spec = M.Detector('yolov5-ghost-backbone', size, 80)
        self.list = []
        for i, m in enumerate(self.spec.model[:-1]):
            self._collect(f'model.{i}', m, state)
        for i in range(3):
            p = f'model.24.m.{i}.'
            self.list.append(Weight(p[:-1], 'head', state[p + 'weight'].float().permute(0, 2, 3, 1).contiguous(), state[p + 'bias'].float()))
        self.adapters = {}
        for row, (c, w, b) in adapters.items():
            self.list.append(Weight(f'adapter.{row}', 'adapter', w.view(c, 1, 1, -1), b))
            self.adapters[row] = self.list[-1]
        order = {'dense': 0, 'adapter': 0, 'stem': 0, 'head': 1, 'dw': 1}
        matrices = [p for p in self.list if order[p.kind] == 0]
        decay = [p for p in self.list if order[p.kind] == 1]
        pieces = [(p, 'w', p.w0) for p in matrices] + [(p, 'w', p.w0) for p in decay] + [(p, 'b', p.b0) for p in self.list]
        pad = lambda n: (n + 63) // 64 * 64
        total = sum(pad(t.numel()) for _, _, t in pieces)
        self.flat = torch.zeros(total, device=device)
        self.grad = torch.zeros(total, device=device)
        self.low = torch.zeros(total, device=device, dtype=dt)
        at = 0
        self.matrices, self.edges = matrices, {}
        for p, k, t in pieces:
            n = t.numel()
            if p.name not in self.edges and k == 'w' and order[p.kind] == 1:
                self.edges.setdefault('decay', at)
            if k == 'b':
                self.edges.setdefault('bias', at)
            view = self.flat[at:at + n].view(t.shape)
            view.copy_(t.to(device))
            setattr(p, k, view)
            setattr(p, 'g' + k, self.grad[at:at + n].view(t.shape))
            setattr(p, 'low' + k, self.low[at:at + n].view(t.shape))
            at += pad(n)
        self.by = {p.name: p for p in self.list}
        self.dummy = torch.zeros(1, device=device, requires_grad=True)

    def _collect(self, name, m, state):
        def one(path, kind):
            w, b = state[path + '.conv.weight'].float(), state[path + '.conv.bias'].float()
            if kind == 'dw':
                w = w.flatten(1).t().contiguous()
            elif kind == 'stem':
                w = tiled_stem(w)
            else:
                w = w.permute(0, 2, 3, 1).contiguous()
            self.list.append(Weight(path, kind, w, b))
        if isinstance(m, M.GhostConv):
            one(name + '.cv1', 'dense'); one(name + '.cv2', 'dw')
        elif isinstance(m, M.Conv):
            one(name, 'stem' if name == 'model.0' else 'dense')
        else:
            for k, child in m.named_children():
                self._collect(f'{name}.{k}', child, state)

    def cast(self):
        self.low.copy_(self.flat)

    def export(self, flat=None):
        """Folded state dict (without the adapters) of these weights or of an average of them."""
        flat = self.flat if flat is None else flat
        out = {}
        for p in self.list:
            w = flat[p.w.storage_offset():][:p.w.numel()].view(p.w.shape).cpu()
            b = flat[p.b.storage_offset():][:p.b.numel()].clone().cpu()
            if p.kind == 'dw':
                w = w.t().reshape(-1, 1, 5, 5)
            elif p.kind == 'stem':
                w = plain_stem(w)
            else:
                w = w.permute(0, 3, 1, 2)
            key = p.name if p.kind in ('head', 'adapter') else p.name + '.conv'
            out[key + '.weight'], out[key + '.bias'] = w.contiguous().clone(), b
        return out

    # -- forward ------------------------------------------------------------------------------------------------------------
    def run(self, name, m, x):
        if isinstance(m, M.GhostConv):
            return Ghost.apply(x, self.by[name + '.cv1'], self.by[name + '.cv2'], m.cv1.conv.kernel_size[0], m.cv1.conv.stride[0], not isinstance(m.cv1.act, torch.nn.Identity))
        if isinstance(m, M.Conv):
            return Dense.apply(x, self.by[name], m.conv.kernel_size[0], m.conv.stride[0], not isinstance(m.act, torch.nn.Identity))
        if isinstance(m, M.GhostBottleneck):
            return x + self.run(name + '.conv.2', m.conv[2], self.run(name + '.conv.0', m.conv[0], x))
        if isinstance(m, M.Bottleneck):
            y = self.run(name + '.cv2', m.cv2, self.run(name + '.cv1', m.cv1, x))
            return x + y if m.add else y
        if isinstance(m, M.C3):
            a = self.run(name + '.cv1', m.cv1, x)
            for i, b in enumerate(m.m):
                a = self.run(f'{name}.m.{i}', b, a)
            return self.run(name + '.cv3', m.cv3, torch.cat((a, self.run(name + '.cv2', m.cv2, x)), 1))
        if isinstance(m, M.SPPF):
            x = self.run(name + '.cv1', m.cv1, x)
            a = m.m(x)
            b = m.m(a)
            return self.run(name + '.cv2', m.cv2, torch.cat((x, a, b, m.m(b)), 1))
        return m(x)

    def forward(self, x):
        """x: [B, H/2, W/2, 16]; outputs of all rows, raw maps [B H W, 255] fp32 last."""
        ys = [Stem.apply(self.dummy, x, self.by['model.0'])]
        for i, (f, m) in enumerate(zip(self.spec.froms[1:24], self.spec.model[1:24]), 1):
            ys.append(self.run(f'model.{i}', m, ys[f] if isinstance(f, int) else [ys[j] for j in f]))
        ys.append([Head.apply(ys[r], self.by[f'model.24.m.{i}']) for i, r in enumerate((17, 20, 23))])
        return ys


def flat2d(x):
    """[B, C, H, W] channels-last -> [B H W, C] (a view)."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def nhwc(x):
    return x.contiguous(memory_format=torch.channels_last)


def maps(b, h, w, c, like):
    t = torch.empty((b, h, w, c), dtype=like.dtype, device=like.device)
    return t.permute(0, 3, 1, 2), t.view(-1, c)


def spread(w):
    """Weights [N, kh, kw, C] as [N, C, kh, kw]."""
    return w.permute(0, 3, 1, 2)


def conv_back(dz, x, p, k, s, need):
    """dz, x: channels-last maps; writes p's weight gradient, returns dx."""
    if k == 1:
        d2, x2 = flat2d(dz), flat2d(x)
        K.wgrad(d2, x2, p.gw.view(p.gw.shape[0], -1))
        if not need:
            return None
        dx, dx2 = maps(x.shape[0], x.shape[2], x.shape[3], x.shape[1], x)
        K.gemm(d2, p.loww.view(p.loww.shape[0], -1).t(), y=dx2)
        return dx
    dx, dw, _ = torch.ops.aten.convolution_backward(dz, x, spread(p.loww), None, [s, s], [k // 2, k // 2], [1, 1], False, [0, 0], 1, [need, True, False])
    spread(p.gw).copy_(dw)
    return dx


class Stem(torch.autograd.Function):
    @staticmethod
    def forward(ctx, dummy, x, p):
        x = x.permute(0, 3, 1, 2)
        z = F.conv2d(x, spread(p.loww), None, 1, 1)
        z = nhwc(z)
        y, y2 = maps(z.shape[0], z.shape[2], z.shape[3], z.shape[1], z)
        K.act(flat2d(z), p.b, y2)
        ctx.save_for_backward(x, z); ctx.p = p
        return y

    @staticmethod
    def backward(ctx, dy):
        x, z = ctx.saved_tensors
        p, dy = ctx.p, nhwc(dy)
        dz = K.act_back(flat2d(dy), flat2d(z), p.b, p.gb)
        b, c, h, w = z.shape
        conv_back(dz.view(b, h, w, c).permute(0, 3, 1, 2), x, p, 3, 1, False)
        return torch.zeros(1, device=dy.device), None, None


class Dense(torch.autograd.Function):
    """Convolution, bias, SiLU (or none)."""
    @staticmethod
    def forward(ctx, x, p, k, s, silu):
        x = nhwc(x)
        n = p.w.shape[0]
        if k == 1:
            b, _, h, w = x.shape
            y, y2 = maps(b, h, w, n, x)
            z, z2 = maps(b, h, w, n, x) if silu else (None, None)
            K.gemm(flat2d(x), p.loww.view(n, -1), p.b, z2, y2, silu)
        else:
            z = nhwc(F.conv2d(x, spread(p.loww), None, s, k // 2))
            y, y2 = maps(z.shape[0], z.shape[2], z.shape[3], n, z)
            K.act(flat2d(z), p.b, y2, silu)
        ctx.save_for_backward(x, z if silu else None)
        ctx.p, ctx.k, ctx.s, ctx.silu = p, k, s, silu
        return y

    @staticmethod
    def backward(ctx, dy):
        x, z = ctx.saved_tensors
        p, dy = ctx.p, nhwc(dy)
        b, n, h, w = dy.shape
        dz = K.act_back(flat2d(dy), flat2d(z) if ctx.silu else None, p.b, p.gb, ctx.silu)
        return conv_back(dz.view(b, h, w, n).permute(0, 3, 1, 2), x, p, ctx.k, ctx.s, True), None, None, None, None


class Ghost(torch.autograd.Function):
    """GhostConv: a convolution and a 5x5 depthwise one of its result, side by side in one map."""
    @staticmethod
    def forward(ctx, x, p, q, k, s, silu):
        x = nhwc(x)
        n = p.w.shape[0]
        b, _, h, w = x.shape
        h, w = (h + s - 1) // s, (w + s - 1) // s
        y, y2 = maps(b, h, w, 2 * n, x)
        z2 = None
        if k == 1:
            z, z2 = maps(b, h, w, n, x) if silu else (None, None)
            K.gemm(flat2d(x), p.loww.view(n, -1), p.b, z2, y2[:, :n], silu)
        else:
            z = nhwc(F.conv2d(x, spread(p.loww), None, s, k // 2))
            K.act(flat2d(z), p.b, y2[:, :n], silu)
        d, d2 = maps(b, h, w, n, x) if silu else (None, None)
        K.depthwise(y2[:, :n], (b, h, w), q.loww, q.b, y2[:, n:], d2, act=silu)
        ctx.save_for_backward(x, z if silu else None, y, d)
        ctx.rest = p, q, k, s, silu
        return y

    @staticmethod
    def backward(ctx, dy):
        x, z, y, d = ctx.saved_tensors
        p, q, k, s, silu = ctx.rest
        dy = nhwc(dy)
        b, c, h, w = dy.shape
        n = c // 2
        dy2, y2 = flat2d(dy), flat2d(y)
        dd = K.act_back(dy2[:, n:], flat2d(d) if silu else None, q.b, q.gb, silu)
        K.depthwise_wgrad(dd, y2[:, :n], (b, h, w), q.gw)
        d1, d12 = maps(b, h, w, n, dy)
        K.depthwise(dd, (b, h, w), q.loww, None, d12, flip=True, add=dy2[:, :n])
        dz = K.act_back(d12, flat2d(z) if silu else None, p.b, p.gb, silu)
        return conv_back(dz.view(b, h, w, n).permute(0, 3, 1, 2), x, p, k, s, True), None, None, None, None, None


class Head(torch.autograd.Function):
    """1x1 convolution with bias, fp32 out: [B H W, N]."""
    @staticmethod
    def forward(ctx, x, p):
        x = nhwc(x)
        n = p.w.shape[0]
        x2 = flat2d(x)
        y = torch.empty((x2.shape[0], n), device=x.device)
        K.gemm(x2, p.loww.view(n, -1), p.b, None, y)
        ctx.save_for_backward(x); ctx.p = p
        return y

    @staticmethod
    def backward(ctx, dy):
        x, = ctx.saved_tensors
        p = ctx.p
        b, _, h, w = x.shape
        n = dy.shape[1]
        low = dy.to(x.dtype)
        K.act_back(low, None, p.b, p.gb, False)
        return conv_back(low.view(b, h, w, n).permute(0, 3, 1, 2), x, p, 1, 1, True), None


class Adapter(torch.autograd.Function):
    """1x1 convolution of a map to the teacher's channels: [B H W, C] in the map's type."""
    @staticmethod
    def forward(ctx, x, p):
        x = nhwc(x)
        n = p.w.shape[0]
        x2 = flat2d(x)
        y = torch.empty((x2.shape[0], n), device=x.device, dtype=x.dtype)
        K.gemm(x2, p.loww.view(n, -1), p.b, None, y)
        ctx.save_for_backward(x); ctx.p = p
        return y

    backward = Head.backward
