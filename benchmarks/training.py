"""Trains networks on a task and records every learning curve."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.network import Network
from nascurve.benchmarks.skeleton import initial_values
from nascurve.benchmarks.task import Split, Task, TaskData


@dataclass(frozen=True, kw_only=True)
class TrainingRuns:
    """Results of n networks trained with one seed, epoch by epoch.

    val_correct: (n, epochs) images of the validation split classified correctly after each epoch.
    val_loss, train_loss: (n, epochs) mean cross-entropy in nats; train_loss over the epoch's batches as they
        came.
    test_correct: (n,) after the last epoch.
    diverged_epoch: (n,) the first epoch with a loss that is not finite, 0 for none; from there on the losses
        are NaN and the counts are what the broken network still gets right.
    train_s, eval_s: (n, epochs) CPU seconds of training and of the evaluation on the validation split.
    """

    val_correct: NDArray[np.uint16]
    val_loss: NDArray[np.float32]
    train_loss: NDArray[np.float32]
    test_correct: NDArray[np.uint16]
    diverged_epoch: NDArray[np.int16]
    train_s: NDArray[np.float32]
    eval_s: NDArray[np.float32]

    @classmethod
    def concatenate(cls, parts: Sequence[TrainingRuns]) -> TrainingRuns:
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def row(self, i: int) -> TrainingRuns:
        """The run of one network."""
        return TrainingRuns(**{field.name: getattr(self, field.name)[i : i + 1] for field in fields(self)})


class PreparedTask:
    """A task's data as the networks take them: normalised by the training pool's scalar mean and standard
    deviation, cut into the stem's patches. train, val, test: (patches (n, features, pixels) float32,
    labels)."""

    def __init__(self, task: Task, data: TaskData | None = None) -> None:
        self.task = task
        self.data = task.load() if data is None else data
        pool = self.data.train.images
        mean, std = float(pool.mean(dtype=np.float64)), float(pool.std(dtype=np.float64))

        def prepare(split: Split) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            images = ((split.images - np.float32(mean)) / np.float32(std)).astype(np.float32)
            return task.skeleton.patches(images), split.labels

        self.train = prepare(self.data.train)
        self.val = prepare(self.data.val)
        self.test = prepare(self.data.test)

    def draws(self, seed: int) -> NDArray[np.int64]:
        """(steps, batch) indices into the training pool, with replacement: they depend on the seed alone."""
        recipe = self.task.recipe
        size = (recipe.epochs * recipe.steps_per_epoch, recipe.batch_size)
        return np.random.default_rng([seed, 0]).integers(0, len(self.train[1]), size)

    def constant_prediction(self) -> TrainingRuns:
        """What a network without a live path scores: the training pool's most frequent class in every epoch,
        with the pool's class frequencies as probabilities. One row, no seconds."""
        epochs = self.task.recipe.epochs
        frequency = np.bincount(self.data.train.labels, minlength=self.task.skeleton.n_classes).astype(float)
        frequency /= frequency.sum()

        def score(split: Split) -> tuple[int, float]:
            right = int((split.labels == frequency.argmax()).sum())
            return right, float(-np.log(np.maximum(frequency[split.labels], 1e-12)).mean())

        right, val_loss = score(self.data.val)
        return TrainingRuns(
            val_correct=np.full((1, epochs), right, dtype=np.uint16),
            val_loss=np.full((1, epochs), val_loss, dtype=np.float32),
            train_loss=np.full((1, epochs), score(self.data.train)[1], dtype=np.float32),
            test_correct=np.array([score(self.data.test)[0]], dtype=np.uint16),
            diverged_epoch=np.zeros(1, dtype=np.int16),
            train_s=np.zeros((1, epochs), dtype=np.float32),
            eval_s=np.zeros((1, epochs), dtype=np.float32),
        )


def learning_rates(task: Task) -> NDArray[np.float32]:
    """(steps,) cosine from `peak_lr` to 0 without warm-up."""
    recipe = task.recipe
    steps = recipe.epochs * recipe.steps_per_epoch
    return (recipe.peak_lr * (1.0 + np.cos(np.pi * np.arange(steps) / steps)) / 2.0).astype(np.float32)


def train_network(
    prepared: PreparedTask, network: Network, seed: int, *, epochs: int | None = None
) -> TrainingRuns:
    """Train one network, not the empty one, on one CPU thread. The result depends on the task, the network
    and the seed only (the software's versions and the processor's instruction set apart): the seed sets the
    order of the draws, the seed and the network's string the initial values.

    epochs: cut the run short; what comes before does not change, and the test accuracy is that of the last
    epoch trained.
    """
    with _denormals_flushed():
        return _train_network(prepared, network, seed, epochs)


def _train_network(prepared: PreparedTask, network: Network, seed: int, epochs: int | None) -> TrainingRuns:
    from nascurve.benchmarks.cpu_network import CpuNetwork

    recipe = prepared.task.recipe
    epochs = recipe.epochs if epochs is None else epochs
    values = initial_values(network, prepared.task.skeleton, seed)
    net = CpuNetwork(network, prepared.task.skeleton, values, batch_size=recipe.batch_size)
    draws, rates = prepared.draws(seed), learning_rates(prepared.task)
    correct = np.zeros((1, epochs), dtype=np.uint16)
    val_loss, train_loss, train_s, eval_s = np.zeros((4, 1, epochs), dtype=np.float32)
    for epoch in range(epochs):
        steps = slice(epoch * recipe.steps_per_epoch, (epoch + 1) * recipe.steps_per_epoch)
        started_s = time.process_time()
        train_loss[0, epoch] = net.train(
            *prepared.train,
            draws[steps],
            rates[steps],
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        trained_s = time.process_time()
        correct[0, epoch], val_loss[0, epoch] = net.evaluate(*prepared.val)
        train_s[0, epoch], eval_s[0, epoch] = trained_s - started_s, time.process_time() - trained_s
    return mark_divergence(
        TrainingRuns(
            val_correct=correct,
            val_loss=val_loss,
            train_loss=train_loss,
            test_correct=np.array([net.evaluate(*prepared.test)[0]], dtype=np.uint16),
            diverged_epoch=np.zeros(1, dtype=np.int16),
            train_s=train_s,
            eval_s=eval_s,
        )
    )


@contextlib.contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Numbers below the smallest normal one count as zero in this thread: with them a run takes ten times as
    long. The thread's mode is as before afterwards."""
    import torch

    flushed_before = bool(np.float32(1e-40) * np.float32(1.0) == 0.0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed_before)


def mark_divergence(runs: TrainingRuns) -> TrainingRuns:
    """Fill in `diverged_epoch`, and NaN for the losses from there on."""
    broken = ~(np.isfinite(runs.train_loss) & np.isfinite(runs.val_loss))
    first = np.where(broken.any(1), broken.argmax(1) + 1, 0).astype(np.int16)
    after = (first[:, None] > 0) & (np.arange(1, broken.shape[1] + 1) >= first[:, None])
    losses = {
        name: np.where(after, np.float32(np.nan), getattr(runs, name)) for name in ("val_loss", "train_loss")
    }
    kept = {field.name: getattr(runs, field.name) for field in fields(runs)}
    return TrainingRuns(**{**kept, **losses, "diverged_epoch": first})
