"""What slope and offset make scores probabilities: fitted to pictures that label all classes.

  python3 calibrate.py SIZE IN.safetensors PACK.bin [--imgsz 320]

Every box that the network finds (score over 0.08, after NMS) is right or wrong: an IoU of 0.5 with a label of its class that no better box
has found. Printed are the numbers that make what is right likeliest under
sigmoid(slope * objectness + offset) * sigmoid(slope * class); `shift.py` writes them into the weights.
"""
import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file

import plain
from pictures import check

LEAST = 0.08
NMS = 0.45
RIGHT = 0.5


def folded(size, path):
    """The network with its batch norms folded into biased convolutions, as in the shipped files."""
    net = plain.Detector('yolov5-ghost-backbone', size, 80).eval()
    for module in list(net.modules()):
        if isinstance(module, plain.Conv):
            c = module.conv
            module.conv = torch.nn.Conv2d(c.in_channels, c.out_channels, c.kernel_size, c.stride, c.padding, groups=c.groups)
            module.bn = torch.nn.Identity()
    state = {key: value.float() for key, value in load_file(path).items() if 'anchors' not in key}
    missing = net.load_state_dict(state, strict=False).missing_keys
    if any('anchors' not in key for key in missing):
        raise SystemExit(f'{path}: no folded weights of this size: {missing[0]} is missing')
    return net


def letterbox(image, side):
    """-> a square picture, scale, left and top border."""
    height, width = image.shape[:2]
    scale = min(side / height, side / width)
    w, h = round(width * scale), round(height * scale)
    left, top = (side - w) // 2, (side - h) // 2
    square = np.full((side, side, 3), 114, np.uint8)
    square[top:top + h, left:left + w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return square, (w, h, left, top)


def iou(box, boxes):
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    both = np.prod(np.clip(high - low, 0, None), 1)
    return both / (np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], 1) - both + 1e-9)


def found(maps, side):
    """-> rows of score, class, logit of objectness, logit of the class, x1, y1, x2, y2, the best first, after NMS."""
    rows = []
    for level, y in enumerate(maps):
        y = y[0].double()
        stride = side / y.shape[1]
        score, label = (y[..., 4:5].sigmoid() * y[..., 5:].sigmoid()).max(-1)
        anchor, row, column = torch.nonzero(score > LEAST, as_tuple=True)
        cells = y[anchor, row, column]
        label = label[anchor, row, column]
        centre = (cells[:, :2].sigmoid() * 2 - 0.5 + torch.stack((column, row), 1)) * stride
        sides = (cells[:, 2:4].sigmoid() * 2) ** 2 * torch.tensor(plain.ANCHORS[level]).view(3, 2)[anchor]
        logits = cells[:, 4], cells.gather(1, 5 + label[:, None])[:, 0]
        rows.append(torch.cat((torch.stack((score[anchor, row, column], label, *logits), 1), centre - sides / 2, centre + sides / 2), 1))
    rows = torch.cat(rows).numpy()
    rows = rows[np.argsort(-rows[:, 0])]
    kept = []
    for row in rows:
        same = np.array([other[4:] for other in kept if other[1] == row[1]]).reshape(-1, 4)
        if not (iou(row[4:], same) > NMS).any():
            kept.append(row)
    return kept


def judged(net, pack, side):
    """-> logit of objectness, logit of the class, whether it is right, of every box found."""
    data = np.memmap(pack, np.uint8, 'r')
    all_ = []
    for index, line in enumerate(open(Path(pack).with_suffix('.jsonl'))):
        item = json.loads(line)
        check(pack, index, item)
        if len(item.get('exhaustive', range(80))) < 80:
            continue
        image = cv2.imdecode(np.asarray(data[item['offset']:item['offset'] + item['bytes']]), cv2.IMREAD_COLOR)[:, :, ::-1]
        square, (w, h, left, top) = letterbox(image, side)
        with torch.no_grad():
            maps = net(torch.from_numpy(square).permute(2, 0, 1)[None].float() / 255)
        labels = np.array(item['boxes'], float).reshape(-1, 6)
        centre, half = labels[:, 1:3] * (w, h) + (left, top), labels[:, 3:5] * (w, h) / 2
        free = np.ones(len(labels), bool)
        for row in found(maps, side):
            match = iou(row[4:], np.concatenate((centre - half, centre + half), 1)) * (free & (labels[:, 0] == row[1]))
            right = len(match) > 0 and match.max() >= RIGHT
            if right:
                free[match.argmax()] = False
            all_.append((row[2], row[3], right))
    return torch.tensor(all_, dtype=torch.double).T


def fit(objectness, label, right):
    numbers = torch.tensor([1.0, 0.0], dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([numbers], max_iter=300, line_search_fn='strong_wolfe')

    def loss():
        optimiser.zero_grad()
        slope, offset = numbers
        score = (slope * objectness + offset).sigmoid() * (slope * label).sigmoid()
        value = torch.nn.functional.binary_cross_entropy(score, right)
        value.backward()
        return value
    before = float(optimiser.step(loss).detach())
    return numbers.detach(), before, float(loss().detach())


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('size', choices='ns')
    parser.add_argument('weights')
    parser.add_argument('pack')
    parser.add_argument('--imgsz', type=int, default=320)
    options = parser.parse_args()
    objectness, label, right = judged(folded(options.size, options.weights), options.pack, options.imgsz)
    (slope, offset), before, after = fit(objectness, label, right)
    print(f'{len(right)} boxes, {right.mean():.0%} right; cross entropy {before:.4f}, with these numbers {after:.4f}')
    print(f'python3 shift.py {options.weights} OUT.safetensors {offset:.2f} slope={slope:.2f}')
