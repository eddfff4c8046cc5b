"""The released surrogates of NAS-Bench-301: ensembles of one kind of model, converted to arrays once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.array_file import Arrays
from nascurve.benchmarks.files.cached import open_cached
from nascurve.benchmarks.files.card import OfficialCard
from nascurve.benchmarks.files.source import checked_json, guarded, open_source
from nascurve.benchmarks.nb301.boosters import read_booster
from nascurve.benchmarks.nb301.config_vector import config_names, config_vectors
from nascurve.benchmarks.nb301.genotype import DartsGenotype
from nascurve.benchmarks.nb301.gin import GraphNetwork, read_gin
from nascurve.benchmarks.nb301.trees import Trees
from nascurve.errors import DataFileError
from nascurve.simulator.types import FloatArray

FOLDERS = {
    "xgb": re.compile(r"xgb_v[\d.]+"),
    "gnn_gin": re.compile(r"gnn_gin_v[\d.]+"),
    "lgb": re.compile(r"lgb_v[\d.]+"),
    "lgb_runtime": re.compile(r"lgb_runtime_v[\d.]+"),
}
"""Names of the released folders: xgb and gnn_gin predict accuracy, lgb_runtime seconds; `lgb` is not among
the releases, but what the official code makes when told to fit LightGBM."""
MODELS = {"xgb": ("xgb",), "gnn_gin": ("gnn_gin",), "lgb": ("lgb",), "lgb_runtime": ("lgb_time", "lgb")}
"""What their `model_config.json` must call the model."""

_MODEL = "surrogate_model.model"
_FORMAT_VERSION = 1
_MAX_MEMBERS = 100
_MAX_CONFIG = 2**20
_MAX_MODEL = 2**32
_CHUNK = 256


class Surrogate:
    """An ensemble. `predict` gives mean and standard deviation of its members, (n,) each, as nasbench301's
    `query_mean` and `query_std` do: over members in the type of their predictions (float32, but LightGBM)."""

    def __init__(
        self, name: str, members: Sequence[Callable[[Sequence[DartsGenotype]], FloatArray]], dtype: Any
    ) -> None:
        self.name = name
        self.n_members = len(members)
        self._members = members
        self._dtype = dtype

    @classmethod
    def open(
        cls, kind: str, *, card: OfficialCard, data_dir: Path | None, cache_dir: Path | None
    ) -> Surrogate:
        """The newest ensemble of a kind of `FOLDERS` at data_dir (its folder, the one that holds it, or the
        one above that), or its cache in cache_dir.

        Raises DataFileError: the card's where it is not there; naming the file where that is damaged,
        hostile or of another kind.
        """
        folder = None if data_dir is None else _find(kind, data_dir)
        if folder is not None:
            name, sources, cache = f"{card.id}-{folder.name}", [folder], cache_dir or folder.parent
        else:
            newest = None if data_dir is not None or cache_dir is None else _find_cache(kind, card, cache_dir)
            if newest is None:
                raise card.missing(data_dir)
            name, sources, cache = newest.stem, [], newest.parent
        arrays, meta = open_cached(
            card=card,
            sources=sources,
            cache_dir=cache,
            name=name,
            format_version=_FORMAT_VERSION,
            convert=lambda: _convert(kind, sources[0], card.remedy),
        )
        with guarded(name, "a converted surrogate", card.remedy):
            members = [_member(arrays, meta, i) for i in range(meta["n_members"])]
        return cls(name[len(card.id) + 1 :], members, np.float64 if kind.startswith("lgb") else np.float32)

    def predict(self, archs: Sequence[DartsGenotype]) -> tuple[FloatArray, FloatArray]:
        means, spreads = np.empty(len(archs)), np.empty(len(archs))
        for start in range(0, len(archs), _CHUNK):
            part = slice(start, start + _CHUNK)
            values = np.array([member(archs[part]) for member in self._members], self._dtype)
            rows = np.ascontiguousarray(values.T)  # numpy adds in the order of the official one-row calls
            means[part], spreads[part] = rows.mean(axis=1), rows.std(axis=1)
        return means, spreads


def _find(kind: str, data_dir: Path) -> Path | None:
    candidates = [data_dir, *data_dir.glob("*"), *data_dir.glob("*/*")] if data_dir.is_dir() else []
    found = [path for path in candidates if FOLDERS[kind].fullmatch(path.name) and path.is_dir()]
    return max(found, key=lambda path: _version(path.name), default=None)


def _find_cache(kind: str, card: OfficialCard, cache_dir: Path) -> Path | None:
    caches = cache_dir.glob(f"{card.id}-*.nascurve")
    found = [path for path in caches if FOLDERS[kind].fullmatch(path.stem.removeprefix(f"{card.id}-"))]
    return max(found, key=lambda path: _version(path.stem), default=None)


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", name.rpartition("_v")[2]))


def _convert(kind: str, folder: Path, remedy: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    files = sorted(
        folder.rglob(f"*{_MODEL}"),
        key=lambda path: [int(n) for n in re.findall(r"\d{1,9}", str(path.relative_to(folder)))],
    )
    if not 1 <= len(files) <= _MAX_MEMBERS:
        raise DataFileError(
            f"{folder}: expected 1 to {_MAX_MEMBERS} files {_MODEL} below it, got {len(files)}. {remedy}"
        )
    arrays: dict[str, NDArray[Any]] = {}
    metas: list[dict[str, Any]] = []
    for i, file in enumerate(files):
        config_path = file.with_name("model_config.json")
        with open_source(config_path, expected="a model's settings in JSON", remedy=remedy) as stream:
            config = checked_json(
                stream.read(_MAX_CONFIG + 1), path=config_path, max_bytes=_MAX_CONFIG, remedy=remedy
            )
        model = config.get("model") if isinstance(config, dict) else None
        if model not in MODELS[kind] or config.get("param:bananas_enc"):
            raise DataFileError(
                f"{config_path}: expected a model {' or '.join(MODELS[kind])} on configurations, got "
                f"{model!r:.50}. {remedy}"
            )
        with open_source(file, expected="a member of an ensemble", remedy=remedy) as stream:
            data = stream.read(_MAX_MODEL)
        if kind == "gnn_gin":
            network = read_gin(data, config, path=file, remedy=remedy)
            arrays |= {f"m{i}.{name}": array for name, array in network.weights.items()}
            metas.append(
                {"undirected": network.undirected, "pool": network.pool, "weights": list(network.weights)}
            )
        else:
            trees = read_booster(data, path=file, remedy=remedy, n_features=len(config_names()))
            arrays |= trees.to_arrays(f"m{i}.")
            metas.append(trees.meta())
    return arrays, {"n_members": len(files), "gin": kind == "gnn_gin", "members": metas}


def _member(
    arrays: Arrays, meta: Mapping[str, Any], i: int
) -> Callable[[Sequence[DartsGenotype]], FloatArray]:
    own = meta["members"][i]
    if meta["gin"]:
        weights = {name: np.asarray(arrays[f"m{i}.{name}"]) for name in own["weights"]}
        return GraphNetwork(weights=weights, undirected=own["undirected"], pool=own["pool"]).predict
    trees = Trees.from_arrays(arrays, f"m{i}.", own)
    return lambda archs: trees.predict(config_vectors(archs))
