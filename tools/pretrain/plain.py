"""The three architectures and both losses in plain PyTorch: where `net.py` takes its structure from, and what `check.py`
compares it with. Keys of the state dict are YOLOv5's (`model.{row}.…`)."""
import math
from math import gcd

import torch
import torch.nn as nn
import torch.nn.functional as F

STRIDES = (8, 16, 32)
ANCHORS = [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]]


class Conv(nn.Module):
    """Convolution without bias, batch norm, SiLU (or none)."""

    def __init__(self, c1, c2, k=1, s=1, p=None, g=1, act=True):
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, k, s, k // 2 if p is None else p, groups=g, bias=False)
        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True) if act else nn.Identity()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


def dwconv(c1, c2, k=1, s=1, act=True):
    return Conv(c1, c2, k, s, g=gcd(c1, c2), act=act)


class GhostConv(nn.Module):
    def __init__(self, c1, c2, k=1, s=1, g=1, act=True):
        super().__init__()
        half = c2 // 2
        self.cv1 = Conv(c1, half, k, s, g=g, act=act)
        self.cv2 = Conv(half, half, 5, 1, g=half, act=act)

    def forward(self, x):
        y = self.cv1(x)
        return torch.cat((y, self.cv2(y)), 1)


class GhostBottleneck(nn.Module):
    def __init__(self, c1, c2, k=3, s=1):
        super().__init__()
        half = c2 // 2
        self.conv = nn.Sequential(
            GhostConv(c1, half, 1, 1),
            dwconv(half, half, k, s, act=False) if s == 2 else nn.Identity(),
            GhostConv(half, c2, 1, 1, act=False))
        self.shortcut = nn.Sequential(
            dwconv(c1, c1, k, s, act=False), Conv(c1, c2, 1, 1, act=False)) if s == 2 else nn.Identity()

    def forward(self, x):
        return self.conv(x) + self.shortcut(x)


