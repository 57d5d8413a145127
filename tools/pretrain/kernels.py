"""Triton kernels over pixels x channels (NHWC): matrix products with bias and SiLU, depthwise convolutions, and their gradients."""
import torch
import triton
import triton.language as tl


@triton.jit
def _gemm(x, w, b, z, y, M, N, K, sx, swn, swk, sz, sy, BIAS: tl.constexpr, ACT: tl.constexpr, Z: tl.constexpr, Y: tl.constexpr,
          BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PREC: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in range(0, K, BK):
        kk = k0 + k
        a = tl.load(x + m[:, None].to(tl.int64) * sx + kk[None, :], (m < M)[:, None] & (kk < K)[None, :], 0.0)
        c = tl.load(w + n[None, :] * swn + kk[:, None] * swk, (n < N)[None, :] & (kk < K)[:, None], 0.0)
        acc = tl.dot(a, c, acc, input_precision=PREC)
    mask = (m < M)[:, None] & (n < N)[None, :]
    if Z:
        tl.store(z + m[:, None].to(tl.int64) * sz + n[None, :], acc.to(z.dtype.element_ty), mask)
    if Y:
        if BIAS:
            acc += tl.load(b + n, n < N, 0.0)[None, :]
        if ACT:
            acc = acc * tl.sigmoid(acc)
        tl.store(y + m[:, None].to(tl.int64) * sy + n[None, :], acc.to(y.dtype.element_ty), mask)


def gemm(x, w, b=None, z=None, y=None, act=False):
    """x [M, K] (rows strided), w [N, K] (any strides): z = x w', y = act(x w' + b)."""
    M, K = x.shape
    N = w.shape[0]
    BN = 16 if N <= 16 else 32 if N <= 32 else 64 if N <= 64 else 128
    BK = 16 if K <= 16 else 32 if K <= 32 else 64
    BM = 128 if M > 20000 else 64
    grid = (triton.cdiv(M, BM), triton.cdiv(N, BN))
    o = y if y is not None else z
    _gemm[grid](x, w, b if b is not None else x, z if z is not None else o, o, M, N, K, x.stride(0), w.stride(0), w.stride(1),
                z.stride(0) if z is not None else 0, o.stride(0), b is not None, act, z is not None, y is not None, BM, BN, BK,
                'ieee' if x.dtype == torch.float32 else 'tf32', num_warps=8 if BM * BN >= 16384 else 4, num_stages=3)


@triton.jit
def _wgrad(dz, x, dw, M, N, K, sd, sx, CHUNK, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PREC: tl.constexpr):
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.program_id(2) * BK + tl.arange(0, BK)
    acc = tl.zeros((BN, BK), tl.float32)
    start = tl.program_id(0) * CHUNK
    for m0 in range(0, CHUNK, BM):
        m = start + m0 + tl.arange(0, BM)
        ok = (m < M)
        a = tl.load(dz + m[None, :].to(tl.int64) * sd + n[:, None], ok[None, :] & (n < N)[:, None], 0.0)
        c = tl.load(x + m[:, None].to(tl.int64) * sx + k[None, :], ok[:, None] & (k < K)[None, :], 0.0)
        acc = tl.dot(a, c, acc, input_precision=PREC)
    tl.atomic_add(dw + n[:, None] * K + k[None, :], acc, (n < N)[:, None] & (k < K)[None, :], sem='relaxed')


def wgrad(dz, x, dw):
    """dw [N, K] (fp32, contiguous) += dz' x."""
    M, N = dz.shape
    K = x.shape[1]
    BN = 16 if N <= 16 else 32 if N <= 32 else 64
    BK = 16 if K <= 16 else 32 if K <= 32 else 64
    BM = 64
    tiles = triton.cdiv(N, BN) * triton.cdiv(K, BK)
    chunks = max(1, min(triton.cdiv(M, BM), 132 * 6 // tiles + 1))
    chunk = triton.cdiv(triton.cdiv(M, chunks), BM) * BM
    _wgrad[(triton.cdiv(M, chunk), triton.cdiv(N, BN), triton.cdiv(K, BK))](
        dz, x, dw, M, N, K, dz.stride(0), x.stride(0), chunk, BM, BN, BK, 'ieee' if x.dtype == torch.float32 else 'tf32', num_warps=4, num_stages=3)


@triton.jit
def _act(z, b, y, M, C, sz, sy, ACT: tl.constexpr, BM: tl.constexpr, BC: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    c = tl.program_id(1) * BC + tl.arange(0, BC)
    ok = (m < M)[:, None] & (c < C)[None, :]
    v = tl.load(z + m[:, None].to(tl.int64) * sz + c[None, :], ok, 0.0).to(tl.float32) + tl.load(b + c, c < C, 0.0)[None, :]
    if ACT:
        v = v * tl.sigmoid(v)
    tl.store(y + m[:, None].to(tl.int64) * sy + c[None, :], v.to(y.dtype.element_ty), ok)


def channels(C):
    return 16 if C <= 16 else 32 if C <= 32 else 64 if C <= 64 else 128


def act(z, b, y, silu=True):
    """y = silu(z + b), both [M, C] with strided rows."""
    M, C = z.shape
    BC = channels(C)
    BM = 4096 // BC
    _act[(triton.cdiv(M, BM), triton.cdiv(C, BC))](z, b, y, M, C, z.stride(0), y.stride(0), silu, BM, BC, num_warps=4)


@triton.jit
def _act_back(dy, z, b, dz, db, M, C, sd, sz, LOOP, ACT: tl.constexpr, STORE: tl.constexpr, BM: tl.constexpr, BC: tl.constexpr):
    c = tl.program_id(1) * BC + tl.arange(0, BC)
    bias = tl.load(b + c, c < C, 0.0)[None, :]
    total = tl.zeros((BC,), tl.float32)
    for i in range(LOOP):
        m = (tl.program_id(0) * LOOP + i) * BM + tl.arange(0, BM)
        ok = (m < M)[:, None] & (c < C)[None, :]
        g = tl.load(dy + m[:, None].to(tl.int64) * sd + c[None, :], ok, 0.0).to(tl.float32)
        if ACT:
            v = tl.load(z + m[:, None].to(tl.int64) * sz + c[None, :], ok, 0.0).to(tl.float32) + bias
            s = tl.sigmoid(v)
            g = g * (s * (1 + v * (1 - s)))
        if STORE:
            tl.store(dz + m[:, None].to(tl.int64) * C + c[None, :], g.to(dz.dtype.element_ty), ok)
        total += tl.sum(g, 0)
    tl.atomic_add(db + c, total, c < C, sem='relaxed')


def act_back(dy, z, b, db, silu=True):
    """Gradient before the activation ([M, C] contiguous, or dy itself without one); db += its sums."""
    M, C = dy.shape
    BC = channels(C)
    BM = 4096 // BC
    blocks = triton.cdiv(M, BM)
    loop = max(1, min(16, blocks // 1056))
    dz = torch.empty((M, C), dtype=dy.dtype, device=dy.device) if silu else dy
    _act_back[(triton.cdiv(blocks, loop), triton.cdiv(C, BC))](dy, z if silu else dy, b, dz, db, M, C, dy.stride(0), z.stride(0) if silu else 0,
                                                             loop, silu, silu, BM, BC, num_warps=4)
    return dz


@triton.jit
def _depthwise(x, w, b, add, z, y, P, H, W, HO, WO, C, sx, sa, sy, K: tl.constexpr, S: tl.constexpr, FLIP: tl.constexpr, BIAS: tl.constexpr,
               ACT: tl.constexpr, ADD: tl.constexpr, Z: tl.constexpr, BP: tl.constexpr, BC: tl.constexpr):
    p = tl.program_id(0) * BP + tl.arange(0, BP)
    c = tl.program_id(1) * BC + tl.arange(0, BC)
    ox, oy, i = p % WO, (p // WO) % HO, p // (WO * HO)
    inside = (c < C)[None, :] & (p < P)[:, None]
    acc = tl.zeros((BP, BC), tl.float32)
    for t in tl.static_range(K * K):
        ky, kx = t // K, t % K
        iy, ix = oy * S + ky - K // 2, ox * S + kx - K // 2
        ok = (iy >= 0) & (iy < H) & (ix >= 0) & (ix < W)
        v = tl.load(x + ((i * H + iy) * W + ix)[:, None].to(tl.int64) * sx + c[None, :], inside & ok[:, None], 0.0).to(tl.float32)
        tap = K * K - 1 - t if FLIP else t
        acc += v * tl.load(w + tap * C + c, c < C, 0.0).to(tl.float32)[None, :]
    if ADD:
        acc += tl.load(add + p[:, None].to(tl.int64) * sa + c[None, :], inside, 0.0).to(tl.float32)
    if Z:
        tl.store(z + p[:, None].to(tl.int64) * C + c[None, :], acc.to(z.dtype.element_ty), inside)
    if BIAS:
        acc += tl.load(b + c, c < C, 0.0)[None, :]
    if ACT:
        acc = acc * tl.sigmoid(acc)
    tl.store(y + p[:, None].to(tl.int64) * sy + c[None, :], acc.to(y.dtype.element_ty), inside)


def depthwise(x, shape, w, b=None, y=None, z=None, k=5, s=1, act=False, flip=False, add=None):
    """x [B H W, C] (rows strided), w [k k, C]: convolution around each pixel, every `s`th; `flip` for the gradient."""
    B, H, W = shape
    C = x.shape[1]
    HO, WO = (H + s - 1) // s, (W + s - 1) // s
    P = B * HO * WO
    BC = channels(C) if C <= 64 else 64
    BP = 2048 // BC
    none = x
    _depthwise[(triton.cdiv(P, BP), triton.cdiv(C, BC))](
        x, w, b if b is not None else none, add if add is not None else none, z if z is not None else none, y, P, H, W, HO, WO, C,
        x.stride(0), add.stride(0) if add is not None else 0, y.stride(0), k, s, flip, b is not None, act, add is not None, z is not None,
        BP, BC, num_warps=4)


@triton.jit
def _depthwise_wgrad(dz, x, dw, P, H, W, C, sd, sx, CHUNK, K: tl.constexpr, BP: tl.constexpr, BC: tl.constexpr):
    ky = tl.program_id(2)
    c = tl.program_id(1) * BC + tl.arange(0, BC)
    a0 = tl.zeros((BP, BC), tl.float32)
    a1 = tl.zeros((BP, BC), tl.float32)
    a2 = tl.zeros((BP, BC), tl.float32)
    a3 = tl.zeros((BP, BC), tl.float32)
    a4 = tl.zeros((BP, BC), tl.float32)
    start = tl.program_id(0) * CHUNK
    for p0 in range(0, CHUNK, BP):
        p = start + p0 + tl.arange(0, BP)
        ix, iy, i = p % W, (p // W) % H, p // (W * H)
        iy = iy + ky - K // 2
        ok = (p < P) & (iy >= 0) & (iy < H)
        g = tl.load(dz + p[:, None].to(tl.int64) * sd + c[None, :], ok[:, None] & (c < C)[None, :], 0.0).to(tl.float32)
        base = ((i * H + iy) * W + ix).to(tl.int64)
        at = x + base[:, None] * sx + c[None, :]
        inside = (c < C)[None, :]
        a0 += g * tl.load(at - 2 * sx, (ok & (ix >= 2))[:, None] & inside, 0.0).to(tl.float32)
        a1 += g * tl.load(at - sx, (ok & (ix >= 1))[:, None] & inside, 0.0).to(tl.float32)
        a2 += g * tl.load(at, ok[:, None] & inside, 0.0).to(tl.float32)
        a3 += g * tl.load(at + sx, (ok & (ix < W - 1))[:, None] & inside, 0.0).to(tl.float32)
        a4 += g * tl.load(at + 2 * sx, (ok & (ix < W - 2))[:, None] & inside, 0.0).to(tl.float32)
    out = dw + ky * K * C + c
    tl.atomic_add(out, tl.sum(a0, 0), c < C, sem='relaxed')
    tl.atomic_add(out + C, tl.sum(a1, 0), c < C, sem='relaxed')
    tl.atomic_add(out + 2 * C, tl.sum(a2, 0), c < C, sem='relaxed')
    tl.atomic_add(out + 3 * C, tl.sum(a3, 0), c < C, sem='relaxed')
    tl.atomic_add(out + 4 * C, tl.sum(a4, 0), c < C, sem='relaxed')


def depthwise_wgrad(dz, x, shape, dw):
    """dw [25, C] (fp32) += gradient of a 5x5 depthwise convolution of stride 1."""
    B, H, W = shape
    P, C = dz.shape
    BC = min(32, channels(C))
    BP = 1024 // BC
    groups = triton.cdiv(C, BC) * 5
    chunks = max(1, min(triton.cdiv(P, BP), 132 * 12 // groups + 1))
    chunk = triton.cdiv(triton.cdiv(P, chunks), BP) * BP
    _depthwise_wgrad[(triton.cdiv(P, chunk), triton.cdiv(C, BC), 5)](dz, x, dw, P, H, W, C, dz.stride(0), x.stride(0), chunk, 5, BP, BC, num_warps=4)


@triton.jit
def _sample(pix0, pix1, pix2, src, geo, cut, col, out, SIZE, N0: tl.constexpr, BX: tl.constexpr):
    """One row of output pixels of a picture, written as [B, S/2, S/2, 4 phases x RGB0]."""
    row = tl.program_id(0)
    i, Y = row // SIZE, row % SIZE
    X = tl.program_id(1) * BX + tl.arange(0, BX)
    cx, cy = tl.load(cut + i * 2), tl.load(cut + i * 2 + 1)
    region = tl.where(X >= cx, 1, 0) + tl.where(Y >= cy, 2, 0)
    q = i * 4 + region
    g = geo + q * 6                                            # 1/sx, 1/sy, tx, ty (canvas), width, height
    isx, isy, tx, ty = tl.load(g), tl.load(g + 1), tl.load(g + 2), tl.load(g + 3)
    w, h = tl.load(g + 4), tl.load(g + 5)
    u, v = (X + 0.5 - tx) * isx, (Y + 0.5 - ty) * isy          # source, in pixels of level 0, edges at 0 and w; negative isx: mirrored
    inside = (u >= 0) & (u <= w) & (v >= 0) & (v <= h)
    shrink = tl.abs(isx)
    level = tl.where(shrink > 1.6, 1, 0) + tl.where(shrink > 3.2, 1, 0)
    f = tl.where(level == 0, 1.0, tl.where(level == 1, 0.5, 0.25))
    side = tl.where(level == 0, N0, tl.where(level == 1, N0 // 2, N0 // 4))
    lw, lh = tl.maximum(tl.floor(w * f + 0.01), 1.0), tl.maximum(tl.floor(h * f + 0.01), 1.0)
    a, b = u * f - 0.5, v * f - 0.5
    a, b = tl.minimum(tl.maximum(a, 0.0), lw - 1), tl.minimum(tl.maximum(b, 0.0), lh - 1)
    x0, y0 = tl.floor(a), tl.floor(b)
    fx, fy = a - x0, b - y0
    xi, yi = x0.to(tl.int32), y0.to(tl.int32)
    x1, y1 = tl.minimum(xi + 1, (lw - 1).to(tl.int32)), tl.minimum(yi + 1, (lh - 1).to(tl.int32))
    s = tl.load(src + q).to(tl.int64) * side * side
    r = 0.0
    gr = 0.0
    bl = 0.0
    for t in tl.static_range(4):
        yy = yi if t < 2 else y1
        xx = xi if t % 2 == 0 else x1
        wt = (1 - fy if t < 2 else fy) * (1 - fx if t % 2 == 0 else fx)
        at = s + yy * side + xx
        p = tl.load(pix0 + at, inside & (level == 0), 0)
        p = tl.where(level == 1, tl.load(pix1 + at, inside & (level == 1), 0), p)
        p = tl.where(level == 2, tl.load(pix2 + at, inside & (level == 2), 0), p)
        r += wt * (p & 255).to(tl.float32)
        gr += wt * ((p >> 8) & 255).to(tl.float32)
        bl += wt * ((p >> 16) & 255).to(tl.float32)
    r, gr, bl = tl.where(inside, r, 114.0), tl.where(inside, gr, 114.0), tl.where(inside, bl, 114.0)
    fs, fv, grey = tl.load(col + i * 3), tl.load(col + i * 3 + 1), tl.load(col + i * 3 + 2)
    top = tl.maximum(r, tl.maximum(gr, bl))
    low = tl.minimum(r, tl.minimum(gr, bl))
    fs = tl.minimum(fs, top / tl.maximum(top - low, 1e-3))     # saturation stays at most 1
    fv = tl.minimum(fv, 255.0 / tl.maximum(top, 1.0)) / 255.0
    r, gr, bl = (top - (top - r) * fs) * fv, (top - (top - gr) * fs) * fv, (top - (top - bl) * fs) * fv
    l = 0.299 * r + 0.587 * gr + 0.114 * bl
    r, gr, bl = r + grey * (l - r), gr + grey * (l - gr), bl + grey * (l - bl)
    half = SIZE // 2
    o = out + ((i * half + Y // 2).to(tl.int64) * half + X // 2) * 16 + ((Y % 2) * 2 + X % 2) * 4
    ok = X < SIZE
    tl.store(o, r.to(out.dtype.element_ty), ok)
    tl.store(o + 1, gr.to(out.dtype.element_ty), ok)
    tl.store(o + 2, bl.to(out.dtype.element_ty), ok)


def sample(levels, src, geo, cut, col, out):
    B, half = out.shape[0], out.shape[1]
    size = half * 2
    BX = 128 if size <= 256 else 64
    _sample[(B * size, triton.cdiv(size, BX))](*levels, src, geo, cut, col, out, size, levels[0].shape[1], BX, num_warps=2)
