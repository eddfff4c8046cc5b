"""Trains packs of networks with torch, for a GPU: the same task, recipe, draws and initial values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from nascurve.benchmarks.network import Network
from nascurve.benchmarks.packed_network import PackedNetwork
from nascurve.benchmarks.skeleton import initial_values
from nascurve.benchmarks.training import PreparedTask, TrainingRuns, learning_rates, mark_divergence

_EVAL_BATCH = 500


class PackedTrainer:
    """Holds a task's data on a device; `train` may be called for any number of packs.

    Same results as `train_network` up to rounding, so that a run that is sensitive to it ends elsewhere
    within the noise between seeds. The seconds of a single run cannot be told from a pack: they come as NaN.
    """

    def __init__(self, prepared: PreparedTask, *, device: str) -> None:
        self.prepared = prepared
        self.device = torch.device(device)
        self._train, self._val, self._test = (
            tuple(torch.from_numpy(array).to(self.device) for array in split)
            for split in (prepared.train, prepared.val, prepared.test)
        )

    def train(self, networks: Sequence[Network], seed: int, *, epochs: int | None = None) -> TrainingRuns:
        """Train all `networks`, none of them empty, with one seed; `epochs` as in `train_network`."""
        task = self.prepared.task
        recipe, n = task.recipe, len(networks)
        epochs = recipe.epochs if epochs is None else epochs
        net = PackedNetwork(networks, task.skeleton, device=self.device)
        net.set_parameters([initial_values(network, task.skeleton, seed) for network in networks])
        patches, labels = self._train
        draws = torch.from_numpy(self.prepared.draws(seed)).to(self.device)
        rates = learning_rates(task)
        flat, velocity = net.parameters, torch.zeros_like(net.parameters)
        correct = np.zeros((n, epochs), dtype=np.uint16)
        val_loss, train_loss = np.zeros((2, n, epochs), dtype=np.float32)
        for epoch in range(epochs):
            total = torch.zeros(n, device=self.device)
            for step in range(epoch * recipe.steps_per_epoch, (epoch + 1) * recipe.steps_per_epoch):
                rows = draws[step]
                logits = net.logits(patches[rows], net.named_parameters(flat), training=True)
                losses = _cross_entropy(logits, labels[rows])
                total += losses.detach()
                (grad,) = torch.autograd.grad(losses.sum(), flat)
                with torch.no_grad():
                    grad.add_(flat, alpha=recipe.weight_decay)
                    velocity.mul_(recipe.momentum).add_(grad)
                    grad.add_(velocity, alpha=recipe.momentum)
                    flat.sub_(grad, alpha=float(rates[step]))
            train_loss[:, epoch] = (total / recipe.steps_per_epoch).cpu().numpy()
            correct[:, epoch], val_loss[:, epoch] = self._evaluate(net, self._val)
        unknown_s = np.full((n, epochs), np.nan, dtype=np.float32)
        return mark_divergence(
            TrainingRuns(
                val_correct=correct,
                val_loss=val_loss,
                train_loss=train_loss,
                test_correct=self._evaluate(net, self._test)[0],
                diverged_epoch=np.zeros(n, dtype=np.int16),
                train_s=unknown_s,
                eval_s=unknown_s,
            )
        )

    @torch.no_grad()
    def _evaluate(
        self, net: PackedNetwork, split: tuple[Tensor, ...]
    ) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        patches, labels = split
        parameters = net.named_parameters(net.parameters)
        correct = torch.zeros(len(net.networks), dtype=torch.int64, device=self.device)
        loss = torch.zeros(len(net.networks), device=self.device)
        for start in range(0, len(labels), _EVAL_BATCH):
            batch, target = patches[start : start + _EVAL_BATCH], labels[start : start + _EVAL_BATCH]
            logits = net.logits(batch, parameters, training=False)
            correct += (logits.argmax(-1) == target).sum(-1)
            loss += _cross_entropy(logits, target) * len(target)
        return correct.cpu().numpy().astype(np.uint16), (loss / len(labels)).cpu().numpy()


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of each network: (pack, batch, classes), (batch,) -> (pack,)."""
    pack, batch, classes = logits.shape
    losses = F.cross_entropy(logits.reshape(-1, classes), labels.repeat(pack), reduction="none")
    return losses.view(pack, batch).mean(1)
