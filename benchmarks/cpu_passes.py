"""Compiled passes over one cell network: forward, backward, optimizer steps, evaluation.

They work on plain arrays in named tuples, `Net` with a `Stage` for each of the two cells, which `cpu_network`
makes.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
from numba import njit

from nascurve.benchmarks import cpu_kernels as kernels
from nascurve.benchmarks.skeleton import BN_EPS, BN_MOMENTUM

_JIT = {"cache": True, "error_model": "numpy"}
KINDS = {"nor_conv_3x3": 0, "nor_conv_1x1": 1, "avg_pool_3x3": 2, "skip_connect": 3}
_MOMENTUM, _EPS = np.float32(BN_MOMENTUM), np.float32(BN_EPS)

Stage = namedtuple("Stage", "nodes grads flat padded ys gy gpad gr wflip edges px batch channels")
Net = namedtuple(
    "Net",
    "first second x stem_y pooled pooled_grad reduction_y reduction_gy head head_relu head_grad features "
    "logits params grad mean inv_std running_mean running_var offsets",
)


@njit(**_JIT)
def _matrix(flat: Any, offset: int, rows: int, columns: int) -> Any:
    return flat[offset : offset + rows * columns].reshape(rows, columns)


@njit(**_JIT)
def _normalize(net: Any, y: Any, gamma_at: int, stat_at: int, total: Any, training: bool) -> None:
    c = y.shape[0]
    g, s = slice(gamma_at, gamma_at + c), slice(stat_at, stat_at + c)
    beta = net.params[gamma_at + c : gamma_at + 2 * c]
    kernels.batch_norm(
        y, net.params[g], beta, net.running_mean[s], net.running_var[s], net.mean[s], net.inv_std[s], total,
        training, _MOMENTUM, _EPS,
    )  # fmt: skip


@njit(**_JIT)
def _normalize_backward(net: Any, grad: Any, y: Any, gamma_at: int, stat_at: int, out: Any) -> None:
    c = y.shape[0]
    g, b, s = (
        slice(gamma_at, gamma_at + c),
        slice(gamma_at + c, gamma_at + 2 * c),
        slice(stat_at, stat_at + c),
    )
    kernels.batch_norm_backward(
        grad, y, net.params[g], net.mean[s], net.inv_std[s], net.grad[g], net.grad[b], out
    )  # fmt: skip


@njit(**_JIT)
def _cell_forward(net: Any, stage: Any, training: bool) -> None:
    c, px, batch = stage.channels, stage.px, stage.batch
    stage.nodes[1:] = np.float32(0.0)
    have_flat, have_padded = np.zeros(4, np.bool_), np.zeros(4, np.bool_)
    for e in range(stage.edges.shape[0]):
        source, target, kind, weight_at, gamma_at, stat_at = stage.edges[e]
        x, total = stage.nodes[source], stage.nodes[target]
        if kind == 0:
            if not have_padded[source]:
                kernels.relu_padded(x, stage.padded[source], px, batch)
                have_padded[source] = True
            w = net.params[weight_at : weight_at + c * c * 9].reshape(c, c, 9)
            kernels.conv3(w, stage.padded[source], stage.ys[e].reshape(c, px, px * batch), px, batch)
        elif kind == 1:
            if not have_flat[source]:
                kernels.relu(x, stage.flat[source])
                have_flat[source] = True
            kernels.multiply(_matrix(net.params, weight_at, c, c), stage.flat[source], stage.ys[e])
        elif kind == 2:
            kernels.add_pooled(x, total, px, px, batch, False)
        else:
            kernels.add(x, total)
        if kind < 2:
            _normalize(net, stage.ys[e], gamma_at, stat_at, total, training)


@njit(**_JIT)
def _cell_backward(net: Any, stage: Any, last: int) -> None:
    """From the gradient of node `last`, which the caller has put there, to that of node 0 and all
    parameters."""
    c, px, batch = stage.channels, stage.px, stage.batch
    stage.grads[:last] = np.float32(0.0)
    for e in range(stage.edges.shape[0] - 1, -1, -1):
        source, target, kind, weight_at, gamma_at, stat_at = stage.edges[e]
        grad, total = stage.grads[target], stage.grads[source]
        if kind < 2:
            _normalize_backward(net, grad, stage.ys[e], gamma_at, stat_at, stage.gy)
        if kind == 0:
            n = c * c * 9
            w = net.params[weight_at : weight_at + n].reshape(c, c, 9)
            kernels.pad(stage.gy, stage.gpad, px, batch)
            kernels.conv3_weight_gradient(
                stage.gpad,
                stage.padded[source],
                net.grad[weight_at : weight_at + n].reshape(c, c, 9),
                px,
                batch,
            )
            kernels.flip(w, stage.wflip)
            kernels.conv3(stage.wflip, stage.gpad, stage.gr.reshape(c, px, px * batch), px, batch)
            kernels.add_where_positive(stage.gr, stage.nodes[source], total)
        elif kind == 1:
            w = _matrix(net.params, weight_at, c, c)
            kernels.multiply_transposed(stage.gy, stage.flat[source], _matrix(net.grad, weight_at, c, c))
            kernels.multiply(np.ascontiguousarray(w.T), stage.gy, stage.gr)
            kernels.add_where_positive(stage.gr, stage.nodes[source], total)
        elif kind == 2:
            kernels.add_pooled(grad, total, px, px, batch, True)
        else:
            kernels.add(grad, total)


@njit(**_JIT)
def _forward(net: Any, last: int, training: bool) -> None:
    """From the batch in `net.x` to `net.logits` (classes, batch)."""
    first, second = net.first, net.second
    stem_w, stem_g, stem_s, red_w, red_g, red_s, head_g, head_s, lin_w, lin_b = net.offsets
    c1, c2, batch = first.channels, second.channels, first.batch
    kernels.multiply(_matrix(net.params, stem_w, c1, net.x.shape[0]), net.x, net.stem_y)
    first.nodes[0] = np.float32(0.0)
    _normalize(net, net.stem_y, stem_g, stem_s, first.nodes[0], training)
    _cell_forward(net, first, training)
    kernels.reduce2(first.nodes[last], net.pooled, first.px, batch, False)
    kernels.multiply(_matrix(net.params, red_w, c2, c1), net.pooled, net.reduction_y)
    second.nodes[0] = np.float32(0.0)
    _normalize(net, net.reduction_y, red_g, red_s, second.nodes[0], training)
    _cell_forward(net, second, training)
    net.head[:] = np.float32(0.0)
    _normalize(net, second.nodes[last], head_g, head_s, net.head, training)
    kernels.relu(net.head, net.head_relu)
    pixels = second.px * second.px
    net.features[:] = np.float32(0.0)
    for c in range(c2):
        f = net.features[c]
        for p in range(pixels):
            h = net.head_relu[c, p * batch : (p + 1) * batch]
            for j in range(batch):
                f[j] += h[j]
    net.features[:] *= np.float32(1.0 / pixels)
    classes = net.logits.shape[0]
    w = _matrix(net.params, lin_w, c2, classes)
    for k in range(classes):
        o = net.logits[k]
        o[:] = net.params[lin_b + k]
        for c in range(c2):
            f, v = net.features[c], w[c, k]
            for j in range(batch):
                o[j] += v * f[j]


@njit(**_JIT)
def _score(net: Any, labels: Any, count: int) -> tuple[float, int]:
    """Sum of cross-entropies and of right answers over the first `count` columns; logits become
    probabilities."""
    loss, correct = 0.0, 0
    classes = net.logits.shape[0]
    for j in range(net.logits.shape[1]):
        top, best = net.logits[0, j], 0
        for k in range(1, classes):
            if net.logits[k, j] > top:
                top, best = net.logits[k, j], k
        total = np.float32(0.0)
        own = net.logits[labels[j], j]
        for k in range(classes):
            e = np.exp(net.logits[k, j] - top)
            net.logits[k, j] = e
            total += e
        for k in range(classes):
            net.logits[k, j] /= total
        if j < count:
            loss += np.log(total) + top - own
            correct += best == labels[j]
    return loss, correct


@njit(**_JIT)
def _backward(net: Any, last: int, labels: Any) -> None:
    """Gradients of the mean cross-entropy, from the probabilities in `net.logits`, into `net.grad`."""
    first, second = net.first, net.second
    stem_w, stem_g, stem_s, red_w, red_g, red_s, head_g, head_s, lin_w, lin_b = net.offsets
    c1, c2, batch = first.channels, second.channels, first.batch
    classes, pixels = net.logits.shape[0], second.px * second.px
    for j in range(batch):
        net.logits[labels[j], j] -= np.float32(1.0)
    net.logits[:] *= np.float32(1.0 / batch)
    w, gw = _matrix(net.params, lin_w, c2, classes), _matrix(net.grad, lin_w, c2, classes)
    for k in range(classes):
        net.grad[lin_b + k] = net.logits[k].sum()
    for c in range(c2):
        df = np.zeros(batch, np.float32)
        f = net.features[c]
        for k in range(classes):
            d, v, s = net.logits[k], w[c, k], np.float32(0.0)
            for j in range(batch):
                s += d[j] * f[j]
                df[j] += v * d[j]
            gw[c, k] = s
        df *= np.float32(1.0 / pixels)
        for p in range(pixels):
            h, g = net.head[c, p * batch : (p + 1) * batch], net.head_grad[c, p * batch : (p + 1) * batch]
            for j in range(batch):
                g[j] = df[j] if h[j] > np.float32(0.0) else np.float32(0.0)
    _normalize_backward(net, net.head_grad, second.nodes[last], head_g, head_s, second.grads[last])
    _cell_backward(net, second, last)
    _normalize_backward(net, second.grads[0], net.reduction_y, red_g, red_s, net.reduction_gy)
    kernels.multiply_transposed(net.reduction_gy, net.pooled, _matrix(net.grad, red_w, c2, c1))
    w_red = np.ascontiguousarray(_matrix(net.params, red_w, c2, c1).T)
    kernels.multiply(w_red, net.reduction_gy, net.pooled_grad)
    kernels.reduce2(first.grads[last], net.pooled_grad, first.px, batch, True)
    _cell_backward(net, first, last)
    _normalize_backward(net, first.grads[0], net.stem_y, stem_g, stem_s, first.gy)
    features = net.x.shape[0]
    kernels.multiply_transposed(first.gy, net.x, _matrix(net.grad, stem_w, c1, features))


@njit(**_JIT)
def _gather(patches: Any, rows: Any, out: Any) -> None:
    """Images `rows` of (n, features, pixels) into (features, pixels·batch), the batch innermost."""
    batch = len(rows)
    for j in range(batch):
        image = patches[rows[j]]
        for f in range(image.shape[0]):
            for p in range(image.shape[1]):
                out[f, p * batch + j] = image[f, p]


@njit(**_JIT)
def train(
    net: Any, last: int, velocity: Any, patches: Any, labels: Any, draws: Any, lrs: Any, mu: Any, decay: Any
) -> float:
    """Steps over draws (steps, batch): Nesterov momentum as torch's SGD. Returns the mean loss."""
    total = 0.0
    for step in range(draws.shape[0]):
        _gather(patches, draws[step], net.x)
        target = labels[draws[step]]
        _forward(net, last, True)
        loss, _ = _score(net, target, len(target))
        total += loss / len(target)
        _backward(net, last, target)
        lr = lrs[step]
        for i in range(len(net.params)):
            g = net.grad[i] + decay * net.params[i]
            velocity[i] = mu * velocity[i] + g
            net.params[i] -= lr * (g + mu * velocity[i])
    mean: float = total / draws.shape[0]
    return mean


@njit(**_JIT)
def evaluate(net: Any, last: int, patches: Any, labels: Any) -> tuple[float, int]:
    """Mean loss and number of right answers with the running statistics."""
    n, batch = len(labels), net.first.batch
    loss, correct = 0.0, 0
    for start in range(0, n, batch):
        rows = (
            np.arange(start, start + batch) % n
        )  # a last short batch is filled up, and only its own counted
        _gather(patches, rows, net.x)
        _forward(net, last, False)
        part, right = _score(net, labels[rows], min(batch, n - start))
        loss += part
        correct += right
    return loss / n, correct
