"""Compiled kernels for training one small cell network on one CPU core.

Arrays lie as (channels, y, x, batch) with the batch innermost, so that every inner loop is long and
contiguous and the compiler vectorises it; a whole network then stays in the second-level cache. Inputs of 3x3
convolutions carry a border of zeros ("padded", (c, h+2, w+2, b)), which spares all boundary cases. Everything
is float32.

`fastmath` leaves out `nnan` and `ninf` on purpose: a diverged run must show as NaN.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import njit

_JIT = {"fastmath": {"reassoc", "contract", "arcp", "nsz", "afn"}, "cache": True, "error_model": "numpy"}
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_f32 = numba.float32


@njit(**_JIT)
def multiply(w, x, out):
    """out (m, n) = w (m, k) · x (k, n) with k a multiple of 4 and m of 2: 1x1 convolutions, the stem."""
    m, k = w.shape
    n = x.shape[1]
    for i in range(0, m, 2):
        o0, o1 = out[i], out[i + 1]
        for c in range(0, k, 4):
            x0, x1, x2, x3 = x[c], x[c + 1], x[c + 2], x[c + 3]
            a0, a1, a2, a3 = w[i, c], w[i, c + 1], w[i, c + 2], w[i, c + 3]
            b0, b1, b2, b3 = w[i + 1, c], w[i + 1, c + 1], w[i + 1, c + 2], w[i + 1, c + 3]
            if c == 0:
                for j in range(n):
                    o0[j] = a0 * x0[j] + a1 * x1[j] + a2 * x2[j] + a3 * x3[j]
                    o1[j] = b0 * x0[j] + b1 * x1[j] + b2 * x2[j] + b3 * x3[j]
            else:
                for j in range(n):
                    o0[j] += a0 * x0[j] + a1 * x1[j] + a2 * x2[j] + a3 * x3[j]
                    o1[j] += b0 * x0[j] + b1 * x1[j] + b2 * x2[j] + b3 * x3[j]


@njit(**_JIT)
def multiply_transposed(g, x, out):
    """out (m, k) = g (m, n) · x (k, n)ᵀ with m and k even: weight gradients of 1x1 convolutions and the
    stem."""
    m, n = g.shape
    k = x.shape[0]
    for i in range(0, m, 2):
        g0, g1 = g[i], g[i + 1]
        for c in range(0, k, 2):
            x0, x1 = x[c], x[c + 1]
            s00, s01, s10, s11 = _ZERO, _ZERO, _ZERO, _ZERO
            for j in range(n):
                s00 += g0[j] * x0[j]
                s01 += g0[j] * x1[j]
                s10 += g1[j] * x0[j]
                s11 += g1[j] * x1[j]
            out[i, c], out[i, c + 1] = s00, s01
            out[i + 1, c], out[i + 1, c + 1] = s10, s11


@njit(**_JIT)
def conv3(w, x, out, width, batch):
    """out (m, h, width·batch) = 3x3 convolution of the padded x (k, h+2, (width+2)·batch), w (m, k, 9), m
    even."""
    m, k = w.shape[0], w.shape[1]
    height = out.shape[1]
    n = width * batch
    for i in range(0, m, 2):
        for y in range(height):
            o0, o1 = out[i, y], out[i + 1, y]
            for c in range(k):
                p0, p1, p2 = x[c, y], x[c, y + 1], x[c, y + 2]
                x0, x1, x2 = p0[0:n], p0[batch : batch + n], p0[2 * batch : 2 * batch + n]
                x3, x4, x5 = p1[0:n], p1[batch : batch + n], p1[2 * batch : 2 * batch + n]
                x6, x7, x8 = p2[0:n], p2[batch : batch + n], p2[2 * batch : 2 * batch + n]
                a, b = w[i, c], w[i + 1, c]
                a0, a1, a2, a3, a4, a5, a6, a7, a8 = a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]
                b0, b1, b2, b3, b4, b5, b6, b7, b8 = b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8]
                if c == 0:
                    for j in range(n):
                        o0[j] = _ZERO
                        o1[j] = _ZERO
                for j in range(n):
                    v0, v1, v2, v3, v4, v5, v6, v7, v8 = (
                        x0[j], x1[j], x2[j], x3[j], x4[j], x5[j], x6[j], x7[j], x8[j]
                    )  # fmt: skip
                    o0[j] += (
                        a0 * v0
                        + a1 * v1
                        + a2 * v2
                        + a3 * v3
                        + a4 * v4
                        + a5 * v5
                        + a6 * v6
                        + a7 * v7
                        + a8 * v8
                    )
                    o1[j] += (
                        b0 * v0
                        + b1 * v1
                        + b2 * v2
                        + b3 * v3
                        + b4 * v4
                        + b5 * v5
                        + b6 * v6
                        + b7 * v7
                        + b8 * v8
                    )


@njit(**_JIT)
def conv3_weight_gradient(g, x, out, width, batch):
    """out (m, k, 9) from the padded output gradient g (m, h+2, (width+2)·batch), its border zero, and padded
    x."""
    m, k = g.shape[0], x.shape[0]
    height = g.shape[1] - 2
    row = (width + 2) * batch
    first = row + batch  # the flat index of pixel (1, 1); the zero border makes one long loop right
    n = ((height - 1) * (width + 2) + width) * batch
    for i in range(m):
        gi = g[i].reshape(-1)[first : first + n]
        for c in range(k):
            f = x[c].reshape(-1)
            x0, x1, x2 = f[0:n], f[batch : batch + n], f[2 * batch : 2 * batch + n]
            x3, x4, x5 = (
                f[row : row + n],
                f[row + batch : row + batch + n],
                f[row + 2 * batch : row + 2 * batch + n],
            )
            x6 = f[2 * row : 2 * row + n]
            x7 = f[2 * row + batch : 2 * row + batch + n]
            x8 = f[2 * row + 2 * batch : 2 * row + 2 * batch + n]
            s0, s1, s2, s3, s4, s5, s6, s7, s8 = (
                _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
            )  # fmt: skip
            for j in range(n):
                v = gi[j]
                s0 += v * x0[j]
                s1 += v * x1[j]
                s2 += v * x2[j]
                s3 += v * x3[j]
                s4 += v * x4[j]
                s5 += v * x5[j]
                s6 += v * x6[j]
                s7 += v * x7[j]
                s8 += v * x8[j]
            o = out[i, c]
            o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8] = s0, s1, s2, s3, s4, s5, s6, s7, s8


@njit(**_JIT)
def flip(w, out):
    """(m, k, 9) -> (k, m, 9) with the kernel turned by 180 degrees: the input gradient's convolution."""
    for i in range(w.shape[0]):
        for c in range(w.shape[1]):
            for t in range(9):
                out[c, i, t] = w[i, c, 8 - t]


