"""Detection and imitation losses with fixed shapes (for CUDA graphs): matches are compacted into buffers of a fixed length."""
import math

import torch
import torch.nn.functional as F

ANCHORS = [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]]
STRIDES = (8, 16, 32)
BALANCE = (4.0, 1.0, 0.4)


def ciou(a, b, eps=1e-7):
    a1, a2, b1, b2 = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    i = (torch.min(a2, b2) - torch.max(a1, b1)).clamp(0)
    inter = i[:, 0] * i[:, 1]
    iou = inter / (a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - inter + eps)
    hull = torch.max(a2, b2) - torch.min(a1, b1)
    distance = (a[:, :2] - b[:, :2]).square().sum(1) / (hull.square().sum(1) + eps)
    v = 4 / math.pi ** 2 * (torch.atan(b[:, 2] / (b[:, 3] + eps)) - torch.atan(a[:, 2] / (a[:, 3] + eps))).square()
    alpha = (v / (v - iou + 1 + eps)).detach()
    return iou - distance - v * alpha


def compact(mask, cap):
    """Indices of the first `cap` true entries, and which of the `cap` places hold one."""
    mask = mask.reshape(-1)
    place = mask.cumsum(0, dtype=torch.int32) - 1
    place = torch.where(mask & (place < cap), place, cap)
    out = torch.zeros(cap + 1, dtype=torch.int64, device=mask.device)
    out.scatter_(0, place.long(), torch.arange(mask.numel(), device=mask.device))
    return out[:cap], torch.arange(cap, device=mask.device) < mask.sum()


class Pick(torch.autograd.Function):
    """Rows `idx` of y [N, 85], and its objectness column."""
    @staticmethod
    def forward(ctx, y, idx):
        ctx.save_for_backward(idx); ctx.shape = y.shape
        return y.index_select(0, idx), y[:, 4].clone()

    @staticmethod
    def backward(ctx, rows, obj):
        idx, = ctx.saved_tensors
        g = torch.zeros(ctx.shape, device=rows.device)
        g.index_add_(0, idx, rows)
        g[:, 4] += obj
        return g, None


