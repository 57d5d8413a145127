"""Trains yolov5{n,s}-ghost-backbone with folded norms on one GPU: pictures, teacher, losses and optimisers in one CUDA graph a step.

  python3 train.py --size s --init ../../weights/yolov5s-ghost-backbone.safetensors --packs a.bin b.bin \\
      --teacher yolox_nano.onnx --seconds 255 --out OUT
"""
import argparse
import json
import math
import time

import torch

from pictures import Pictures, decode
from trainer import Trainer


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--size', default='n', choices=('n', 's'))
    ap.add_argument('--init', required=True, help='folded weights to begin with, as `ghostdet convert` writes them')
    ap.add_argument('--packs', nargs='+', required=True, help='training pictures (.bin with a .jsonl beside it)')
    ap.add_argument('--teacher', default='yolox_nano.onnx')
    ap.add_argument('--out', required=True)
    ap.add_argument('--seconds', type=float, default=60, help='how long to train, the start aside')
    ap.add_argument('--batch', type=int, default=192)
    ap.add_argument('--lr', type=float, default=2e-3)
    ap.add_argument('--early', type=int, nargs='+', default=[224, 320], help='sizes drawn from at first')
    ap.add_argument('--late', type=int, nargs='+', default=[320], help='sizes later on')
    ap.add_argument('--turn', type=float, default=0.6, help='part of the time after which it is later')
    ap.add_argument('--mosaic', type=float, default=0.3)
    ap.add_argument('--close-mosaic', type=float, default=0.1, help='the last part of the time, which does without mosaic')
    ap.add_argument('--share', type=float, default=0.6, help='weight of the boxes; the rest goes to what the teacher says')
    ap.add_argument('--score-gain', type=float, default=1.0, help='a box counts by its score times this')
    ap.add_argument('--weak-score', type=float, default=0.5, help='boxes below it are neither object nor background')
    ap.add_argument('--imitate', type=float, default=0.5, help="weight of the teacher's maps")
    ap.add_argument('--ema-start', type=float, default=1000, help='steps that the average counts as taken already')
    ap.add_argument('--cache', default='/tmp/pictures.npy', help='where decoded pictures go: 400 kB each')
    ap.add_argument('--limit', type=int, help='only so many pictures')
    ap.add_argument('--save-every', type=float, default=60, help='seconds')
    ap.add_argument('--log-every', type=int, default=200)
    ap.add_argument('--seed', type=int, default=0)
    return ap.parse_args()


def record(t, sizes, say):
    """A CUDA graph of a step for each size; the weights stay as they are."""
    state = (t.net.flat, t.opt.m1, t.opt.m2, t.opt.ema, *t.opt.buffers)
    keep, graphs, stream = [b.clone() for b in state], {}, torch.cuda.Stream()
    t.opt.knobs.copy_(t.knobs(0, 0)[1])
    for size in sizes:
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            for _ in range(3):
                t.step(size)
        torch.cuda.synchronize()
        graphs[size] = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graphs[size], stream=stream):
            t.step(size)
        torch.cuda.synchronize()
        begin = time.time()
        for _ in range(10):
            graphs[size].replay()
        torch.cuda.synchronize()
        spent = (time.time() - begin) / 10
        say(f'{size} px: {spent * 1e3:.1f} ms a step, {t.a.batch / spent:.0f} pictures/s, {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB')
    for b, s in zip(state, keep):
        b.copy_(s)
    t.sums.zero_()
    return graphs


def run(t, graphs, say):
    """Steps until the time is over. A loss that is no number ends it with the last good average saved."""
    a, n = t.a, 0
    begin = last = saved = time.time()
    order = torch.randint(len(a.early), (100000,)).tolist()
    good = t.opt.ema.clone()
    while (progress := (time.time() - begin) / a.seconds) < 1:
        lr, knobs = t.knobs(n, progress)
        t.opt.knobs.copy_(knobs.pin_memory(), non_blocking=True)
        if progress > 1 - a.close_mosaic:
            t.mosaic.zero_()
        graphs[a.early[order[n % len(order)]] if progress < a.turn else a.late[n % len(a.late)]].replay()
        n += 1
        if n % 20 == 0:
            torch.cuda.synchronize()
        if n % a.log_every == 0:
            sums = (t.sums / a.log_every).tolist()
            t.sums.zero_()
            parts = {k: round(v, 4) for k, v in zip(('box', 'obj', 'cls', 'ebox', 'eobj', 'ecls', 'mimic'), sums)}
            say(json.dumps(dict(step=n, lr=round(lr, 6), **parts, rate=round(a.batch * a.log_every / (time.time() - last)))))
            last = time.time()
            if not math.isfinite(sum(sums)):
                t.save(good)
                raise SystemExit('loss is not finite: what was averaged before is saved')
            good.copy_(t.opt.ema)
            if last - saved > a.save_every:
                t.save(good)
                saved = last
    t.save()
    say('saved', n, 'steps', n * a.batch, 'pictures')


def main():
    a, begin = arguments(), time.time()
    say = lambda *s: print(f'{time.time() - begin:7.1f}', *s, flush=True)
    torch.manual_seed(a.seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    album = Pictures(*decode(a.packs, a.cache, limit=a.limit), 'cuda')
    say(len(album.sizes), 'pictures')
    t = Trainer(a, album, 'cuda', torch.bfloat16)
    say('maps to imitate, variances', {r: round(float(1 / v), 4) for r, v in t.scale.items()})
    run(t, record(t, sorted(set(a.early + a.late)), say), say)


if __name__ == '__main__':
    main()
