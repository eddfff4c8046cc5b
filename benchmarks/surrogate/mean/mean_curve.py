"""The predicted mean learning curve of every architecture of a space."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nascurve import options
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.benchmarks.surrogate.features import Featurizer, featurizer
from nascurve.benchmarks.surrogate.features.graphs import graph_form
from nascurve.benchmarks.surrogate.mean.compression import Compression
from nascurve.benchmarks.surrogate.mean.extratrees import fit_extratrees
from nascurve.benchmarks.surrogate.mean.forest import Forest
from nascurve.benchmarks.surrogate.mean.gin import GraphNetwork
from nascurve.benchmarks.surrogate.mean.members import (
    MODELS,
    Blob,
    Inputs,
    MemberForm,
    early_columns,
    n_early_columns,
)
from nascurve.benchmarks.surrogate.mean.targets import Targets, filled_early
from nascurve.errors import ConfigError
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace

_STOP_SHARE = 0.15
_MAX_SEED = 2**31 - 1
_TINY = 1e-9
_MAX_THREADS = 8
_MOST_EARLY = 100
_MOST_SCALE = 1e9
_SETTINGS = ("models", "n_members", "compression", "n_components", "early_epochs", "features", "seed")


class MeanCurve:
    """Curves compressed to k codes, codes predicted from the architecture by an ensemble, and decompressed.

    The technique of Yan et al. 2021, "NAS-Bench-x11 and the power of learning curves". Differences: members
    are different (each leaves out another part of the architectures and has its own seed), boosters stop
    early, codes are centred, nominal operations are no numbers, and prediction is batched.

    Member m of n_members of each model never sees the architectures of part m of a random partition by key;
    what it predicts for them is out of fold. Of those that it sees, 15 % decide when boosters and networks
    stop; boosters are then fitted again with them. The prediction is the mean over models and members.

    models: of "lightgbm", "extratrees", "xgboost" (optional package), "gin" (spaces cell201, nb101, darts,
    nlp). compression, n_components: see `Compression`. early_epochs: how many first accuracies of an
    architecture are given besides it. features: kind of `featurizer`. seed: of everything.

    Runs that diverged or ended early (NaN from an epoch to the end) take part with what was measured: the
    mean of an architecture at an epoch is that of the runs that were still there, and codes of curves that
    end early come from the epochs before (see `Compression`). So the mean curve is that of runs that survive;
    how many do not is predicted apart, by `diverged`. Architectures without any value take part in that
    alone.
    """

    def __init__(
        self,
        *,
        models: Sequence[str] = ("lightgbm", "extratrees"),
        n_members: int = 5,
        compression: str = "svd",
        n_components: int = 5,
        early_epochs: int = 0,
        features: str | None = None,
        seed: int = 0,
    ) -> None:
        names = (models,) if isinstance(models, str) else tuple(models)
        self._models = tuple(options.choice("models", name, MODELS) for name in names)
        if not names or len(set(names)) < len(names):
            raise ConfigError(
                f"models: expected one or more of {', '.join(MODELS)}, each once; got {models!r}."
            )
        self._n_members = options.integer("n_members", n_members, at_least=1)
        self._compression = Compression(compression, n_components)
        self._early_epochs = options.integer("early_epochs", early_epochs, at_least=0, at_most=_MOST_EARLY)
        self._features = features
        self._seed = options.integer("seed", seed, at_least=0)
        self._featurizer: Featurizer | None = None
        self._form: MemberForm | None = None
        self._stored: dict[tuple[str, int], dict[str, Blob]] = {}
        self._forest: Forest | None = None
        self._networks: tuple[GraphNetwork, ...] = ()
        self._divergence: Forest | None = None
        self._held_out: FloatArray | None = None

    @property
    def n_epochs(self) -> int:
        return self._compression.n_epochs

    def fit(self, data: CurveData) -> None:
        """Learn from training runs. Raises ConfigError for too few architectures (two for each member, and
        one more than components), and for fewer epochs than components or early epochs."""
        if self._early_epochs >= data.n_epochs:
            raise ConfigError(
                f"early_epochs: expected fewer than the {data.n_epochs} epochs of the curves, got "
                f"{self._early_epochs}."
            )
        targets = Targets.of(data, self._early_epochs)
        measured = ~np.isnan(targets.curves).all(axis=1)
        n_archs = len(np.unique(targets.group[measured]))
        if n_archs < 2 * self._n_members:
            raise ConfigError(
                f"n_members: {self._n_members} members need {2 * self._n_members} architectures with a "
                f"measured value or more, got {n_archs}."
            )
        codes = self._compression.fit(targets.curves)
        self._featurizer = featurizer(data.space, self._features)
        form = graph_form(data.space) if "gin" in self._models else None
        shift, scale = codes[measured].mean(axis=0), np.maximum(codes[measured].std(axis=0), _TINY)
        width = len(self._featurizer.names)
        self._form = MemberForm(
            n_rows=width + n_early_columns(self._early_epochs, width),
            n_early=self._early_epochs,
            shift=shift,
            scale=scale,
            form=form,
        )
        inputs = self._inputs(targets.archs, targets.early)
        part = self._parts_of_groups(int(targets.group.max()) + 1, targets.group[measured])
        part_of = part[targets.group]

        def fitted(member: int) -> dict[str, dict[str, Blob]]:
            rng = np.random.default_rng([self._seed, 1, member])
            held_out = part_of == member if self._n_members > 1 else np.zeros(len(part_of), bool)
            seen = np.flatnonzero(~held_out & measured)
            stop = (rng.random(len(part)) < _STOP_SHARE)[targets.group[seen]]
            if stop.all():
                stop[:] = False
            assert self._form is not None
            own = inputs.subset(seen)
            seeds = rng.integers(_MAX_SEED, size=len(MODELS))
            return {
                model: self._form.fit(
                    model, own, codes[seen], targets.weights[seen], stop, int(seeds[MODELS.index(model)])
                )
                for model in self._models
            }

        with ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
            members = list(pool.map(fitted, range(self._n_members)))
        self._stored = {
            (model, number): members[number][model]
            for model in self._models
            for number in range(self._n_members)
        }
        self._divergence = None
        if targets.diverged.any():
            self._divergence = fit_extratrees(
                inputs.rows[:, : len(self._featurizer.names)],
                targets.diverged[:, None],
                targets.weights,
                self._seed % _MAX_SEED,
            )
        self._read_members()
        if self._n_members > 1:
            held_codes = np.zeros_like(codes)
            for (model, number), stored in self._stored.items():
                rows = np.flatnonzero(part_of == number)
                held_codes[rows] += self._member_codes(model, stored, inputs.subset(rows)) / len(self._models)
            self._held_out = self._compression.decode(held_codes)[targets.of_run]

    def _parts_of_groups(self, n_groups: int, measured: NDArray[np.int64]) -> NDArray[np.int64]:
        """The part of each architecture, (n_groups,). Where chance puts all that are measured into one, whose
        member would see none, they are spread."""
        place = np.random.default_rng([self._seed, 0]).permutation(n_groups)
        known = np.unique(measured)
        if len(np.unique(place[known] % self._n_members)) == 1:
            place[known] = np.argsort(np.argsort(place[known]))
        return place % self._n_members

    def predict(self, archs: Sequence[Architecture], early: ArrayLike | None = None) -> FloatArray:
        """Mean curves (n, E) in [0, 1]; a row does not depend on the others.

        early: (n, early_epochs), accuracies of the first epochs; NaN: the run had diverged before. Raises
        ConfigError for another shape and before `fit`, ArchitectureError for a stranger to the space.
        """
        given = np.zeros((len(archs), 0)) if early is None else np.asarray(early, dtype=np.float64)
        if given.shape != (len(archs), self._early_epochs):
            raise ConfigError(
                f"early: expected the accuracies of the first {self._early_epochs} epochs of {len(archs)} "
                f"architectures, got shape {given.shape}."
            )
        inputs = self._inputs(archs, filled_early(given))
        n_networks = len(self._networks)
        n_trees = self._n_members * len(self._models) - n_networks
        codes = np.zeros((len(archs), self._compression.n_components))
        if self._forest is not None:
            codes += self._forest.predict(inputs.rows) * (n_trees / (n_trees + n_networks))
        for network in self._networks:
            codes += self._network_codes(network, inputs) / (n_trees + n_networks)
        return self._compression.decode(codes)

    def diverged(self, archs: Sequence[Architecture]) -> FloatArray:
        """(n,), the predicted share of training runs that have no accuracy after the last epoch."""
        if self._divergence is None:
            return np.zeros(len(archs))
        return np.clip(self._divergence.predict(self._encoded(archs))[:, 0], 0, 1)

    def out_of_fold(self) -> FloatArray:
        """(R, E): for the runs of `fit`, the mean over models of what members predict that did not see the
        run's architecture. (The basis of the curves and the scale of the codes are those of all curves.)
        Raises ConfigError for one member, which sees all, and for a loaded mean curve."""
        if self._held_out is None:
            raise ConfigError(
                "out_of_fold: there are no predictions of members that did not see an architecture. Fit with "
                f"n_members of 2 or more (it is {self._n_members}); they are not stored in files."
            )
        return self._held_out

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, Blob]]:
        """Settings as JSON can hold them, and the models as arrays (none of objects) and texts."""
        featurizer, form = self._fitted()
        settings = {
            "models": list(self._models),
            "n_members": self._n_members,
            "compression": self._compression.kind,
            "n_components": self._compression.n_components,
            "early_epochs": self._early_epochs,
            "features": self._features,
            "seed": self._seed,
            "feature_names_sha256": _digest(featurizer),
        }
        blobs: dict[str, Blob] = {"shift": form.shift, "scale": form.scale}
        blobs |= {f"compression.{name}": array for name, array in self._compression.to_arrays().items()}
        for (model, number), stored in self._stored.items():
            blobs |= {f"{model}.{number}.{name}": blob for name, blob in stored.items()}
        if self._divergence is not None:
            blobs |= self._divergence.to_arrays("diverged.")
        return settings, blobs

    @classmethod
    def from_arrays(
        cls, settings: Mapping[str, Any], blobs: Mapping[str, Blob], space: SearchSpace
    ) -> MeanCurve:
        """The mean curve that gave these. Runs nothing of them. Raises ValueError, KeyError, TypeError or
        ConfigError for what is none, and where the features of the space are no longer the same."""
        made = cls(**{name: settings[name] for name in _SETTINGS})
        made._featurizer = featurizer(space, made._features)
        if settings["feature_names_sha256"] != _digest(made._featurizer):
            raise ValueError("a mean curve of other features than this version of nascurve has")
        of = _parts(blobs)
        kind, k = made._compression.kind, made._compression.n_components
        made._compression = Compression.from_arrays(kind, k, _arrays(of.pop("compression")))
        scaling = _arrays(of.pop("", {}))
        shift, scale = scaling.pop("shift"), scaling.pop("scale")
        of |= {name: {} for name in scaling}
        for array in (shift, scale):
            if array.shape != (k,) or array.dtype != np.float64 or not (np.abs(array) <= _MOST_SCALE).all():
                raise ValueError(f"shift and scale are no {k} numbers up to {_MOST_SCALE:g}")
        width = len(made._featurizer.names)
        made._form = MemberForm(
            n_rows=width + n_early_columns(made._early_epochs, width),
            n_early=made._early_epochs,
            shift=shift,
            scale=scale,
            form=graph_form(space) if "gin" in made._models else None,
        )
        if "diverged" in of:
            made._divergence = Forest.from_arrays(_arrays(of.pop("diverged")), "", width)
            if made._divergence.values.shape[1] != 1:
                raise ValueError("a forest of divergence with more than one number")
        for model in made._models:
            for number in range(made._n_members):
                made._stored[model, number] = of.pop(f"{model}.{number}")
        if of:
            raise ValueError(f"parts that belong to nothing: {', '.join(sorted(of))[:200]}")
        made._read_members()
        return made

    def _read_members(self) -> None:
        _, form = self._fitted()
        forests = [
            form.forest(model, stored) for (model, _), stored in self._stored.items() if model != "gin"
        ]
        self._forest = Forest.joined(forests, [1 / len(forests)] * len(forests)) if forests else None
        self._networks = tuple(
            form.network(stored) for (model, _), stored in self._stored.items() if model == "gin"
        )

    def _member_codes(self, model: str, stored: Mapping[str, Blob], inputs: Inputs) -> FloatArray:
        _, form = self._fitted()
        if model == "gin":
            return self._network_codes(form.network(stored), inputs)
        return form.forest(model, stored).predict(inputs.rows)

    def _network_codes(self, network: GraphNetwork, inputs: Inputs) -> FloatArray:
        _, form = self._fitted()
        assert inputs.graphs is not None
        return network.predict(inputs.graphs, inputs.early) * form.scale + form.shift

    def _encoded(self, archs: Sequence[Architecture]) -> FloatArray:
        featurizer, _ = self._fitted()
        return featurizer.encode(archs).astype(np.float32).astype(np.float64)

    def _inputs(self, archs: Sequence[Architecture], early: FloatArray) -> Inputs:
        _, form = self._fitted()
        rounded = early.astype(np.float32).astype(np.float64)
        features = self._encoded(archs)
        columns = early_columns(rounded, features.shape[1]).astype(np.float32).astype(np.float64)
        rows = np.hstack([features, columns])
        return Inputs(rows=rows, early=rounded, graphs=form.form.graphs(archs) if form.form else None)

    def _fitted(self) -> tuple[Featurizer, MemberForm]:
        if self._featurizer is None or self._form is None:
            raise ConfigError("MeanCurve: call fit(data) first.")
        return self._featurizer, self._form


def _digest(featurizer: Featurizer) -> str:
    return hashlib.sha256("\n".join(featurizer.names).encode()).hexdigest()


def _parts(blobs: Mapping[str, Blob]) -> dict[str, dict[str, Blob]]:
    """Blobs by what stands before their names: "<model>.<number>", "compression", "diverged", or nothing."""
    found: dict[str, dict[str, Blob]] = {}
    for name, blob in blobs.items():
        first, _, rest = name.partition(".")
        if first in MODELS:
            number, _, rest = rest.partition(".")
            first = f"{first}.{number}"
        found.setdefault(first if rest else "", {})[rest or first] = blob
    return found


def _arrays(blobs: Mapping[str, Blob]) -> dict[str, NDArray[Any]]:
    arrays = {name: blob for name, blob in blobs.items() if isinstance(blob, np.ndarray)}
    if len(arrays) < len(blobs):
        raise ValueError("texts where arrays belong")
    return arrays