@njit(**_JIT)
def relu(x, out):
    """Flat (c, n)."""
    for c in range(x.shape[0]):
        xc, oc = x[c], out[c]
        for j in range(x.shape[1]):
            v = xc[j]
            oc[j] = _ZERO if v < _ZERO else v


@njit(**_JIT)
def relu_padded(x, out, width, batch):
    """(c, h·width·batch) -> the inside of (c, h+2, (width+2)·batch)."""
    n = width * batch
    for c in range(x.shape[0]):
        for y in range(out.shape[1] - 2):
            xr, orow = x[c, y * n : (y + 1) * n], out[c, y + 1, batch : batch + n]
            for j in range(n):
                v = xr[j]
                orow[j] = _ZERO if v < _ZERO else v


@njit(**_JIT)
def add(x, total):
    for c in range(x.shape[0]):
        xc, tc = x[c], total[c]
        for j in range(x.shape[1]):
            tc[j] += xc[j]


@njit(**_JIT)
def add_where_positive(grad, x, total):
    """total += grad where x > 0: the backward pass of ReLU."""
    for c in range(x.shape[0]):
        gc, xc, tc = grad[c], x[c], total[c]
        for j in range(x.shape[1]):
            tc[j] += gc[j] if xc[j] > _ZERO else _ZERO


