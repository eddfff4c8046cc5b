"""The baseline of row `bananas`: the networks of an ensemble trained one by one, in plain torch."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from nascurve.optimizers.ensemble import BETAS
from nascurve.simulator.types import FloatArray


class OneByOne:
    """The same networks, data, loss, optimizer and schedule as in `nascurve.optimizers.ensemble.Ensemble`, as
    one writes them for a single network; options as there."""

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
        self._members, self._depth, self._width = members, depth, width
        self._epochs, self._max_steps, self._minibatch_size = epochs, max_steps, minibatch_size
        self._learning_rate, self._cosine = learning_rate, schedule == "cosine"
        self._networks: list[nn.Sequential] = []

    def fit(self, features: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        torch.manual_seed(int(rng.integers(2**31)))
        x = torch.as_tensor(features, dtype=torch.float32)
        y = torch.as_tensor(targets, dtype=torch.float32)
        self._networks = [self._train(x, y) for _ in range(self._members)]

    def predict(self, features: FloatArray) -> FloatArray:
        x = torch.as_tensor(features, dtype=torch.float32)
        with torch.no_grad():
            predictions = [network(x).squeeze(1) for network in self._networks]
        return np.asarray(torch.stack(predictions).numpy(), dtype=np.float64)

    def _train(self, x: torch.Tensor, y: torch.Tensor) -> nn.Sequential:
        network = self._new_network(x.shape[1])
        optimizer = torch.optim.Adam(network.parameters(), lr=self._learning_rate, betas=BETAS)
        n = len(x)
        n_steps = self._epochs * math.ceil(n / self._minibatch_size)
        if self._max_steps is not None:
            n_steps = min(n_steps, self._max_steps)
        step = 0
        while step < n_steps:
            for rows in torch.randperm(n).split(self._minibatch_size)[: n_steps - step]:
                if self._cosine:
                    decay = 0.5 * (1 + math.cos(math.pi * step / n_steps))
                    optimizer.param_groups[0]["lr"] = self._learning_rate * decay
                optimizer.zero_grad()
                loss = (network(x[rows]).squeeze(1) - y[rows]).abs().mean()
                loss.backward()
                optimizer.step()
                step += 1
        return network

    def _new_network(self, n_features: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        inputs = n_features
        for _ in range(self._depth):
            layers += [nn.Linear(inputs, self._width), nn.ReLU()]
            inputs = self._width
        layers.append(nn.Linear(inputs, 1))
        for layer in layers:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        return nn.Sequential(*layers)
