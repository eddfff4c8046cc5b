"""Pickled boosters of XGBoost and LightGBM, read without running either."""

from __future__ import annotations

import os
from typing import Any

from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import guarded
from nascurve.benchmarks.nb301.lightgbm_model import read_lightgbm, text_of_booster
from nascurve.benchmarks.nb301.trees import Trees
from nascurve.benchmarks.nb301.xgboost_model import read_xgboost

_MAX_BYTES = 2**32


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
        if isinstance(value, _XGBooster):
            model = value.state.get("handle")
            if not isinstance(model, bytes | bytearray):
                raise ValueError("an XGBoost booster without a model")
            return read_xgboost(model, n_features=n_features)
        text, n_trees = text_of_booster(value.state)
        return read_lightgbm(text, n_features=n_features, n_trees=n_trees)


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