@njit(**_JIT)
def add_pooled(x, total, height, width, batch, backward):
    """total += 3x3 average pooling of x, stride 1, padding not counted; with `backward` its transpose."""
    for c in range(x.shape[0]):
        for y in range(height):
            for u in range(width):
                at = (y * width + u) * batch
                t = total[c, at : at + batch]
                own = (min(y + 2, height) - max(y - 1, 0)) * (min(u + 2, width) - max(u - 1, 0))
                for v in range(max(y - 1, 0), min(y + 2, height)):
                    for s in range(max(u - 1, 0), min(u + 2, width)):
                        count = own
                        if backward:
                            count = (min(v + 2, height) - max(v - 1, 0)) * (min(s + 2, width) - max(s - 1, 0))
                        scale = _ONE / _f32(count)
                        src = (v * width + s) * batch
                        xs = x[c, src : src + batch]
                        for j in range(batch):
                            t[j] += scale * xs[j]


@njit(**_JIT)
def reduce2(x, out, width, batch, backward):
    """2x2 average pooling, stride 2: (c, h·width·batch) -> (c, h/2·width/2·batch); `backward` writes x from
    out."""
    half = width // 2
    quarter = _f32(0.25)
    for c in range(x.shape[0]):
        for y in range(x.shape[1] // (2 * width * batch)):
            for u in range(half):
                o = out[c, (y * half + u) * batch : (y * half + u + 1) * batch]
                upper, lower = (2 * y * width + 2 * u) * batch, ((2 * y + 1) * width + 2 * u) * batch
                x0, x1 = x[c, upper : upper + batch], x[c, upper + batch : upper + 2 * batch]
                x2, x3 = x[c, lower : lower + batch], x[c, lower + batch : lower + 2 * batch]
                for j in range(batch):
                    if backward:
                        v = quarter * o[j]
                        x0[j] = v
                        x1[j] = v
                        x2[j] = v
                        x3[j] = v
                    else:
                        o[j] = quarter * (x0[j] + x1[j] + x2[j] + x3[j])


@njit(**_JIT)
def batch_norm(y, gamma, beta, running_mean, running_var, mean, inv_std, total, training, momentum, eps):
    """total (c, n) += normalised y. In training the batch's statistics are used, left in `mean` and
    `inv_std`, and the running ones updated (variance unbiased, as torch does); otherwise the running ones are
    used."""
    n = y.shape[1]
    size = _f32(n)
    for c in range(y.shape[0]):
        yc, tc = y[c], total[c]
        if training:
            s = _ZERO
            for j in range(n):
                s += yc[j]
            mu = s / size
            s = _ZERO
            for j in range(n):
                d = yc[j] - mu
                s += d * d
            var = s / size
            running_mean[c] += momentum * (mu - running_mean[c])
            running_var[c] += momentum * (var * (size / (size - _ONE)) - running_var[c])
        else:
            mu, var = running_mean[c], running_var[c]
        inv = _ONE / np.sqrt(var + eps)
        mean[c] = mu
        inv_std[c] = inv
        scale = gamma[c] * inv
        shift = beta[c] - mu * scale
        for j in range(n):
            tc[j] += yc[j] * scale + shift


@njit(**_JIT)
def batch_norm_backward(grad, y, gamma, mean, inv_std, grad_gamma, grad_beta, out):
    """out (c, n) = gradient of y from the gradient of the normalised y."""
    n = y.shape[1]
    size = _f32(n)
    for c in range(y.shape[0]):
        gc, yc, oc = grad[c], y[c], out[c]
        mu, inv = mean[c], inv_std[c]
        s, t = _ZERO, _ZERO
        for j in range(n):
            s += gc[j]
            t += gc[j] * (yc[j] - mu)
        t *= inv
        grad_beta[c] = s
        grad_gamma[c] = t
        k = gamma[c] * inv
        a, b = s / size, t * inv / size
        for j in range(n):
            oc[j] = k * (gc[j] - a - (yc[j] - mu) * b)


@njit(**_JIT)
def pad(x, out, width, batch):
    """(c, h·width·batch) -> the inside of (c, h+2, (width+2)·batch)."""
    n = width * batch
    for c in range(x.shape[0]):
        for y in range(out.shape[1] - 2):
            out[c, y + 1, batch : batch + n] = x[c, y * n : (y + 1) * n]
