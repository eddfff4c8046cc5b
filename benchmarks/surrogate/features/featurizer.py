"""The features of a search space, by name, cached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nascurve.benchmarks.held_space import HeldSpace
from nascurve.errors import ConfigError, did_you_mean
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace

_CACHED = 2**17
_SHARED: dict[tuple[object, ...], Featurizer] = {}
"""One featurizer for all that ask for the same of a stateless space, so that nothing is computed twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureKind:
    """A named group of features. names: (d,). encode: architectures -> (n, d), equal for equal keys, a row
    independent of the others."""

    names: tuple[str, ...]
    encode: Callable[[Sequence[Architecture]], FloatArray]


class Featurizer:
    """Architectures of one space as rows of finite numbers, deterministic, batched and remembered by key.

    names: of the d features, "<kind>:<feature>". kind: the kinds' names, joined by "+".
    """

    def __init__(self, space: SearchSpace, kinds: Mapping[str, FeatureKind]) -> None:
        self._space = space
        self._kinds = tuple(kinds.values())
        self.kind = "+".join(kinds)
        self.names = tuple(f"{kind}:{name}" for kind, part in kinds.items() for name in part.names)
        self._rows: dict[str, FloatArray] = {}

    def __repr__(self) -> str:
        return f"Featurizer({self._space.name!r}, {self.kind!r}, {len(self.names)} features)"

    def encode(self, archs: Sequence[Architecture]) -> FloatArray:
        """(n, d). Raises ArchitectureError for a stranger to the space."""
        keys = [self._space.key(arch) for arch in archs]
        new = {key: arch for key, arch in zip(keys, archs, strict=True) if key not in self._rows}
        if new:
            rows = np.hstack([kind.encode(list(new.values())) for kind in self._kinds])
            if len(self._rows) + len(new) > _CACHED:
                self._rows = {key: self._rows[key] for key in set(keys) - set(new)}
            self._rows.update(zip(new, rows, strict=True))
        found = np.empty((len(archs), len(self.names)))
        for row, key in zip(found, keys, strict=True):
            row[:] = self._rows[key]
        return found


def featurizer(space: SearchSpace, kind: str | None = None) -> Featurizer:
    """The features of a space. kind: one of the space's kinds, or several joined by "+"; None: its default.

    Raises ConfigError for an unknown kind. Spaces without features of their own (plug-ins) are encoded by
    `space.encode`, where isomorphic architectures must be equal if their surrogate is to treat them so.
    """
    base = space.base if isinstance(space, HeldSpace) else space
    kinds = _kinds_of(base)
    names = ["+".join(kinds.default)] if kind is None else [kind]
    chosen = [part for name in names for part in name.split("+")] if isinstance(names[0], str) else names
    for name in chosen:
        if name not in kinds.known:
            raise ConfigError(
                f"The surrogate features of the space {base.name!r} have no kind {name!r}. "
                f"{did_you_mean(str(name), kinds.known)} Join several by '+'."
            )
    chosen = list(dict.fromkeys(chosen))
    shared = (type(base), *chosen)
    if kinds.stateless and shared in _SHARED:
        return _SHARED[shared]
    made = Featurizer(base, {name: kinds.known[name]() for name in chosen})
    if kinds.stateless:
        _SHARED[shared] = made
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kinds:
    known: Mapping[str, Callable[[], FeatureKind]]
    default: tuple[str, ...]
    stateless: bool


def _kinds_of(space: SearchSpace) -> _Kinds:
    if space.name == "nlp":
        from nascurve.benchmarks.surrogate.features import recurrent

        return _Kinds(known=recurrent.KINDS, default=recurrent.DEFAULT, stateless=True)
    if space.name in ("cell201", "nb101", "darts"):
        from nascurve.benchmarks.surrogate.features import cells

        known = cells.kinds(space)
        return _Kinds(known=known, default=tuple(known), stateless=True)
    known = {name: _encoding(space, name) for name in space.encodings}
    return _Kinds(known=known, default=tuple(space.encodings[:1]), stateless=False)


def _encoding(space: SearchSpace, name: str) -> Callable[[], FeatureKind]:
    def make() -> FeatureKind:
        width = space.encode([], name).shape[1]
        return FeatureKind(
            names=tuple(str(place) for place in range(width)),
            encode=lambda archs: space.encode(archs, name),
        )

    return make
