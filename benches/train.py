"""Images a second in PyTorch: the same network, batch and step as `cargo run --release -p ghostdet-train --example throughput`.

    python benches/train.py yolov5-ghost-backbone --size n --imgsz 320 --batch 16

The network is the one of tools/pretrain/plain.py. The loss stands in for YOLOv5's, whose cost is small beside the network's:
binary cross-entropy on all maps.
"""
import argparse
import json
import pathlib
import sys
import time

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'tools' / 'pretrain'))
from plain import ARCHITECTURES, Detector  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('architecture', choices=list(ARCHITECTURES))
    parser.add_argument('--size', default='n')
    parser.add_argument('--imgsz', type=int, default=320)
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--steps', type=int, default=6)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--channels-last', action='store_true')
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    model = Detector(options.architecture, options.size).train()
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
        'engine': 'pytorch' + (' channels-last' if options.channels_last else ''), 'network': options.architecture, 'size': options.imgsz,
        'batch': options.batch, 'median': rate(times[len(times) // 2]), 'best': rate(times[0]),
    }))


if __name__ == '__main__':
    main()
