"""Muon for the weights of dense convolutions (K. Jordan, 2024; scaled to AdamW's step, Moonlight, 2025), AdamW for the rest,
and the average of all: everything on flat buffers, without a word from the processor."""
import torch


def orthogonal(g, steps=5):
    x = g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)
    flip = x.shape[1] > x.shape[2]
    x = (x.transpose(1, 2) if flip else x).contiguous()
    for _ in range(steps):
        s = x @ x.transpose(1, 2)
        x = 3.4445 * x + torch.baddbmm(s, s, s, beta=-4.7750, alpha=2.0315) @ x
    return x.transpose(1, 2) if flip else x


class Optimiser:
    """Muon for the matrices, AdamW for the rest, an average of all. `knobs`: lr, 1 - average's decay, Adam's two corrections."""

    def __init__(self, net, decay=0.02, momentum=0.95, low=torch.bfloat16):
        self.net, self.decay, self.momentum, self.low = net, decay, momentum, low
        self.m, self.d = net.edges['decay'], net.edges['bias']
        groups = {}
        for p in net.matrices:
            groups.setdefault((p.w.shape[0], p.w[0].numel()), []).append(p)
        self.groups = list(groups.items())
        self.buffers = [torch.zeros((len(ps), *shape), device=net.device) for shape, ps in self.groups]
        self.update = torch.zeros(self.m, device=net.device)
        n = net.flat.numel() - self.m
        self.m1, self.m2 = torch.zeros(n, device=net.device), torch.zeros(n, device=net.device)
        self.ema = net.flat.clone()
        self.knobs = torch.zeros(4, device=net.device)

    @torch.no_grad()
    def step(self):
        net, lr = self.net, self.knobs[0]
        scale = (10 / (net.grad.norm() + 1e-6)).clamp(max=1)
        net.grad.mul_(scale)
        for (shape, ps), buffer in zip(self.groups, self.buffers):
            g = torch.stack([p.gw.view(shape) for p in ps])
            buffer.lerp_(g, 1 - self.momentum)
            u = orthogonal(g.lerp(buffer, self.momentum).to(self.low)).float() * (0.2 * max(shape) ** 0.5)
            torch._foreach_copy_([self.update[p.w.storage_offset():][:p.w.numel()].view(shape) for p in ps], list(u.unbind()))
        flat, g = net.flat, net.grad[self.m:]
        flat[:self.d].mul_(1 - lr * self.decay)
        flat[:self.m].sub_(self.update * lr)
        self.m1.lerp_(g, 0.1)
        self.m2.lerp_(g * g, 0.01)
        flat[self.m:].sub_(self.m1 * self.knobs[2] / ((self.m2 * self.knobs[3]).sqrt() + 1e-8) * lr)
        self.ema.lerp_(flat, self.knobs[1])
