"""An ensemble of feed-forward networks for regression, trained as one batched computation."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

BETAS = (0.9, 0.99)
EPSILON = 1e-8
SCHEDULES = ("constant", "cosine")


class Ensemble:
    """`members` networks of `depth` hidden ReLU layers and one linear output; Adam on the mean absolute
    error.

    All members are trained at once: weights of a layer form one tensor (members, inputs, outputs), a step of
    all members is one batched matrix product per layer, written out by hand (forward, backward, Adam on one
    flat vector, all in buffers allocated once) because autograd's and the optimizer's bookkeeping would cost
    several times the arithmetic. Members differ in their initial weights (Glorot uniform, biases zero) and in
    the order of their minibatches. Training runs on one thread (the tensors are small), and leaves torch's
    setting as it was.

    The same generator gives the same networks on the same machine and software.

    members, depth, width: size of the ensemble and of its networks.
    epochs: passes over the data.
    max_steps: upper limit of gradient steps, which cuts the epochs on larger data; None for no limit.
    minibatch_size: rows of a minibatch; the last one of a pass may have fewer.
    learning_rate: of Adam, betas (.9, .99); the peak of it with schedule "cosine", which falls to zero.
    """

    def __init__(
        self,
        *,
        members: int,
        depth: int,
        width: int,
        epochs: int,
        max_steps: int | None,
        minibatch_size: int,
        learning_rate: float,
        schedule: str,
    ) -> None:
        self._members = options.integer("members", members, at_least=1)
        self._depth = options.integer("depth", depth, at_least=1)
        self._width = options.integer("width", width, at_least=1)
        self._epochs = options.integer("epochs", epochs, at_least=1)
        self._max_steps = None if max_steps is None else options.integer("max_steps", max_steps, at_least=1)
        self._minibatch_size = options.integer("minibatch_size", minibatch_size, at_least=1)
        self._learning_rate = options.real("learning_rate", learning_rate, above=0)
        self._cosine = options.choice("schedule", schedule, SCHEDULES) == "cosine"
        self._weights: list[tuple[Tensor, Tensor]] = []

    def fit(self, features: NDArray[np.floating], targets: FloatArray, rng: np.random.Generator) -> None:
        """Train anew on features (n, d) and targets (n,)."""
        import torch

        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                self._fit(features, targets, rng)
        finally:
            torch.set_num_threads(n_threads)

    def predict(self, features: FloatArray) -> FloatArray:
        """Predictions of each member for features (n, d); shape (members, n)."""
        import torch

        if not self._weights:
            raise ConfigError("Ensemble: predict was called before fit; fit it first.")
        with torch.inference_mode():
            x = torch.from_numpy(np.asarray(features, dtype=np.float32)).expand(self._members, -1, -1)
            for weight, bias in self._weights[:-1]:
                x = torch.baddbmm(bias, x, weight).relu_()
            weight, bias = self._weights[-1]
            return np.asarray(torch.baddbmm(bias, x, weight)[:, :, 0].numpy(), dtype=np.float64)

    def _fit(self, features: NDArray[np.floating], targets: FloatArray, rng: np.random.Generator) -> None:
        import torch

        n, d = features.shape
        sizes = [d] + [self._width] * self._depth + [1]
        flat = torch.from_numpy(self._initial(sizes, rng))
        gradient = torch.zeros_like(flat)
        self._weights = self._views(flat, sizes)
        gradients = self._views(gradient, sizes)
        adam = _Adam(flat, gradient)

        batch = min(self._minibatch_size, n)
        starts = range(0, n, batch)
        n_steps = self._epochs * len(starts)
        if self._max_steps is not None:
            n_steps = min(n_steps, self._max_steps)
        passes = {rows: _Pass(self._weights, gradients, rows) for rows in {batch, n - starts[-1]}}
        x = torch.from_numpy(np.asarray(features, dtype=np.float32))
        y = torch.from_numpy(np.asarray(targets, dtype=np.float32)).unsqueeze(1)
        step = 0
        while step < n_steps:
            order = torch.from_numpy(rng.permuted(np.tile(np.arange(n), (self._members, 1)), axis=1))
            for start in starts[: n_steps - step]:
                rows = order[:, start : start + batch]  # a copy of all rows would grow with the history
                passes[rows.shape[1]].run(x[rows], y[rows])
                decay = 0.5 * (1 + math.cos(math.pi * step / n_steps)) if self._cosine else 1.0
                step += 1
                adam.step(self._learning_rate * decay, step)

    def _initial(self, sizes: list[int], rng: np.random.Generator) -> Any:
        parts = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            limit = math.sqrt(6 / (fan_in + fan_out))
            parts += [
                rng.uniform(-limit, limit, self._members * fan_in * fan_out),
                np.zeros(self._members * fan_out),
            ]
        return np.concatenate(parts).astype(np.float32)

    def _views(self, flat: Tensor, sizes: list[int]) -> list[tuple[Tensor, Tensor]]:
        views, at = [], 0
        for fan_in, fan_out in itertools.pairwise(sizes):
            middle = at + self._members * fan_in * fan_out
            end = middle + self._members * fan_out
            weight = flat[at:middle].view(self._members, fan_in, fan_out)
            views.append((weight, flat[middle:end].view(self._members, 1, fan_out)))
            at = end
        return views


class _Pass:
    """Forward and backward pass of all members over one minibatch of `rows` rows, in its own buffers."""

    def __init__(
        self,
        weights: list[tuple[Tensor, Tensor]],
        gradients: list[tuple[Tensor, Tensor]],
        rows: int,
    ) -> None:
        import torch

        members = weights[0][0].shape[0]
        self._weights, self._gradients, self._rows = weights, gradients, rows
        self._outputs = [torch.empty(members, rows, weight.shape[2]) for weight, _ in weights]
        self._deltas = [torch.empty_like(output) for output in self._outputs]
        self._masks = [torch.empty_like(output) for output in self._outputs]
        self._ones = torch.ones(members, 1, rows)
        self._transposed = [weight.transpose(1, 2) for weight, _ in weights]
        self._output_transposed = [output.transpose(1, 2) for output in self._outputs]

    def run(self, x: Tensor, y: Tensor) -> None:
        """Compute the gradients of each member's mean absolute error.

        x: (members, rows, d). y: (members, rows, 1).
        """
        import torch

        inputs = x
        last = len(self._weights) - 1
        for i, (weight, bias) in enumerate(self._weights):
            torch.baddbmm(bias, inputs, weight, out=self._outputs[i])
            inputs = self._outputs[i]
            if i < last:
                inputs.relu_()
        torch.sub(self._outputs[last], y, out=self._deltas[last])
        self._deltas[last].sign_().div_(self._rows)
        for i in range(last, -1, -1):
            delta = self._deltas[i]
            below = self._output_transposed[i - 1] if i else x.transpose(1, 2)
            torch.bmm(below, delta, out=self._gradients[i][0])
            torch.bmm(self._ones, delta, out=self._gradients[i][1])
            if i:
                torch.bmm(delta, self._transposed[i], out=self._deltas[i - 1])
                torch.sign(self._outputs[i - 1], out=self._masks[i - 1])  # 1 where the ReLU let through
                self._deltas[i - 1].mul_(self._masks[i - 1])


class _Adam:
    """Adam (Kingma and Ba, 2015) on one flat vector, in place."""

    def __init__(self, values: Tensor, gradient: Tensor) -> None:
        import torch

        self._values, self._gradient = values, gradient
        self._mean, self._square = torch.zeros_like(values), torch.zeros_like(values)
        self._root = torch.empty_like(values)

    def step(self, learning_rate: float, step: int) -> None:
        """One update; steps count from 1."""
        import torch

        self._mean.lerp_(self._gradient, 1 - BETAS[0])
        self._square.mul_(BETAS[1]).addcmul_(self._gradient, self._gradient, value=1 - BETAS[1])
        torch.sqrt(self._square, out=self._root)
        self._root.div_(math.sqrt(1 - BETAS[1] ** step)).add_(EPSILON)
        self._values.addcdiv_(self._mean, self._root, value=-learning_rate / (1 - BETAS[0] ** step))
