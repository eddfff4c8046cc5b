"""Hidden traits of architectures for the synthetic benchmark: partly learnable, partly a hash."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.enumeration import all_architectures
from nascurve.errors import ConfigError
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace

N_TRAITS = 3
_HIDDEN = 32
_STEEPNESS = 1.5
_SAMPLE = 1_000
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traits:
    """Of n architectures: their keys, and three standard normal traits, each (n,)."""

    keys: Sequence[str]
    quality: FloatArray
    tempo: FloatArray
    price: FloatArray


class TraitModel:
    """Trait k of an architecture with encoding x and key y:

        structure * z_k(x) + sqrt(1 - structure^2) * normal(hash(data_seed, y))_k
        z(x) = W2 tanh(W1 (x - mean) / scale) - center

    W1 (32 hidden units) and W2 are normal from `data_seed`. The mean and scale of x are those of a sample of
    1,000 architectures (drawn with `data_seed`; distinct keys only), on which center and a linear change of
    W2 make the three z uncorrelated, with mean 0 and deviation 1. The same on every machine up to the
    rounding of its exp, log and tanh.
    """

    def __init__(self, space: SearchSpace, *, encoding: str | None, structure: float, data_seed: int) -> None:
        self._space, self._encoding, self._structure = space, encoding, structure
        self.salt = f"nascurve synthetic-v1 {space.name} {data_seed}"
        rng = np.random.default_rng([data_seed, 201])
        drawn = {space.key(arch): arch for arch in (space.sample(rng) for _ in range(_SAMPLE))}
        self._sample = list(drawn.values())
        classes = self._class_means()
        if classes is None:
            features = space.encode(self._sample, encoding)
        else:
            rows, means = classes
            features = means[[rows[key] for key in drawn]]
        self._mean = features.mean(axis=0)
        self._scale = np.sqrt(max(float(features.var(axis=0).sum()), 1e-12))
        self._weights = rng.standard_normal((features.shape[1], _HIDDEN)) * 1.5
        self._readout = rng.standard_normal((_HIDDEN, N_TRAITS))
        self._center = np.zeros(N_TRAITS)
        self._readout = _decorrelated(self._readout, self._learnable(features))
        self._center = self._learnable(features).mean(axis=0)
        self._of_key: tuple[dict[str, int], FloatArray] | None = None
        if classes is not None:
            self._of_key = rows, self._learnable(means)

    def sample(self) -> Traits:
        """The traits of the sample that the standardisation is made on."""
        return self.traits(self._sample)

    def traits(self, archs: Sequence[Architecture]) -> Traits:
        """The traits of any architectures of the space; each one's depend on itself alone."""
        keys = [self._space.key(arch) for arch in archs]
        if self._of_key is None:
            learnable = self._learnable(self._space.encode(archs, self._encoding))
        else:
            rows, known = self._of_key
            learnable = known[[rows[key] for key in keys]]
        own = normals([f"{self.salt} traits {key}" for key in keys], N_TRAITS)
        quality, tempo, price = (self._structure * learnable + np.sqrt(1 - self._structure**2) * own).T.copy()
        return Traits(keys=keys, quality=quality, tempo=tempo, price=price)

    def _learnable(self, features: FloatArray) -> FloatArray:
        hidden = np.tanh(_times((features - self._mean) / self._scale, self._weights))
        return _times(hidden, self._readout) - self._center

    def _class_means(self) -> tuple[dict[str, int], FloatArray] | None:
        """In a space that can be enumerated: the mean encoding of all architectures of each key."""
        archs = all_architectures(self._space)
        if archs is None:
            return None
        rows: dict[str, int] = {}
        row = np.array([rows.setdefault(self._space.key(arch), len(rows)) for arch in archs])
        encoded = self._space.encode(archs, self._encoding)
        means = np.zeros((len(rows), encoded.shape[1]))
        np.add.at(means, row, encoded)
        return rows, means / np.bincount(row)[:, None]


