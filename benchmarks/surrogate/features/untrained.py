"""What a recurrent cell does with random weights: statistics of forward passes before any training."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numba import njit  # type: ignore[attr-defined]
from numpy.typing import NDArray

from nascurve.benchmarks.nbnlp.canonical import N_SOURCES
from nascurve.benchmarks.nbnlp.cell import LEAKY_RELU, LINEAR, MAX_NODES, PROD, SIGM, SUM, TANH, RecurrentCell
from nascurve.simulator.types import FloatArray

_BIAS = 1 / np.sqrt(600)
"""The authors draw all parameters from U(-1/sqrt(h), 1/sqrt(h)), h = 600 units. Matrices of fewer units that
are drawn by the same rule keep the variances; biases have to keep theirs."""
_EMBEDDING = 0.1
_LARGEST = 1e6
_TINY = 1e-12
_EPS = 1e-4
_RIDGE = 1e-3
_RECONSTRUCTED = 8
"""Coordinates of a token's embedding that the readout has to find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untrained:
    """Sizes of the experiment. All cells see the same tokens and draw from the same weights.

    n_draws: draws of the weights, over which the statistics are averaged. n_layers: of the stack, as the
    authors train three. Of each draw: batch, steps, units; fork: the step at which a small change is made.
    """

    n_draws: int = 3
    n_layers: int = 3
    batch: int = 12
    steps: int = 20
    units: int = 16
    fork: int = 10
    first_read: int = 4
    delays: tuple[int, ...] = (0, 1, 2, 4)
    after: tuple[int, ...] = (1, 2, 4, 8)

    def features(self, cell: RecurrentCell) -> dict[str, float]:
        """Named statistics, of the first and the last layer (l0, l2), averaged over the draws.

        sd, rms, growth: logs of the spread over the batch and of the size of output and hidden states at the
            end, and what they grew since step 4. cosine: of the outputs for different texts.
        slope: mean and least of the derivatives of the bounded activations, 1 where nothing is saturated.
        dh<t>, dhout<t>, dx<t>, dw<t>: log of how much a small random change of all hidden states (of the
            token, of the weights) has changed the hidden states (or the output) t steps later, relative to
            the change: the Frobenius norm of the Jacobian, and so also of the gradients that run backwards.
        memory<d>: share of variance of the token d steps ago that a linear readout of the output explains
            (Jaeger 2001). rank: exp of the entropy of the eigenvalues of the output's covariance.
        """
        found: dict[str, float] = {}
        pool = _pool(self)
        tokens = pool.tokens
        plan = _plan(cell)
        for layer in range(self.n_layers):
            states, nodes, forked = _run_draws(plan, tokens, pool, layer, self.fork)
            outputs = np.ascontiguousarray(states[:, :, 0])
            if layer in (0, self.n_layers - 1):
                with np.errstate(all="ignore"):
                    stats = (
                        self._moments(states)
                        | self._slopes(cell, nodes)
                        | self._changes(states, forked, pool)
                    )
                    stats |= self._memory(outputs, pool.tokens)
                found |= {f"l{layer} {name}": float(np.mean(value)) for name, value in stats.items()}
            tokens = outputs
        return found

    def _moments(self, states: FloatArray) -> dict[str, FloatArray]:
        last, early = states[:, -1], states[:, self.first_read - 1]  # (draws, hiddens, batch, units)
        spread = np.sqrt(last.var(axis=2).mean(axis=2))
        size, before = (np.sqrt((part**2).mean(axis=(2, 3))) for part in (last, early))
        out = last[:, 0]
        unit = out / (np.linalg.norm(out, axis=2, keepdims=True) + _TINY)
        gram = unit @ unit.transpose(0, 2, 1)
        return {
            "sd": _log(spread[:, 0]),
            "hidden sd": _log(spread).mean(axis=1),
            "rms": _log(size[:, 0]),
            "hidden rms": _log(size).mean(axis=1),
            "growth": _log(size[:, 0]) - _log(before[:, 0]),
            "hidden growth": (_log(size) - _log(before)).mean(axis=1),
            "cosine": (gram.sum(axis=(1, 2)) - self.batch) / (self.batch * (self.batch - 1)),
            "mean": np.abs(out.mean(axis=(1, 2))) / (size[:, 0] + _TINY),
        }

    def _slopes(self, cell: RecurrentCell, nodes: FloatArray) -> dict[str, FloatArray]:
        slopes = []
        for place, op in enumerate(cell.ops):
            value = nodes[:, N_SOURCES + place]
            if op == SIGM:
                slopes.append((4 * value * (1 - value)).mean(axis=(1, 2)))
            elif op == TANH:
                slopes.append((1 - value**2).mean(axis=(1, 2)))
        every = np.array(slopes or [np.ones(self.n_draws)])
        return {"slope": every.mean(axis=0), "least slope": every.min(axis=0)}

    def _changes(self, states: FloatArray, forked: FloatArray, pool: _Pool) -> dict[str, FloatArray]:
        n_hiddens = states.shape[2]
        changes = forked - states[:, None, self.fork :]  # (draws, kind, steps, hiddens, batch, units)
        size = np.sqrt((changes**2).mean(axis=(4, 5)))
        hidden = np.sqrt((changes[:, 0] ** 2).mean(axis=(2, 3, 4)))
        made = np.sqrt((pool.hidden_noise[:, :n_hiddens] ** 2).mean(axis=(1, 2, 3)))
        token = np.sqrt((pool.token_noise**2).mean(axis=(1, 2)))
        found = {}
        for after in self.after:
            found[f"dh{after}"] = _log(hidden[:, after - 1] / made)
            found[f"dhout{after}"] = _log(size[:, 0, after - 1, 0] / made)
            found[f"dx{after}"] = _log(size[:, 1, after - 1, 0] / token)
        for after in (self.after[0], self.after[-1]):
            found[f"dw{after}"] = _log(size[:, 2, after - 1, 0] / _EPS)
        return found

    def _memory(self, outputs: FloatArray, tokens: FloatArray) -> dict[str, FloatArray]:
        first, n_draws = self.first_read, self.n_draws
        read = outputs[:, first:].reshape(n_draws, -1, self.units)
        read = read - read.mean(axis=1, keepdims=True)
        read = read / (np.sqrt((read**2).mean(axis=(1, 2), keepdims=True)) + _TINY)
        gram = read.transpose(0, 2, 1) @ read / read.shape[1]
        found = {}
        for delay in self.delays:
            wanted = tokens[:, first - delay : self.steps - delay, :, :_RECONSTRUCTED]
            wanted = wanted.reshape(n_draws, -1, _RECONSTRUCTED)
            wanted = wanted - wanted.mean(axis=1, keepdims=True)
            cross = read.transpose(0, 2, 1) @ wanted / read.shape[1]
            weights = np.linalg.solve(gram + _RIDGE * np.eye(self.units), cross)
            left = ((wanted - read @ weights) ** 2).sum(axis=(1, 2))
            found[f"memory{delay}"] = 1 - left / (wanted**2).sum(axis=(1, 2))
        share = np.maximum(np.linalg.eigvalsh(gram), 0) + _TINY
        share = share / share.sum(axis=1, keepdims=True)
        found["rank"] = np.exp(-(share * np.log(share)).sum(axis=1))
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pool:
    tokens: FloatArray  # (draws, steps, batch, units)
    matrices: FloatArray  # (draws, layers, 3 * MAX_NODES, units, units)
    biases: FloatArray  # (draws, layers, MAX_NODES, units)
    hidden_noise: FloatArray  # (draws, 3, batch, units)
    token_noise: FloatArray  # (draws, batch, units)
    weight_noise: FloatArray  # as matrices


