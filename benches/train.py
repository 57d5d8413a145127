"""Pictures a second in PyTorch: the same network, batch and step as `cargo run --release -p ghostdet-train --example throughput`.

    python benches/train.py configs/yolov5-ghost-backbone.yaml --size n --imgsz 320 --batch 16

Written for this comparison from the YAML's rows; the loss stands in for YOLOv5's (its cost is small beside the
network's): binary cross-entropy on all maps.
"""
import argparse
import json
import math
import time

import torch
import yaml
from torch import nn

SIZES = {'n': (0.33, 0.25), 's': (0.33, 0.50), 'm': (0.67, 0.75), 'l': (1.0, 1.0), 'x': (1.33, 1.25)}


class Conv(nn.Module):
    def __init__(self, c1, c2, k=1, s=1, p=None, g=1, act=True):
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, k, s, k // 2 if p is None else p, groups=g, bias=False)
        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True) if act else nn.Identity()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class GhostConv(nn.Module):
    def __init__(self, c1, c2, k=1, s=1, act=True):
        super().__init__()
        self.cv1 = Conv(c1, c2 // 2, k, s, act=act)
        self.cv2 = Conv(c2 // 2, c2 // 2, 5, 1, g=c2 // 2, act=act)

    def forward(self, x):
        y = self.cv1(x)
        return torch.cat((y, self.cv2(y)), 1)


class GhostBottleneck(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Sequential(GhostConv(c, c // 2), GhostConv(c // 2, c, act=False))

    def forward(self, x):
        return self.conv(x) + x


class Bottleneck(nn.Module):
    def __init__(self, c, add):
        super().__init__()
        self.cv1, self.cv2, self.add = Conv(c, c), Conv(c, c, 3), add

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C3(nn.Module):
    def __init__(self, c1, c2, n, add=True, ghost=False):
        super().__init__()
        h = c2 // 2
        self.cv1, self.cv2, self.cv3 = Conv(c1, h), Conv(c1, h), Conv(2 * h, c2)
        self.m = nn.Sequential(*(GhostBottleneck(h) if ghost else Bottleneck(h, add) for _ in range(n)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


class SPPF(nn.Module):
    def __init__(self, c1, c2, k):
        super().__init__()
        self.cv1, self.cv2, self.m = Conv(c1, c1 // 2), Conv(c1 * 2, c2), nn.MaxPool2d(k, 1, k // 2)

    def forward(self, x):
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(self.m(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


class Network(nn.Module):
    def __init__(self, config, size):
        super().__init__()
        depth, width = SIZES[size]
        channels, modules, self.sources = [3], [], []
        outputs = len(config['anchors'][0]) // 2 * (config['nc'] + 5)
        for source, repeats, name, args in config['backbone'] + config['head']:
            index = lambda i: i if i < 0 else i + 1
            froms = [index(i) for i in (source if isinstance(source, list) else [source])]
            c1 = [channels[i] for i in froms]
            n = max(round(repeats * depth), 1) if repeats > 1 else repeats
            c2 = math.ceil(args[0] * width / 8) * 8 if isinstance(args[0], int) and name != 'Concat' else c1[0]
            if name in ('Conv', 'GhostConv'):
                kind = Conv if name == 'Conv' else GhostConv
                modules.append(kind(c1[0], c2, *args[1:]))
            elif name in ('C3', 'C3Ghost'):
                modules.append(C3(c1[0], c2, n, *(args[1:] or [True]), ghost=name == 'C3Ghost'))
            elif name == 'SPPF':
                modules.append(SPPF(c1[0], c2, args[1]))
            elif name == 'nn.Upsample':
                modules.append(nn.Upsample(scale_factor=2))
            elif name == 'Concat':
                c2 = sum(c1)
                modules.append(None)
            else:
                modules.append(nn.ModuleList(nn.Conv2d(c, outputs, 1) for c in c1))
            channels.append(c2)
            self.sources.append(froms)
        self.rows = nn.ModuleList(m or nn.Identity() for m in modules)

    def forward(self, x):
        ys = [x]
        for row, froms in zip(self.rows, self.sources):
            inputs = [ys[i] for i in froms]
            if isinstance(row, nn.ModuleList):
                return [head(y) for head, y in zip(row, inputs)]
            ys.append(row(torch.cat(inputs, 1) if len(inputs) > 1 else inputs[0]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    parser.add_argument('--size', default='n')
    parser.add_argument('--imgsz', type=int, default=320)
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--steps', type=int, default=6)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--channels-last', action='store_true')
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    model = Network(yaml.safe_load(open(options.config)), options.size).train()
    x = torch.rand(options.batch, 3, options.imgsz, options.imgsz)
    if options.channels_last:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, nesterov=True)
    times = []
    for _ in range(options.steps + 1):
        began = time.perf_counter()
        loss = sum(nn.functional.binary_cross_entropy_with_logits(y, torch.zeros_like(y)) for y in model(x))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - began)
    times = sorted(times[1:])
    rate = lambda seconds: round(options.batch / seconds, 2)
    print(json.dumps({
        'engine': 'pytorch' + (' channels-last' if options.channels_last else ''), 'network': options.config, 'size': options.imgsz,
        'batch': options.batch, 'median': rate(times[len(times) // 2]), 'best': rate(times[0]),
    }))


if __name__ == '__main__':
    main()
