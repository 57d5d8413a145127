"""Weights to begin with that have learned nothing: PyTorch's own random ones, their batch norms shown pictures and folded.

  python3 init.py --size n --packs a.bin --out n0.safetensors
"""
import argparse
import os

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import plain

HERE = os.path.dirname(os.path.abspath(__file__))


def planes(x):
    """Pictures as the kernels take them [B, h/2, w/2, 16] as planes [B, 3, h, w]."""
    b, h, w, _ = x.shape
    return x.view(b, h, w, 2, 2, 4)[..., :3].permute(0, 5, 1, 3, 2, 4).reshape(b, 3, 2 * h, 2 * w).float()


@torch.no_grad()
def folded(size, album, device, batches=8, batch=32, pixels=256, seed=0):
    """A random network whose batch norms took mean and variance from a few batches, folded: `ghostdet convert`'s keys."""
    torch.manual_seed(seed)
    net = plain.Detector('yolov5-ghost-backbone', size, 80).to(device).train()
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.momentum = None                                   # the plain mean over all batches
    for _ in range(batches):
        net.features(planes(album.batch(batch, pixels, 0.3, torch.float32)[0]))
    state = {}
    for name, m in net.eval().named_modules():
        if isinstance(m, plain.Conv):
            scale = m.bn.weight / (m.bn.running_var + m.bn.eps).sqrt()
            state[name + '.conv.weight'] = m.conv.weight * scale[:, None, None, None]
            state[name + '.conv.bias'] = m.bn.bias - m.bn.running_mean * scale
    for i, m in enumerate(net.detect.m):
        state[f'model.24.m.{i}.weight'], state[f'model.24.m.{i}.bias'] = m.weight, m.bias
    return {k: v.float().cpu().contiguous() for k, v in state.items()}


def save(size, state, path):
    """With the configuration, the names and the anchors that the shipped file of this size says of itself."""
    shipped = f'{HERE}/../../weights/yolov5{size}-ghost-backbone.safetensors'
    with safe_open(shipped, 'pt') as file:
        metadata = {k: v for k, v in file.metadata().items() if k != 'card'}
    first = load_file(shipped)
    wrong = [k for k, v in first.items() if k in state and state[k].shape != v.shape]
    missing = [k for k in first if k not in state and 'anchors' not in k]
    assert not wrong and not missing, (wrong, missing)
    save_file(state | {k: v.float() for k, v in first.items() if k not in state}, path, metadata=metadata)


def main():
    from pictures import Pictures, decode
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--size', default='n', choices=('n', 's'))
    ap.add_argument('--packs', nargs='+', required=True)
    ap.add_argument('--out', required=True)
    ap.add_argument('--cache', default='/tmp/init.npy')
    ap.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    ap.add_argument('--batches', type=int, default=8)
    ap.add_argument('--batch', type=int, default=32)
    ap.add_argument('--pixels', type=int, default=256)
    a = ap.parse_args()
    album = Pictures(*decode(a.packs, a.cache, limit=a.batches * a.batch), a.device)
    save(a.size, folded(a.size, album, a.device, a.batches, a.batch, a.pixels), a.out)


if __name__ == '__main__':
    main()
