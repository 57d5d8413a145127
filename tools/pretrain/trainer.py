"""The network, its teacher and losses put together."""
import math
import os

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import net as N
from losses import Losses
from optimiser import Optimiser
from teacher import Teacher

# Rows whose maps are imitated, and the teacher's channels there.
ROWS = (2, 4, 6, 9, 13, 17, 20, 23)
WIDTHS = {2: 32, 4: 64, 6: 128, 9: 256, 13: 128, 17: 64, 20: 128, 23: 256}


class Mimic(torch.autograd.Function):
    """Mean square of y - t times `scale` (a 0-dim tensor)."""
    @staticmethod
    def forward(ctx, y, t, scale):
        d = y - t.to(y.dtype)
        ctx.save_for_backward(d, scale)
        return d.float().square().mean() * scale

    @staticmethod
    def backward(ctx, g):
        d, scale = ctx.saved_tensors
        return d * (g * scale * (2 / d.numel())).to(d.dtype), None, None


class Trainer:
    """A step of everything. `a`: the options of `train.py`; `album`: pictures.Pictures; `dt`: what maps are stored in."""

    def __init__(self, a, album, device, dt):
        self.a, self.album, self.device, self.dt = a, album, device, dt
        self.teacher = Teacher(a.teacher, ROWS, device, torch.float16 if device == 'cuda' else torch.float32)
        self.mosaic = torch.tensor(float(a.mosaic), device=device)               # the graphs read it
        self.losses = Losses(device, gain=a.score_gain, weak=a.weak_score)
        state = load_file(a.init)
        self.net = N.Net(a.size, state, {}, device, dt)
        self.scale = {r: torch.ones((), device=device) for r in ROWS}
        adapters = self.fit()
        if adapters:
            self.net = N.Net(a.size, state, adapters, device, dt)
        self.opt = Optimiser(self.net, low=dt)
        self.sums = torch.zeros(7, device=device)

    @torch.no_grad()
    def fit(self, batches=3, ridge=1e-3):
        """Least squares from the network's maps to the teacher's (where the widths differ), and the variance of each map."""
        self.net.cast()
        sums, var = {}, {}
        for _ in range(batches):
            x, *_ = self.album.batch(min(64, self.a.batch), self.a.late[0], 0.3, self.dt)
            _, maps = self.teacher(x)
            ys = self.net.forward(x)
            for r in ROWS:
                t = maps[r].float()
                var.setdefault(r, []).append(t.var(0).mean())
                if self.a.size != 'n':
                    y = N.flat2d(N.nhwc(ys[r])).float()
                    y = torch.cat((y, torch.ones_like(y[:, :1])), 1)
                    s = sums.setdefault(r, [0, 0])
                    s[0], s[1] = s[0] + (y.t() @ y).double(), s[1] + (y.t() @ t).double()
        self.scale = {r: 1 / torch.stack(v).mean() for r, v in var.items()}
        out = {}
        for r, (s, t) in sums.items():
            eye = torch.eye(len(s), device=s.device, dtype=s.dtype) * (ridge * s.diagonal().mean())
            w = torch.linalg.solve(s + eye, t).float()
            out[r] = (WIDTHS[r], w[:-1].t().contiguous().cpu(), w[-1].contiguous().cpu())
        return out

    def step(self, size):
        """One step on a batch of `size` pixels; nothing in it waits for the processor."""
        a, net = self.a, self.net
        x, boxes, keep, known, cut = self.album.batch(a.batch, size, self.mosaic, self.dt)
        levels, maps = self.teacher(x)
        net.grad.zero_()
        net.cast()
        ys = net.forward(x)
        loss, parts = self.losses(ys[-1], boxes, keep, levels, a.share, known, cut)
        mimic = 0
        for r in ROWS:
            y = N.Adapter.apply(ys[r], net.adapters[r]) if r in net.adapters else N.flat2d(N.nhwc(ys[r]))
            mimic = mimic + (1.0 if r < 17 else 0.3) * Mimic.apply(y, maps[r], self.scale[r])
        mimic = mimic / len(ROWS)
        (loss + a.imitate * mimic).backward()
        self.opt.step()
        self.sums += torch.cat((parts, mimic.detach().view(1)))

    def knobs(self, n, progress, warm=200):
        """Learning rate of step `n`, and what `Optimiser.knobs` wants: cosine over the time, after `warm` steps of warm-up."""
        lr = self.a.lr * min(1, (n + 1) / warm) * (0.5 * (1 + math.cos(math.pi * min(1, progress))) * 0.99 + 0.01)
        d = 0.999 * (1 - math.exp(-(n + self.a.ema_start) / 500))
        return lr, torch.tensor([lr, 1 - d, 1 / (1 - 0.9 ** (n + 1)), 1 / (1 - 0.99 ** (n + 1))])

    def save(self, flat=None):
        """Averaged weights as fp16, with what the file they began as says of itself (names, configuration)."""
        os.makedirs(self.a.out, exist_ok=True)
        state = self.net.export(self.opt.ema if flat is None else flat)
        state = {k: v for k, v in state.items() if not k.startswith('adapter')}
        first = load_file(self.a.init)
        state.update({k: v for k, v in first.items() if k not in state})          # the anchors
        with safe_open(self.a.init, 'pt') as file:
            metadata = file.metadata()
        save_file({k: v.half().contiguous() for k, v in state.items()}, f'{self.a.out}/{self.a.size}.safetensors', metadata=metadata)
