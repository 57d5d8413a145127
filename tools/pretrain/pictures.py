"""Pictures in the GPU's memory (three levels of halves), and batches with mosaic, scale, stretch, mirror, colour drawn by one kernel."""
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

import kernels as K

MOST = 32                     # boxes kept of a picture
CLASSES = 80


def _decode(job):
    import cv2
    cv2.setNumThreads(0)
    path, target, side, items = job
    out = np.memmap(target, np.uint32, 'r+').reshape(-1, side, side)
    data = np.memmap(path, np.uint8, 'r')
    for place, offset, size in items:
        image = cv2.imdecode(np.asarray(data[offset:offset + size]), cv2.IMREAD_COLOR)[:, :, ::-1].astype(np.uint32)
        h, w = image.shape[:2]
        out[place, :h, :w] = image[..., 0] | image[..., 1] << 8 | image[..., 2] << 16
    out.flush()


def decode(packs, cache, side=320, limit=None, workers=16):
    """-> memmap [N, side, side] (R | G << 8 | B << 16), sizes [N, 2] (w, h), boxes [N, MOST, 6], exhaustive [N, CLASSES]."""
    rows = [(p, json.loads(l)) for p in packs for l in open(Path(p).with_suffix('.jsonl'))]
    if limit:
        rows = rows[:limit]
    n = len(rows)
    np.memmap(cache, np.uint32, 'w+', shape=(n, side, side)).flush()
    jobs = [(p, cache, side, [(i, r['offset'], r['bytes']) for i, (q, r) in enumerate(rows) if q == p][k::16]) for p in packs for k in range(16)]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_decode, jobs))
    sizes = np.array([(r['width'], r['height']) for _, r in rows], np.float32)
    boxes = np.zeros((n, MOST, 6), np.float32)
    boxes[..., 0] = -1
    for i, (_, r) in enumerate(rows):
        b = sorted(r['boxes'], key=lambda b: -b[5])[:MOST]
        if b:
            boxes[i, :len(b)] = b
    exhaustive = np.ones((n, CLASSES), bool)
    for i, (pack, r) in enumerate(rows):
        check(pack, i, r)
        if 'exhaustive' in r:
            exhaustive[i] = False
            exhaustive[i, r['exhaustive']] = True
    return np.memmap(cache, np.uint32, 'r', shape=(n, side, side)), sizes, boxes, exhaustive


def check(pack, i, row):
    """Ends with an error if a line of a pack says what can't be."""
    if any(not 0 <= b[5] <= 1 for b in row['boxes']):
        raise SystemExit(f'{pack}: picture {i}: a score is no probability')
    if any(not 0 <= c < CLASSES for c in [*row.get('exhaustive', ()), *(b[0] for b in row['boxes'])]):
        raise SystemExit(f'{pack}: picture {i}: a class is not one of {CLASSES}')