def _times(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """rows @ matrix with a fixed order of summation. That of BLAS varies with the number of rows and threads,
    so that a query's last bits would depend on what else is asked."""
    product = np.zeros((len(rows), matrix.shape[1]))
    for column, weights in zip(rows.T, matrix, strict=True):
        product += column[:, None] * weights
    return product


def _decorrelated(readout: FloatArray, outputs: FloatArray) -> FloatArray:
    """The readout (hidden, k) whose outputs (n, k) on the same inputs are uncorrelated with deviation 1: Gram
    and Schmidt's method on the outputs, each step done to the readout too. An output that depends on those
    before it, as in a space of few architectures, becomes constant."""
    readout, centred = readout.copy(), outputs - outputs.mean(axis=0)
    least = 1e-6 * max(float(np.abs(centred).max()), 1e-300)
    for k in range(readout.shape[1]):
        for j in range(k):
            share = np.mean(centred[:, k] * centred[:, j])
            centred[:, k] -= share * centred[:, j]
            readout[:, k] -= share * readout[:, j]
        deviation = np.sqrt(np.mean(centred[:, k] ** 2))
        factor = 1 / deviation if deviation > least else 0.0
        centred[:, k] *= factor
        readout[:, k] *= factor
    return readout


def normals(texts: Sequence[str], count: int) -> FloatArray:
    """Standard normal draws, (len(texts), count): each row a function of its text alone.

    The text's BLAKE2b hash starts a SplitMix64 sequence (Steele et al. 2014), and Box-Muller makes it normal.
    """
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    start = np.frombuffer(digests, dtype="<u8")
    pairs = (count + 1) // 2
    z = start[:, None] + np.arange(1, 2 * pairs + 1, dtype=np.uint64) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    uniform = ((z >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    radius = np.sqrt(-2 * np.log(uniform[:, :pairs]))
    angle = 2 * np.pi * uniform[:, pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :count]


def progress(epochs: NDArray[np.integer], log_tempo: FloatArray, max_epochs: int) -> FloatArray:
    """How far each curve has come after the given epochs, (n, len(epochs)); 1 after `max_epochs`."""
    tau = (max_epochs / 8 * np.exp(log_tempo))[:, None] ** _STEEPNESS
    then, end = epochs**_STEEPNESS, max_epochs**_STEEPNESS
    come: FloatArray = (then / (then + tau)) * ((end + tau) / end)
    return come


def calibrate_tempo_spread(gain: FloatArray, tempo: FloatArray, *, max_epochs: int, crossing: float) -> float:
    """The factor s on the trait `tempo` for which the share `crossing` of pairs change order between a
    quarter of the epochs and the end. gain: (n,) expected final accuracy above the start. Raises ConfigError
    when no s up to 20 does."""
    early = np.array([-(-max_epochs // 4)])
    first, second = np.triu_indices(len(gain), k=1)
    final_order = gain[first] > gain[second]

    def share(spread: float) -> float:
        then = gain * progress(early, tempo * spread, max_epochs)[:, 0]
        return float(np.mean((then[first] > then[second]) != final_order))

    if crossing == 0:
        return 0.0
    grid = np.concatenate([[0.0], np.geomspace(0.01, 20.0, 40)])
    shares = [share(spread) for spread in grid]
    over = next((i for i, value in enumerate(shares) if value >= crossing), None)
    if over is None:
        most = math.floor(1000 * max(shares)) / 1000  # rounded down, so that it can be had
        remedy = f"give at most {most:.3f}" if most > 0 else "they cannot cross at all: give crossing=0"
        raise ConfigError(
            f"synthetic.crossing: {crossing} is more than these curves can give; {remedy} with these "
            f"settings (max_epochs={max_epochs}, low, high, data_seed)."
        )
    below, above = float(grid[over - 1]), float(grid[over])
    for _ in range(12):
        middle = (below + above) / 2
        below, above = (middle, above) if share(middle) < crossing else (below, middle)
    return above
