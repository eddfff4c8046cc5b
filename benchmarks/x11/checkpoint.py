"""One released checkpoint: its member folders found, read without running them, and turned into plain
arrays."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from nascurve.benchmarks.array_file import Arrays
from nascurve.benchmarks.files.cached import open_cached
from nascurve.benchmarks.files.card import OfficialCard
from nascurve.benchmarks.files.source import checked_json, guarded, open_source
from nascurve.benchmarks.nb301.lightgbm_model import LARGEST, read_lightgbm, text_of_booster
from nascurve.benchmarks.x11.joblib_stream import Inert, of_class, read_joblib
from nascurve.errors import CapabilityError, DataFileError

MODEL_FILE = "surrogate_model.model"
_CONFIG_FILE = "model_config.json"
_PATTERNS = (MODEL_FILE, f"*/{MODEL_FILE}", f"*/*/{MODEL_FILE}")
_MAX_CONFIG = 2**20
_MAX_COMPONENTS = 64
_MAX_MEMBERS = 1000
_FORMAT_VERSION = 2

_Text = tuple[str, int | None]
"""A booster's model, and how many of its trees predict; see `text_of_booster`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a checkpoint holds, as plain arrays.

    path: of the converted cache, for messages. members: names of the member folders, in their order.
    distinct: for each, which of the distinct members it is (the released code gives all members the same
    seed, so that they may well be equal). arrays: of distinct member j, under "m<j>." (see
    `surrogate.CurveSurrogate`), and of the first member's noise under "noise.".
    """

    path: Path
    members: tuple[str, ...]
    distinct: tuple[int, ...]
    arrays: Mapping[str, NDArray[Any]]

    @classmethod
    def open(
        cls,
        *,
        card: OfficialCard,
        data_dir: Path | None,
        cache_dir: Path | None,
        folders: Sequence[str],
        n_features: int,
    ) -> Checkpoint:
        """Open the converted cache of a checkpoint, or read its joblib dumps and write that cache.

        data_dir: a member folder, the folder of all members, its parent, or the path of one dump.
        folders: names that the folder of all members may have in its parent. n_features: what the model is
        given. `card.max_epochs` is the length of its curves.

        Raises DataFileError: the card's where nothing is found; naming the file where it is damaged,
        hostile, or a surrogate of another benchmark. CapabilityError for a model of another technique than
        SVD + LightGBM.
        """
        if data_dir is None:
            raise card.missing(None)
        files = model_files(data_dir, folders)
        root = cache_dir or (_root(files) if files else data_dir)
        if not files and not (root / f"{card.id}.nascurve").is_file():
            raise card.missing(data_dir)
        configs = [file.with_name(_CONFIG_FILE) for file in files]

        def convert() -> tuple[Arrays, dict[str, Any]]:
            for config in configs:
                _check_config(config, card)
            return _convert(files, card, n_features)

        arrays, meta = open_cached(
            card=card,
            # without dumps, an earlier cache in that folder is used
            sources=[*files, *(config for config in configs if config.is_file())] or [data_dir / MODEL_FILE],
            cache_dir=root,
            name=card.id,
            format_version=_FORMAT_VERSION,
            convert=convert,
        )
        path = root / f"{card.id}.nascurve"
        with _guarded(path):
            members, distinct = tuple(meta["members"]), tuple(meta["distinct"])
            if not distinct or len(members) != len(distinct):
                raise ValueError("other names than members")
            if any(arrays[f"m{which}.basis"].shape[1] != card.max_epochs for which in distinct):
                raise ValueError(f"curves of another length than {card.max_epochs} epochs")
        return cls(path=path, members=members, distinct=distinct, arrays=arrays)

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """Turns what arrays raise that no conversion writes into a DataFileError: a cache that was tampered
        with."""
        return _guarded(self.path)


def _guarded(path: Path) -> contextlib.AbstractContextManager[None]:
    return guarded(path, "a converted checkpoint", "Remove it; it is made again from the dumps.")


def model_files(data_dir: Path, folders: Sequence[str]) -> list[Path]:
    """The member files below a folder, in natural order of their paths; a file itself; empty where there are
    none.

    folders: names that the folder of all members may have in `data_dir`.
    """
    if data_dir.is_file():
        return [data_dir]
    inner = next((data_dir / name for name in folders if (data_dir / name).is_dir()), data_dir)
    found = {path for pattern in _PATTERNS for path in inner.glob(pattern) if path.is_file()}
    return sorted(found, key=lambda path: _natural(path.relative_to(inner).as_posix()))


def _natural(name: str) -> list[tuple[int, str]]:
    """Order of names in which 2 comes before 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]{1,18})", name)]