@functools.lru_cache(maxsize=4)
def _pool(sizes: Untrained) -> _Pool:
    rng = np.random.default_rng(0)
    n, layers, units = sizes.n_draws, sizes.n_layers, sizes.units
    per_cell = (n, layers, 3 * MAX_NODES, units, units)
    return _Pool(
        tokens=rng.uniform(-_EMBEDDING, _EMBEDDING, (n, sizes.steps, sizes.batch, units)),
        matrices=rng.uniform(-1, 1, per_cell) / np.sqrt(units),
        biases=rng.uniform(-_BIAS, _BIAS, (n, layers, MAX_NODES, units)),
        hidden_noise=_EPS * rng.standard_normal((n, 3, sizes.batch, units)),
        token_noise=_EPS * rng.standard_normal((n, sizes.batch, units)),
        weight_noise=_EPS * rng.standard_normal(per_cell),
    )


def _plan(cell: RecurrentCell) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Operations (n,), inputs (n, 3) with -1 for none, outputs."""
    inputs = np.full((len(cell.ops), 3), -1)
    for place, sources in enumerate(cell.inputs):
        inputs[place, : len(sources)] = sources
    return np.array(cell.ops), inputs, np.array(cell.outputs)


def _run_draws(
    plan: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    tokens: FloatArray,
    pool: _Pool,
    layer: int,
    fork: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """States (draws, steps, hiddens, batch, units), nodes of the last step (draws, nodes, batch, units), and
    the states after the fork with changed hidden states, token and weights (draws, 3, steps, ...)."""
    n_draws, n_steps, batch, units = tokens.shape
    n_hiddens = len(plan[2])
    states = np.empty((n_draws, n_steps, n_hiddens, batch, units))
    nodes = np.empty((n_draws, N_SOURCES + len(plan[0]), batch, units))
    forked = np.empty((n_draws, 3, n_steps - fork, n_hiddens, batch, units))
    none = np.zeros((n_hiddens, batch, units))
    for draw in range(n_draws):
        matrices, biases = pool.matrices[draw, layer], pool.biases[draw, layer]
        _run(*plan, tokens[draw], none, matrices, biases, states[draw], nodes[draw])
        start, rest = states[draw, fork - 1], tokens[draw, fork:]
        waste = np.empty_like(nodes[draw])
        changed = rest.copy()
        changed[0] += pool.token_noise[draw]
        shifted = start + pool.hidden_noise[draw, :n_hiddens]
        _run(*plan, rest, shifted, matrices, biases, forked[draw, 0], waste)
        _run(*plan, changed, start, matrices, biases, forked[draw, 1], waste)
        _run(*plan, rest, start, matrices + pool.weight_noise[draw, layer], biases, forked[draw, 2], waste)
    return states, nodes, forked


@njit(cache=True)  # type: ignore[no-untyped-call, untyped-decorator]
def _run(
    ops: NDArray[np.int64],
    inputs: NDArray[np.int64],
    outputs: NDArray[np.int64],
    tokens: FloatArray,
    start: FloatArray,
    matrices: FloatArray,
    biases: FloatArray,
    states: FloatArray,
    nodes: FloatArray,
) -> None:
    """Fills states (steps, hiddens, batch, units) and nodes (4 + n, batch, units), those of the last step."""
    n_steps, batch, units = tokens.shape
    nodes[:N_SOURCES] = 0.0
    for i in range(len(outputs)):
        nodes[1 + i] = start[i]
    for step in range(n_steps):
        nodes[0] = tokens[step]
        matrix = 0
        for place in range(len(ops)):
            op, out = ops[place], nodes[N_SOURCES + place]
            a, b, c = inputs[place]
            if op == LINEAR:
                for row in range(batch):
                    for j in range(units):
                        out[row, j] = biases[place, j]
                for position in range(3):
                    source = inputs[place, position]
                    if source >= 0:
                        weight = matrices[matrix]
                        matrix += 1
                        for row in range(batch):
                            for k in range(units):
                                value = nodes[source, row, k]
                                for j in range(units):
                                    out[row, j] += value * weight[k, j]
            else:
                for row in range(batch):
                    for j in range(units):
                        x = nodes[a, row, j]
                        if op == SIGM:
                            out[row, j] = 0.5 + 0.5 * np.tanh(0.5 * x)
                        elif op == TANH:
                            out[row, j] = np.tanh(x)
                        elif op == LEAKY_RELU:
                            out[row, j] = x if x > 0 else 0.01 * x
                        elif op == SUM:
                            out[row, j] = x + nodes[b, row, j]
                        elif op == PROD:
                            out[row, j] = x * nodes[b, row, j]
                        else:
                            out[row, j] = x * nodes[b, row, j] + (1 - x) * nodes[c, row, j]
            for row in range(batch):
                for j in range(units):
                    out[row, j] = min(max(out[row, j], -_LARGEST), _LARGEST)
        for i in range(len(outputs)):
            states[step, i] = nodes[outputs[i]]
        for i in range(len(outputs)):
            nodes[1 + i] = states[step, i]


def _log(values: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(values, _TINY)))
