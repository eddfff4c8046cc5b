"""The few tensor operations of a packed network that plain torch does slower or not independently per network."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

_aten = torch.ops.aten


def pool_matrix(px: int) -> Tensor:
    """(px², px²): 3x3 average pooling with stride 1, padding not counted, as a product from the right. A product
    with this small matrix is four times faster than torch's pooling at these sizes."""
    eye = torch.eye(px * px).view(px * px, 1, px, px)
    return F.avg_pool2d(eye, 3, 1, 1, count_include_pad=False).view(px * px, px * px).contiguous()


def reduction_matrix(px: int) -> Tensor:
    """(px², px²/4): 2x2 average pooling with stride 2, as a product from the right."""
    eye = torch.eye(px * px).view(px * px, 1, px, px)
    return F.avg_pool2d(eye, 2).view(px * px, px * px // 4).contiguous()


class _GroupedConv(torch.autograd.Function):
    """Convolution with odd kernel and `same` padding. torch takes another kernel for the weight gradient of a
    single 1x1 group than for several: a lone group is doubled there, so that a network's numbers do not depend
    on how many neighbours share its operation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, groups: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.groups = groups
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=groups)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        grad, groups, pad = grad.contiguous(), ctx.groups, [weight.shape[-1] // 2] * 2

        def gradients(
            g: Tensor, x: Tensor, w: Tensor, groups: int, mask: list[bool]
        ) -> tuple[Tensor, Tensor, Tensor]:
            return _aten.convolution_backward(  # type: ignore[no-any-return]
                g, x, w, None, [1, 1], pad, [1, 1], False, [0, 0], groups, mask
            )

        if groups > 1 or weight.shape[-1] > 1:
            grad_x, grad_w, _ = gradients(grad, x, weight, groups, [True, True, False])
            return grad_x, grad_w, None
        grad_x, _, _ = gradients(grad, x, weight, 1, [True, False, False])
        grad_2, x_2, weight_2 = torch.cat([grad, grad], 1), torch.cat([x, x], 1), torch.cat([weight, weight])
        _, grad_w, _ = gradients(grad_2, x_2, weight_2, 2, [False, True, False])
        return grad_x, grad_w[: len(weight)], None


class _BatchNorm(torch.autograd.Function):
    """Batch normalisation in training. The statistics as plain sums take a third of the time of torch's own
    forward kernel; the backward pass is torch's."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        n = x.numel() // x.shape[1]
        mean = x.sum((0, 2, 3)) / n
        centred = x - mean[:, None, None]
        var = (centred * centred).sum((0, 2, 3)) / n
        out = F.batch_norm(x, mean, var, gamma, beta, False, 0.0, eps)
        ctx.save_for_backward(x, gamma, mean, torch.rsqrt(var + eps))
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, var)
        return out, mean, var

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, gamma, mean, inv_std = ctx.saved_tensors
        grad_x, grad_gamma, grad_beta = _aten.native_batch_norm_backward(
            grad.contiguous(), x, gamma, None, None, mean, inv_std, True, ctx.eps, [True, True, True]
        )
        return grad_x, grad_gamma, grad_beta, None


def grouped_conv(x: Tensor, weight: Tensor, groups: int) -> Tensor:
    """(batch, groups·c, h, w) with weight (groups·c, c, k, k), k odd, same padding, no bias."""
    return _GroupedConv.apply(x, weight, groups)  # type: ignore[no-any-return, no-untyped-call]


def batch_norm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> Tensor:
    """Normalise (batch, channels, h, w) by the batch's statistics; update the running ones in place (the variance
    unbiased, as torch does)."""
    out, mean, var = _BatchNorm.apply(x, gamma, beta, eps)  # type: ignore[no-untyped-call]
    n = x.numel() // x.shape[1]
    with torch.no_grad():
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(var * (n / (n - 1)), momentum)
    return out  # type: ignore[no-any-return]