def _root(files: Sequence[Path]) -> Path:
    """The folder that holds the member folders, or the only one."""
    if len(files) == 1:
        return files[0].parent
    parents = [set(file.parents) for file in files]
    return max(set.intersection(*parents), key=lambda folder: len(folder.parts))


def _check_config(config: Path, card: OfficialCard) -> None:
    if not config.is_file():
        return
    with open_source(config, expected="the settings of a surrogate", remedy=card.remedy) as file:
        text = file.read(_MAX_CONFIG + 1)
    said = checked_json(text, path=config, max_bytes=_MAX_CONFIG, remedy=card.remedy)
    model = said.get("model", "svd_lgb") if isinstance(said, dict) else said
    if model != "svd_lgb":
        raise CapabilityError(
            f"{config}: a surrogate of the kind {model!r:.60}; {card.id} reads 'svd_lgb' only, the kind that "
            "was released as v0.5."
        )


def _convert(files: Sequence[Path], card: OfficialCard, n_features: int) -> tuple[Arrays, dict[str, Any]]:
    if len(files) > _MAX_MEMBERS:
        raise DataFileError(
            f"{files[0]}: expected one of at most {_MAX_MEMBERS} members, got one of {len(files)}. "
            f"{card.remedy}"
        )
    arrays: Arrays = {}
    known: dict[bytes, int] = {}
    distinct = []
    expected = f"a surrogate of {card.id}: {card.max_epochs} epochs from {n_features} features"
    for i, path in enumerate(tqdm(files, desc=f"{card.id}: reading members", unit="member", delay=2.0)):
        dump = read_joblib(path, remedy=card.remedy)
        with guarded(path, expected, card.remedy):
            texts, small, kde = _parts(dump, card.max_epochs)
            digest = _digest(texts, small)
            if digest not in known:
                known[digest] = len(known)
                prefix = f"m{known[digest]}."
                arrays |= {prefix + name: array for name, array in small.items()}
                for step, (text, n_trees) in enumerate(texts):
                    trees = read_lightgbm(text, n_features=n_features + step, n_trees=n_trees)
                    arrays |= trees.to_arrays(f"{prefix}{step}.")
            distinct.append(known[digest])
            if i == 0 and kde is not None:
                arrays |= _noise(kde, card.max_epochs)
    root = _root(files)
    members = [file.parent.relative_to(root).as_posix() for file in files]
    return arrays, {"members": members, "distinct": distinct}


def _parts(dump: Any, epochs: int) -> tuple[list[_Text], Arrays, Inert | None]:
    if type(dump) is not list or len(dump) not in (5, 6):
        raise ValueError("a dump that is not [chain, scaler, s, Vh, k] or [chain, scaler, s, Vh, k, kde]")
    chain, scaler, s, vh, k = dump[:5]
    k = int(k) if isinstance(k, np.integer) else k
    if type(k) is not int or not 1 <= k <= _MAX_COMPONENTS:
        raise ValueError(f"{k!r:.40} as the number of components")
    s, vh = _matrix("s", s, (-1,)), _matrix("Vh", vh, (-1, epochs))
    if len(s) < k or len(vh) < k:
        raise ValueError(f"{k} components of {len(s)} singular values and {len(vh)} vectors")
    of_class(scaler, "StandardScaler")
    mean, scale = scaler.get("mean_"), scaler.get("scale_", "std_")
    small = {
        "order": _order(chain, k),
        "mean": np.zeros(k) if mean is None else _matrix("mean_", mean, (k,)),
        "scale": np.ones(k) if scale is None else _matrix("scale_", scale, (k,)),
        "basis": np.ascontiguousarray(s[:k, None] * vh[:k]),
    }
    return _texts(chain, k), small, of_class(dump[5], "gaussian_kde") if len(dump) == 6 else None