class Bottleneck(nn.Module):
    def __init__(self, c1, c2, shortcut=True, e=0.5):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden, 1, 1)
        self.cv2 = Conv(hidden, c2, 3, 1)
        self.add = shortcut and c1 == c2

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C3(nn.Module):
    def __init__(self, c1, c2, n=1, shortcut=True, ghost=False):
        super().__init__()
        hidden = c2 // 2
        self.cv1 = Conv(c1, hidden, 1, 1)
        self.cv2 = Conv(c1, hidden, 1, 1)
        self.cv3 = Conv(2 * hidden, c2, 1)
        block = (lambda: GhostBottleneck(hidden, hidden)) if ghost else (lambda: Bottleneck(hidden, hidden, shortcut, 1.0))
        self.m = nn.Sequential(*(block() for _ in range(n)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


class SPPF(nn.Module):
    def __init__(self, c1, c2, k=5):
        super().__init__()
        self.cv1 = Conv(c1, c1 // 2, 1, 1)
        self.cv2 = Conv(c1 // 2 * 4, c2, 1, 1)
        self.m = nn.MaxPool2d(k, 1, k // 2)

    def forward(self, x):
        x = self.cv1(x)
        a = self.m(x)
        b = self.m(a)
        return self.cv2(torch.cat((x, a, b, self.m(b)), 1))


class Concat(nn.Module):
    def forward(self, xs):
        return torch.cat(xs, 1)


class Detect(nn.Module):
    """Raw maps, one per level: [B, 3, H, W, nc + 5] before the sigmoid."""

    def __init__(self, nc, channels):
        super().__init__()
        self.nc, self.no, self.na = nc, nc + 5, 3
        anchors = torch.tensor(ANCHORS).float().view(3, 3, 2)
        self.register_buffer('anchors', anchors / torch.tensor(STRIDES).view(3, 1, 1))
        self.m = nn.ModuleList(nn.Conv2d(c, self.no * self.na, 1) for c in channels)
        for conv, s in zip(self.m, STRIDES):
            bias = conv.bias.detach().view(self.na, -1)
            bias[:, 4] += math.log(8 / (640 / s) ** 2)
            bias[:, 5:] += math.log(0.6 / (nc - 0.99999))
            conv.bias = nn.Parameter(bias.reshape(-1))

    def forward(self, xs):
        out = []
        for conv, x in zip(self.m, xs):
            y = conv(x)
            b, _, h, w = y.shape
            out.append(y.view(b, self.na, self.no, h, w).permute(0, 1, 3, 4, 2))
        return out

    def decode(self, maps):
        """Boxes as [B, N, 5 + nc]: centre x, y, width, height in pixels; objectness; classes."""
        out = []
        for anchors, stride, y in zip(self.anchors, STRIDES, maps):
            b, na, h, w, no = y.shape
            y = y.sigmoid()
            gy, gx = torch.meshgrid(torch.arange(h, device=y.device), torch.arange(w, device=y.device), indexing='ij')
            grid = torch.stack((gx, gy), -1).to(y).view(1, 1, h, w, 2)
            xy = (y[..., :2] * 2 + grid - 0.5) * stride
            wh = (y[..., 2:4] * 2) ** 2 * anchors.view(1, na, 1, 1, 2) * stride
            out.append(torch.cat((xy, wh, y[..., 4:]), -1).view(b, -1, no))
        return torch.cat(out, 1)


def rows(backbone, head):
    """(from, repeats, module, channels or argument) in the order of the YAML."""
    conv = 'GhostConv' if backbone else 'Conv'
    c3 = 'C3Ghost' if backbone else 'C3'
    hconv = 'GhostConv' if head else 'Conv'
    hc3 = 'C3Ghost' if head else 'C3'
    return [
        (-1, 1, 'Stem', 64),
        (-1, 1, conv, (128, 3, 2)), (-1, 3, c3, (128, True)),
        (-1, 1, conv, (256, 3, 2)), (-1, 6, c3, (256, True)),
        (-1, 1, conv, (512, 3, 2)), (-1, 9, c3, (512, True)),
        (-1, 1, conv, (1024, 3, 2)), (-1, 3, c3, (1024, True)),
        (-1, 1, 'SPPF', 1024),
        (-1, 1, hconv, (512, 1, 1)), (-1, 1, 'Upsample', None), ([-1, 6], 1, 'Concat', None), (-1, 3, hc3, (512, False)),
        (-1, 1, hconv, (256, 1, 1)), (-1, 1, 'Upsample', None), ([-1, 4], 1, 'Concat', None), (-1, 3, hc3, (256, False)),
        (-1, 1, hconv, (256, 3, 2)), ([-1, 14], 1, 'Concat', None), (-1, 3, hc3, (512, False)),
        (-1, 1, hconv, (512, 3, 2)), ([-1, 10], 1, 'Concat', None), (-1, 3, hc3, (1024, False)),
    ]


SIZES = {'n': (0.33, 0.25), 's': (0.33, 0.50), 'm': (0.67, 0.75), 'l': (1.0, 1.0), 'x': (1.33, 1.25)}
ARCHITECTURES = {'yolov5': (False, False), 'yolov5-ghost': (True, True), 'yolov5-ghost-backbone': (True, False)}


class Detector(nn.Module):
    def __init__(self, architecture='yolov5-ghost-backbone', size='n', nc=80):
        super().__init__()
        depth, width = SIZES[size]
        spec = rows(*ARCHITECTURES[architecture])
        self.architecture, self.size, self.nc = architecture, size, nc
        self.froms = [r[0] for r in spec] + [[17, 20, 23]]
        ch, modules = [], []
        for f, n, name, arg in spec:
            c1 = 3 if not ch else (ch[f] if isinstance(f, int) else sum(ch[i] for i in f))
            scale = lambda c: math.ceil(c * width / 8) * 8
            reps = max(round(n * depth), 1) if n > 1 else n
            if name == 'Stem':
                c2 = scale(arg); m = Conv(c1, c2, 6, 2, 2)
            elif name in ('Conv', 'GhostConv'):
                c2 = scale(arg[0]); m = (Conv if name == 'Conv' else GhostConv)(c1, c2, arg[1], arg[2])
            elif name in ('C3', 'C3Ghost'):
                c2 = scale(arg[0]); m = C3(c1, c2, reps, arg[1], name == 'C3Ghost')
            elif name == 'SPPF':
                c2 = scale(arg); m = SPPF(c1, c2)
            elif name == 'Upsample':
                c2 = c1; m = nn.Upsample(None, 2, 'nearest')
            else:
                c2 = c1; m = Concat()
            ch.append(c2); modules.append(m)
        modules.append(Detect(nc, [ch[i] for i in (17, 20, 23)]))
        self.model = nn.ModuleList(modules)

    def features(self, x, upto=None):
        """Output of every row (or of the rows before `upto`); the last of all is the list of raw detection maps."""
        ys = []
        for f, m in zip(self.froms[:upto], self.model):
            if isinstance(f, int):
                x = m(ys[f] if ys else x)
            else:
                x = m([ys[i] for i in f])
            ys.append(x)
        return ys

    def neck(self, p3, p4, p5):
        """Rows 10 to 24 on given outputs of rows 4, 6 and 9; earlier rows are None in the result."""
        ys = [None] * 10
        ys[4], ys[6], ys[9] = p3, p4, p5
        for f, m in zip(self.froms[10:], self.model[10:]):
            ys.append(m(ys[f]) if isinstance(f, int) else m([ys[i] for i in f]))
        return ys

    def forward(self, x):
        return self.features(x)[-1]

    @property
    def detect(self):
        return self.model[-1]


def ciou(a, b, eps=1e-7):
    """Complete IoU of boxes given as centre/size, both [n, 4]."""
    a1, a2, b1, b2 = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    inter = (torch.min(a2, b2) - torch.max(a1, b1)).clamp(0).prod(1)
    iou = inter / (a[:, 2:].prod(1) + b[:, 2:].prod(1) - inter + eps)
    hull = torch.max(a2, b2) - torch.min(a1, b1)
    distance = (a[:, :2] - b[:, :2]).square().sum(1) / (hull.square().sum(1) + eps)
    v = 4 / math.pi ** 2 * (torch.atan(b[:, 2] / (b[:, 3] + eps)) - torch.atan(a[:, 2] / (a[:, 3] + eps))).square()
    with torch.no_grad():
        alpha = v / (v - iou + 1 + eps)
    return iou - distance - v * alpha


class DetectionLoss:
    balance = (4.0, 1.0, 0.4)
    box_gain, obj_gain, cls_gain = 0.05, 1.0, 0.5

    def __init__(self, detect, gain=1.6, weak=0.0):
        self.detect, self.nc, self.gain, self.weak = detect, detect.nc, gain, weak

    def judged(self, y, targets, known, cut):
        """Where objectness is right or wrong, cell by cell: see `losses.Losses.judged`."""
        out = torch.ones_like(y[..., 4], dtype=torch.bool)
        pictures, _, rows, columns = out.shape
        classes = y[..., 5:].argmax(4)
        for b in range(pictures):
            boxes = targets[targets[:, 0] == b]
            for r in range(rows):
                for c in range(columns):
                    at = torch.tensor([(c + 0.5) / columns, (r + 0.5) / rows])
                    holds = ((at > boxes[:, 2:4] - boxes[:, 4:6] / 2) & (at < boxes[:, 2:4] + boxes[:, 4:6] / 2)).all(1)
                    strong, weak = (holds & (boxes[:, 6] >= self.weak)).any(), (holds & (boxes[:, 6] < self.weak)).any()
                    quarter = int(at[0] > cut[b, 0]) + 2 * int(at[1] > cut[b, 1])
                    for a in range(3):
                        out[b, a, r, c] = (known[b, quarter, classes[b, a, r, c]] | strong) & ~weak
        return out

    def match(self, maps, targets):
        """Per level: picture, anchor, row, column, box in cells (relative to the cell), anchor size, class, score."""
        out, device = [], targets.device
        for anchors, y in zip(self.detect.anchors, maps):
            h, w = y.shape[2:4]
            scale = torch.tensor([w, h, w, h], device=device).float()
            n = len(targets)
            t = targets[None].repeat(3, 1, 1)
            box = t[..., 2:6] * scale
            ratio = box[..., 2:4] / anchors[:, None]
            ok = torch.max(ratio, 1 / ratio).amax(2) < 4
            anchor = torch.arange(3, device=device)[:, None].expand(3, n)[ok]
            t, box = t[ok], box[ok]
            centre = box[:, :2]
            flipped = scale[:2] - centre
            near = ((centre % 1 < 0.5) & (centre > 1)).T
            far = ((flipped % 1 < 0.5) & (flipped > 1)).T
            choice = torch.stack((torch.ones_like(near[0]), near[0], near[1], far[0], far[1]))
            shift = torch.tensor([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], device=device).float() * 0.5
            k, i = choice.nonzero(as_tuple=True)
            cell = (centre[i] - shift[k]).long()
            gx, gy = cell[:, 0].clamp(0, w - 1), cell[:, 1].clamp(0, h - 1)
            rel = torch.cat((box[i, :2] - torch.stack((gx, gy), 1), box[i, 2:4]), 1)
            out.append((t[i, 0].long(), anchor[i], gy, gx, rel, anchors[anchor[i]], t[i, 1].long(), t[i, 6]))
        return out

    def __call__(self, maps, targets, known=None, cut=None):
        everything, targets = targets, targets[targets[:, 6] >= self.weak]
        lbox = lobj = lcls = maps[0].new_zeros(())
        size = maps[0].shape[3] * 8
        for y, balance, (b, a, gy, gx, box, anchor, cls, score) in zip(maps, self.balance, self.match(maps, targets)):
            tobj = torch.zeros_like(y[..., 4])
            if len(b):
                p = y[b, a, gy, gx]
                xy = p[:, :2].sigmoid() * 2 - 0.5
                wh = (p[:, 2:4].sigmoid() * 2) ** 2 * anchor
                iou = ciou(torch.cat((xy, wh), 1), box)
                weight = (score * self.gain).clamp(0.1, 1)
                lbox = lbox + ((1 - iou) * weight).sum() / weight.sum()
                order = (iou.detach() * weight).argsort()
                tobj[b[order], a[order], gy[order], gx[order]] = (iou.detach().clamp(0) * weight)[order]
                onehot = F.one_hot(cls, self.nc).float()
                lcls = lcls + (F.binary_cross_entropy_with_logits(p[:, 5:], onehot, reduction='none').mean(1) * weight).sum() / weight.sum()
            each = F.binary_cross_entropy_with_logits(y[..., 4], tobj, reduction='none')
            if known is not None:
                each = each * (self.judged(y.detach(), everything, known, cut) | (tobj > 0))
            lobj = lobj + each.mean() * balance
        lbox = lbox * self.box_gain
        lobj = lobj * self.obj_gain * (size / 640) ** 2
        lcls = lcls * self.cls_gain * self.nc / 80
        n = maps[0].shape[0]
        return (lbox + lobj + lcls) * n, torch.stack((lbox, lobj, lcls)).detach()


class ImitationLoss:
    """Every cell of the student learns what the teacher says in the same cell: objectness, all class
    probabilities, and the box where the teacher sees something."""
    balance = (4.0, 1.0, 0.4)

    def __init__(self, detect, floor=0.02):
        self.detect, self.floor = detect, floor

    def __call__(self, maps, levels):
        lbox = lobj = lcls = maps[0].new_zeros(())
        size = maps[0].shape[3] * 8
        for y, t, anchors, balance in zip(maps, levels, self.detect.anchors, self.balance):
            t = t.float()
            seen = t[:, 4] * t[:, 5:].amax(1)
            b, gy, gx = (seen > self.floor).nonzero(as_tuple=True)
            tobj = torch.zeros_like(y[..., 4])
            if len(b):
                p = t[b, :, gy, gx]
                wh = p[:, 2:4].exp()
                ratio = torch.max(wh[:, None] / anchors, anchors / wh[:, None]).amax(2)
                i, a = ((ratio < 3) | (ratio == ratio.amin(1, keepdim=True))).nonzero(as_tuple=True)
                b, gy, gx, p, wh, anchor, w = b[i], gy[i], gx[i], p[i], wh[i], anchors[a], seen[b, gy, gx][i]
                q = y[b, a, gy, gx]
                box = torch.cat((q[:, :2].sigmoid() * 2 - 0.5, (q[:, 2:4].sigmoid() * 2) ** 2 * anchor), 1)
                lbox = lbox + ((1 - ciou(box, torch.cat((p[:, :2], wh), 1))) * w).sum() / w.sum()
                lcls = lcls + (F.binary_cross_entropy_with_logits(q[:, 5:], p[:, 5:].clamp(0, 1), reduction='none').mean(1) * p[:, 4]).sum() / p[:, 4].sum()
                tobj[b, a, gy, gx] = p[:, 4].clamp(0, 1)
            lobj = lobj + F.binary_cross_entropy_with_logits(y[..., 4], tobj) * balance
        lbox, lobj, lcls = lbox * 0.05, lobj * (size / 640) ** 2, lcls * 1.0
        n = maps[0].shape[0]
        return (lbox + lobj + lcls) * n, torch.stack((lbox, lobj, lcls)).detach()
