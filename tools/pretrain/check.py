"""Compares the trainer with plain PyTorch on the processor (Triton's interpreter, minutes): maps, losses, every gradient.

  python3 check.py [n|s] [PIXELS] --packs a.bin --teacher yolox_nano.onnx
"""
import argparse
import math
import os
from types import SimpleNamespace

os.environ['TRITON_INTERPRET'] = '1'

import onnx                                   # noqa: E402
import torch                                  # noqa: E402
from safetensors.torch import load_file       # noqa: E402

import net as N                               # noqa: E402
import plain as M                             # noqa: E402
from pictures import Pictures, decode         # noqa: E402
from teacher import DROPPED, LEVELS, ROW_TENSORS  # noqa: E402
from trainer import ROWS, Mimic, Trainer      # noqa: E402


def reference(size, state):
    """The network in plain PyTorch with norms that do nothing but add the folded bias."""
    net = M.Detector('yolov5-ghost-backbone', size, 80)
    for name, m in net.named_modules():
        if isinstance(m, M.Conv):
            m.conv.weight.data = state[name + '.conv.weight'].float()
            m.bn.weight.data.fill_(1)
            m.bn.bias.data = state[name + '.conv.bias'].float()
            m.bn.running_mean.zero_()
            m.bn.running_var.fill_(1 - m.bn.eps)
    for i, m in enumerate(net.detect.m):
        m.weight.data, m.bias.data = state[f'model.24.m.{i}.weight'].float(), state[f'model.24.m.{i}.bias'].float()
    return net.eval()


def taught(path, x):
    """The teacher's levels and maps from ONNX Runtime."""
    import onnxruntime
    model = onnx.load(path)
    for node in [n for n in model.graph.node if n.name in DROPPED]:
        model.graph.node.remove(node)
    names = list(LEVELS) + [ROW_TENSORS[r] for r in ROWS]
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names)
    for i, d in enumerate(model.graph.input[0].type.tensor_type.shape.dim):
        if i != 1:
            d.dim_param = f'd{i}'
    del model.graph.value_info[:]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    out = [torch.from_numpy(y) for y in session.run(None, {'images': (x[:, [2, 1, 0]] * 255).contiguous().numpy()})]
    return out[:3], dict(zip(ROWS, out[3:]))


def same(what, pairs, most):
    worst = max(float((p - q).norm() / (q.norm() + 1e-12)) for p, q in pairs)
    print(f'{what}: {worst:.1e} off')
    assert worst < most, what


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('size', nargs='?', default='n')
    ap.add_argument('pixels', nargs='?', type=int, default=64)
    ap.add_argument('--packs', nargs='+', required=True)
    ap.add_argument('--teacher', default='yolox_nano.onnx')
    ap.add_argument('--init')
    ap.add_argument('--steps', type=int, default=2, help='whole steps after the comparison')
    o = ap.parse_args()
    torch.manual_seed(0)
    init = o.init or os.path.join(os.path.dirname(os.path.abspath(__file__)), f'../../weights/yolov5{o.size}-ghost-backbone.safetensors')
    batch = 2
    a = SimpleNamespace(teacher=o.teacher, size=o.size, init=init, batch=batch, late=[o.pixels], lr=1e-3, mosaic=0.5, ema_start=0, share=0.6, imitate=0.5, score_gain=1.0, weak_score=0.5)
    album = Pictures(*decode(o.packs, '/tmp/check.npy', limit=40, workers=2), 'cpu')
    t = Trainer(a, album, 'cpu', torch.float32)
    net, plain = t.net, reference(o.size, load_file(init))
    x, boxes, keep, known, cut = album.batch(batch, o.pixels, 0.5, torch.float32)
    half = o.pixels // 2
    picture = x.view(batch, half, half, 2, 2, 4)[..., :3].permute(0, 5, 1, 3, 2, 4).reshape(batch, 3, o.pixels, o.pixels)

    levels, maps = taught(o.teacher, picture)
    mine_levels, mine_maps = t.teacher(x)
    same("teacher's cells", [(q.permute(0, 3, 1, 2), p) for p, q in zip(levels, mine_levels)], 1e-4)
    same("teacher's maps", [(mine_maps[r], N.flat2d(N.nhwc(maps[r]))) for r in ROWS], 1e-4)

    net.cast()
    net.grad.zero_()
    ys, mine = plain.features(picture), net.forward(x)
    same('maps', [(mine[r].detach(), ys[r].detach()) for r in range(24)], 1e-4)
    targets = torch.cat([torch.cat((torch.full((int(k.sum()), 1), float(i)), b[k]), 1) for i, (b, k) in enumerate(zip(boxes, keep))])
    direct, _ = M.DetectionLoss(plain.detect, a.score_gain, a.weak_score)(ys[-1], targets, known, cut)
    echoed, _ = M.ImitationLoss(plain.detect)(ys[-1], levels)
    expected, (loss, _) = (0.6 * direct + 0.4 * echoed) / batch, t.losses(mine[-1], boxes, keep, mine_levels, 0.6, known, cut)
    expected_mimic = mimic = 0
    for r in ROWS:
        y, weight = N.flat2d(N.nhwc(ys[r])), (1.0 if r < 17 else 0.3) / len(ROWS)
        adapter = net.adapters.get(r)
        if adapter:
            y = y @ adapter.w.view(adapter.w.shape[0], -1).t() + adapter.b
        expected_mimic = expected_mimic + weight * (y - N.flat2d(N.nhwc(maps[r]))).square().mean() * t.scale[r]
        y = N.Adapter.apply(mine[r], adapter) if adapter else N.flat2d(N.nhwc(mine[r]))
        mimic = mimic + weight * Mimic.apply(y, mine_maps[r], t.scale[r])
    same('losses', [(loss.detach(), expected.detach()), (mimic.detach(), expected_mimic.detach())], 1e-5)

    (expected + 0.5 * expected_mimic).backward()
    (loss + 0.5 * mimic).backward()
    modules, pairs = dict(plain.named_modules()), []
    for p in (p for p in net.list if p.kind != 'adapter'):
        m = modules[p.name]
        weight, bias = (m.weight, m.bias) if p.kind == 'head' else (m.conv.weight, m.bn.bias)
        g = p.gw
        g = g.t().reshape(-1, 1, 5, 5) if p.kind == 'dw' else N.plain_stem(g) if p.kind == 'stem' else g.permute(0, 3, 1, 2)
        pairs += [(g, weight.grad), (p.gb, bias.grad)]
    same(f'{len(pairs)} gradients', pairs, 1e-3)
    net.grad.zero_()
    before = net.export()
    same('weights back', [(v, load_file(init)[k].float()) for k, v in before.items() if not k.startswith('adapter')], 1e-6)
    t.opt.knobs.copy_(t.knobs(300, 0.1)[1])
    losses = []
    for _ in range(o.steps):
        t.step(o.pixels)
        losses.append(float(t.sums.sum()))
        t.sums.zero_()
    if losses:
        print('whole steps, their losses:', *(f'{loss:.3f}' for loss in losses))
        assert all(map(math.isfinite, losses))
        moved = max(float((v - before[k]).abs().max()) for k, v in net.export().items())
        assert 0 < moved < 0.1, moved


if __name__ == '__main__':
    main()