def _matrix(name: str, value: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A float64 array of numbers that are not too large; -1 in `shape` stands for any length."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.ndim != len(shape):
        raise ValueError(f"{name} is no array of {len(shape)} dimensions")
    if any(want not in (-1, got) for want, got in zip(shape, value.shape, strict=True)) or not value.size:
        raise ValueError(f"{name} of shape {value.shape} where {shape} belongs")
    array = value.astype(np.float64)
    if not (np.abs(array) <= LARGEST).all():
        raise ValueError(f"{name} holds values that are not finite or beyond {LARGEST:g}")
    return array


def _order(chain: Any, k: int) -> NDArray[np.int64]:
    order = of_class(chain, "RegressorChain").get("order_")
    if isinstance(order, Inert) and order.name == "range":
        order = list(range(k))
    if order is None:
        order = list(range(k))
    if isinstance(order, np.ndarray) and order.dtype.kind == "i":
        order = order.tolist()
    if type(order) is not list or any(type(i) is not int for i in order) or sorted(order) != list(range(k)):
        raise ValueError(f"a chain whose order is no permutation of 0 to {k - 1}")
    return np.array(order, np.int64)


def _texts(chain: Inert, k: int) -> list[_Text]:
    estimators = chain.get("estimators_")
    if type(estimators) is not list or len(estimators) != k:
        raise ValueError(f"a chain that has not {k} estimators")
    boosters = [of_class(estimator, "LGBMRegressor").get("_Booster") for estimator in estimators]
    return [text_of_booster(of_class(booster, "Booster").state) for booster in boosters]


def _digest(texts: list[_Text], small: Arrays) -> bytes:
    digest = hashlib.sha256()
    for text, n_trees in texts:
        digest.update(f"{n_trees} {len(text)} ".encode())
        digest.update(text.encode())
    for array in small.values():
        digest.update(array.tobytes())
    return digest.digest()


def _noise(kde: Inert, epochs: int) -> Arrays:
    """The noise model as scipy holds it: the data points, and the covariance of the kernel round each."""
    dataset = _matrix("dataset", kde.get("dataset"), (epochs, -1))
    covariance = kde.get("covariance")
    if covariance is None:  # left to be computed by some versions of SciPy
        factor = float(kde.get("factor"))
        covariance = _matrix("_data_covariance", kde.get("_data_covariance"), (epochs, epochs)) * factor**2
    covariance = _matrix("covariance", covariance, (epochs, epochs))
    arrays: Arrays = {"noise.dataset": np.ascontiguousarray(dataset.T), "noise.root": _root_of(covariance)}
    weights = kde.get("_weights", "weights")
    if weights is not None:
        weights = _matrix("weights", weights, (dataset.shape[1],))
        if weights.min() < 0 or not weights.sum() > 0:
            raise ValueError("negative weights of the noise")
        if np.ptp(weights) > 0:
            arrays["noise.cumulative_weights"] = np.cumsum(weights) / weights.sum()
    return arrays


def _root_of(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """R with R R^T = covariance, which may be singular: residuals of a truncated SVD have no variance along
    the components that were kept."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    if not np.allclose(covariance, covariance.T) or values[0] < -1e-6 * max(values[-1], 1e-300):
        raise ValueError("a covariance of the noise that is none")
    root: NDArray[np.float64] = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