class Losses:
    def __init__(self, device, floor=0.02, gain=1.0, weak=0.5):
        """Boxes count by their score times `gain`; those with a score below `weak` are neither object nor background."""
        self.floor, self.gain, self.weak = floor, gain, weak
        self.anchors = [(torch.tensor(a).float().view(3, 2) / s).to(device) for a, s in zip(ANCHORS, STRIDES)]
        self.shift = torch.tensor([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], device=device).float() * 0.5

    def matches(self, boxes, valid, level, h, cap):
        """boxes [B, T, 6]: class, centre and size in 0..1, score."""
        anchors, B, T = self.anchors[level], boxes.shape[0], boxes.shape[1]
        box = boxes[:, :, 1:5] * h
        ratio = box[:, :, None, 2:] / anchors
        ok = torch.maximum(ratio, 1 / ratio.clamp(min=1e-9)).amax(3) < 4                        # B T 3
        centre = box[:, :, :2]
        flipped = h - centre
        near, far = (centre % 1 < 0.5) & (centre > 1), (flipped % 1 < 0.5) & (flipped > 1)
        choice = torch.stack((torch.ones_like(near[..., 0]), near[..., 0], near[..., 1], far[..., 0], far[..., 1]), 2)   # B T 5
        mask = (valid[:, :, None] & ok)[..., None] & choice[:, :, None]                          # B T 3 5
        at, used = compact(mask, cap)
        k, a, t = at % 5, at // 5 % 3, at // 15                                                  # t: picture and box
        flat = boxes.reshape(-1, 6)[t]
        box = box.reshape(-1, 4)[t]
        cell = (box[:, :2] - self.shift[k]).long().clamp(0, h - 1)
        rel = torch.cat((box[:, :2] - cell, box[:, 2:]), 1)
        index = (((t // T) * h + cell[:, 1]) * h + cell[:, 0]) * 3 + a
        return index, used, rel, anchors[a], flat[:, 0].long(), flat[:, 5]

    def echoes(self, t, level, cap):
        """What the teacher's cells [B, h, h, 85] say: rows of the student, teacher's rows, anchors, weight; wanted objectness of all."""
        anchors = self.anchors[level]
        t = t.reshape(-1, 85)
        seen = t[:, 4] * t[:, 5:].amax(1)
        wh = t[:, 2:4].exp()
        ratio = torch.maximum(wh[:, None] / anchors, anchors / wh[:, None]).amax(2)
        mask = (seen > self.floor)[:, None] & ((ratio < 3) | (ratio == ratio.amin(1, keepdim=True)))   # N 3
        wanted = torch.where(mask, t[:, 4:5].clamp(0, 1), 0).reshape(-1)
        at, used = compact(mask, cap)
        return at, used, t[at // 3], anchors[at % 3], seen[at // 3], wanted

    def judged(self, y, boxes, strong, weak, known, cut, h):
        """[B h h 3]: where objectness is right or wrong. It is neither where a weak box is, nor where a cell finds something of
        a class that its quarter does not label exhaustively, apart from all labelled boxes."""
        B = boxes.shape[0]
        at = (torch.arange(h, device=y.device) + 0.5) / h
        low, high = boxes[..., 1:3] - boxes[..., 3:5] / 2, boxes[..., 1:3] + boxes[..., 3:5] / 2
        across = (at[None, None] > low[..., :1]) & (at[None, None] < high[..., :1])             # B T h
        down = (at[None, None] > low[..., 1:]) & (at[None, None] < high[..., 1:])

        def inside(which):
            rows = (down & which[..., None]).to(torch.float16 if y.is_cuda else torch.float32)
            return torch.einsum('btr,btc->brc', rows, across.to(rows.dtype)) > 0                # B h h

        quarter = (at[None, None] > cut[:, :1, None]).long() + 2 * (at[None, :, None] > cut[:, 1:, None]).long()   # B h h
        cls = y.view(B, h, h, 3, 85)[..., 5:].argmax(4)
        of_cell = torch.gather(known.flatten(1), 1, (quarter[..., None] * known.shape[2] + cls).flatten(1)).view(B, h, h, 3)
        return ((of_cell | inside(strong)[..., None]) & ~inside(weak)[..., None]).reshape(-1)

    def __call__(self, raw, boxes, valid, levels, share, known, cut, caps=(160, 256)):
        """raw: three [B h h, 255]; returns the loss of one picture and its parts [6]."""
        B = boxes.shape[0]
        strong, weak = valid & (boxes[..., 5] >= self.weak), valid & (boxes[..., 5] < self.weak)
        parts = []
        total = 0
        for level, y in enumerate(raw):
            h = round((y.shape[0] / B) ** 0.5)
            size = (h * STRIDES[level] / 640) ** 2
            balance = BALANCE[level]
            i1, u1, rel, anchor, cls, score = self.matches(boxes, strong, level, h, caps[0] * B)
            i2, u2, p, anchor2, w2, wanted = self.echoes(levels[level], level, caps[1] * B)
            rows, obj = Pick.apply(y.view(-1, 85), torch.cat((i1, i2)))
            q1, q2 = rows.split((len(i1), len(i2)))
            decode = lambda q, a: torch.cat((q[:, :2].sigmoid() * 2 - 0.5, (q[:, 2:4].sigmoid() * 2) ** 2 * a), 1)
            iou = ciou(decode(q1, anchor), rel.clamp(min=-4))
            w = torch.where(u1, (score * self.gain).clamp(0.1, 1), 0)
            ws = w.sum().clamp(min=1e-6)
            lbox = torch.where(u1, (1 - iou) * w, 0).sum() / ws
            tobj = torch.zeros_like(obj).scatter_reduce_(0, i1, (iou.detach().clamp(0) * w), 'amax', include_self=True)
            onehot = (cls[:, None] == torch.arange(80, device=y.device)).float()
            lcls = (F.binary_cross_entropy_with_logits(q1[:, 5:], onehot, reduction='none').mean(1) * w).sum() / ws
            judged = self.judged(y.detach(), boxes, strong, weak, known, cut, h) | (tobj > 0)
            lobj = (F.binary_cross_entropy_with_logits(obj, tobj, reduction='none') * judged).mean() * balance
            first = torch.stack((lbox * 0.05, lobj * size, lcls * 0.5))
            w = torch.where(u2, w2, 0)
            ebox = torch.where(u2, (1 - ciou(decode(q2, anchor2), torch.cat((p[:, :2], p[:, 2:4].exp()), 1))) * w, 0).sum() / w.sum().clamp(min=1e-6)
            w = torch.where(u2, p[:, 4], 0)
            ecls = (F.binary_cross_entropy_with_logits(q2[:, 5:], p[:, 5:].clamp(0, 1), reduction='none').mean(1) * w).sum() / w.sum().clamp(min=1e-6)
            eobj = F.binary_cross_entropy_with_logits(obj, wanted) * balance
            second = torch.stack((ebox * 0.05, eobj * size, ecls))
            total = total + share * first.sum() + (1 - share) * second.sum()
            parts.append(torch.cat((first, second)).detach())
        return total, torch.stack(parts).sum(0)