def halve(x):
    """[N, s, s] packed -> [N, s/2, s/2], means of 2 x 2."""
    n, s, _ = x.shape
    out = torch.empty((n, s // 2, s // 2), dtype=torch.int32, device=x.device)
    for i in range(0, n, 512):
        t = x[i:i + 512].view(-1, s // 2, 2, s // 2, 2)
        packed = 0
        for c in (0, 8, 16):
            v = ((t >> c) & 255).sum((2, 4), dtype=torch.int32)
            packed = packed | ((v + 2) >> 2) << c
        out[i:i + 512] = packed
    return out


class Pictures:
    def __init__(self, array, sizes, boxes, exhaustive, device):
        n, s, _ = array.shape
        self.levels = [torch.empty((n, s, s), dtype=torch.int32, device=device)]
        for i in range(0, n, 1024):
            self.levels[0][i:i + 1024] = torch.from_numpy(np.array(array[i:i + 1024]).view(np.int32)).to(device)
        self.levels += [halve(self.levels[0])]
        self.levels += [halve(self.levels[1])]
        self.sizes, self.boxes, self.device = torch.from_numpy(sizes).to(device), torch.from_numpy(boxes).to(device), device
        self.exhaustive = torch.from_numpy(exhaustive).to(device)

    def batch(self, B, size, mosaic, dt, out=None):
        """-> pictures [B, size/2, size/2, 16], boxes [B, 4 MOST, 6] (class, centre and size in 0..1, score), which of them count,
        the exhaustively labelled classes of the four quarters [B, 4, CLASSES], and where these meet [B, 2] (0..1)."""
        d = self.device
        rand = lambda *s: torch.rand(s, device=d)
        uni = lambda a, b, *s: a + (b - a) * rand(*s)
        is_mosaic = rand(B) < mosaic
        cut = torch.where(is_mosaic[:, None], (size * uni(0.3, 0.7, B, 2)).floor(), float(size))
        src = torch.randint(len(self.sizes), (B, 4), device=d)
        cx, cy = cut[:, 0], cut[:, 1]
        zero, full = torch.zeros_like(cx), torch.full_like(cx, size)
        x0, y0 = torch.stack((zero, cx, zero, cx), 1), torch.stack((zero, zero, cy, cy), 1)
        x1, y1 = torch.stack((cx, full, cx, full), 1), torch.stack((cy, cy, full, full), 1)
        rw, rh = x1 - x0, y1 - y0
        w, h = self.sizes[src].unbind(2)
        a, b = rw / w, rh / h
        s = torch.where(rand(B, 4) < 0.3, torch.maximum(a, b), torch.minimum(a, b)).clamp(min=1e-3)
        low, high = torch.where(is_mosaic, 0.9, 0.6)[:, None], torch.where(is_mosaic, 1.6, 1.4)[:, None]
        s = s * (low + (high - low) * rand(B, 4))
        stretch = uni(0.85, 1.18, B, 4).sqrt()
        sx, sy = s * stretch, s / stretch
        fx, fy = rw - w * sx, rh - h * sy
        tx = torch.minimum(fx, torch.zeros_like(fx)) + fx.abs() * rand(B, 4)
        ty = torch.minimum(fy, torch.zeros_like(fy)) + fy.abs() * rand(B, 4)
        mirror = rand(B, 4) < 0.5
        geo = torch.stack((torch.where(mirror, -1, 1) / sx, 1 / sy, x0 + tx + torch.where(mirror, w * sx, 0), y0 + ty, w, h), 2)
        plain = (rand(B) >= 0.7)[:, None]
        col = torch.cat((torch.where(plain, 1, uni(0.4, 1.6, B, 1)), torch.where(plain, 1, uni(0.6, 1.4, B, 1)), (rand(B, 1) < 0.03).float()), 1)
        if out is None:
            out = torch.zeros((B, size // 2, size // 2, 16), dtype=dt, device=d)
        K.sample(self.levels, src.int(), geo.contiguous(), cut.contiguous(), col.contiguous(), out)
        t = self.boxes[src]                                                                     # B 4 M 6
        e = lambda v: v[..., None]
        bx = torch.where(e(mirror), 1 - t[..., 1], t[..., 1])
        cx, cy = bx * e(w * sx) + e(tx), t[..., 2] * e(h * sy) + e(ty)
        bw, bh = t[..., 3] * e(w * sx), t[..., 4] * e(h * sy)
        zero = torch.zeros((), device=d)
        lim = lambda v, m: torch.minimum(torch.maximum(v, zero), e(m))
        l, r, u, v = lim(cx - bw / 2, rw), lim(cx + bw / 2, rw), lim(cy - bh / 2, rh), lim(cy + bh / 2, rh)
        iw, ih = r - l, v - u
        keep = (t[..., 0] >= 0) & (iw > 2) & (ih > 2) & (iw * ih > 0.2 * bw * bh)
        boxes = torch.stack((t[..., 0], ((l + r) / 2 + e(x0)) / size, ((u + v) / 2 + e(y0)) / size, iw / size, ih / size, t[..., 5]), 3)
        return out, boxes.flatten(1, 2), keep.flatten(1, 2), self.exhaustive[src], cut / size
