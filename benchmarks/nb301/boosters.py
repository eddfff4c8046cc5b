"""Pickled boosters of XGBoost and LightGBM, read without running either."""

from __future__ import annotations

import os
from typing import Any

from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import guarded
from nascurve.benchmarks.nb301.trees import Trees
from nascurve.benchmarks.nb301.xgboost_model import read_xgboost
from nascurve.benchmarks.x11.forest import Forest

_MAX_BYTES = 2**32
_STATE = ("handle", "_handle")
"""Where boosters keep their model: in LightGBM since 4.0 the second."""


def read_booster(data: bytes, *, path: str | os.PathLike[str], remedy: str, n_features: int) -> Trees:
    """The trees of a pickled `xgboost.core.Booster` (0.8 to 1.7) or `lightgbm.basic.Booster` (2.2 to 4).

    The pickle's class names become inert stand-ins that only keep what the file says; the model's bytes or
    text are taken out of it, checked and turned into arrays. A LightGBM model that was stopped early predicts
    with its best iteration, as `Booster.predict` does; an XGBoost one with all its trees, as that one does.

    Raises DataFileError for anything else.
    """
    value = read_pickle(data, path=path, remedy=remedy, find_class=_stand_in, max_bytes=_MAX_BYTES)
    with guarded(path, "a pickled booster of XGBoost or LightGBM", remedy):
        if not isinstance(value, _Booster):
            raise ValueError(f"a pickle of {type(value).__name__}")
        model = next((value.state[name] for name in _STATE if name in value.state), None)
        if isinstance(value, _XGBooster):
            if not isinstance(model, bytes | bytearray):
                raise ValueError("an XGBoost booster without a model")
            return read_xgboost(model, n_features=n_features)
        if not isinstance(model, str):
            raise ValueError("a LightGBM booster without a model")
        forest = Forest.parse(model, n_features=n_features)
        best = value.state.get("best_iteration")
        return Trees.of_forest(forest.first(best) if type(best) is int and best > 0 else forest)


class _Booster:
    """Keeps a booster's state; does nothing."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if type(state) is not dict:
            raise ValueError("a booster whose state is no dictionary")
        self.state = state


class _XGBooster(_Booster):
    """Stands for `xgboost.core.Booster`."""


class _LGBooster(_Booster):
    """Stands for `lightgbm.basic.Booster`."""


def _default_dict(*_: object) -> dict[Any, Any]:
    """Stands for `collections.defaultdict`, in which LightGBM keeps scores; its default is not called."""
    return {}


def _stand_in(module: str, name: str) -> Any:
    return _STAND_INS.get((module, name))


_STAND_INS = {
    ("xgboost.core", "Booster"): _XGBooster,
    ("lightgbm.basic", "Booster"): _LGBooster,
    ("collections", "defaultdict"): _default_dict,
}
