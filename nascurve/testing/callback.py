"""The contract of callbacks, as a check that any of them can be put through."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import NascurveError, ProtocolError
from nascurve.experiments.callbacks.callback import Callback

if TYPE_CHECKING:
    import pandas as pd

_METHODS = (("rs", "none"), ("rs", "last_value"))
_COLUMNS = ("time_s", "epochs", "evaluations", "val_acc", "test_acc", "regret")


def check_callback(build: Callable[[], Callback]) -> None:
    """Put a callback through its contract; raises ProtocolError with the first rule that it breaks.

    It takes a whole sweep with a failed run, a run without an incumbent and one whose regret is not known;
    one that is interrupted before any run ends, and after some; one that goes on in another object, and one
    of which all runs are there. Without a folder it works, or says so in a NascurveError from `begin`. It
    changes nothing that it is given.

    build: gives a fresh callback each time. Files are written into a temporary folder.
    """
    runs = _runs()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, parts in (
            ("a whole sweep", [runs]),
            ("a sweep that goes on", [runs[:3], runs[3:]]),
            ("a sweep interrupted before any run ended", [[], runs]),
            ("a sweep that is complete", [runs, []]),
        ):
            place = folder / name.replace(" ", "-")
            place.mkdir()
            _sweep(build, name, place, parts)
        _without_folder(build, runs)


def _sweep(
    build: Callable[[], Callback], name: str, folder: Path, parts: Sequence[Sequence[Mapping[str, Any]]]
) -> None:
    """A session for each part; those before the last are interrupted, unless nothing is left to do."""
    total, done = sum(map(len, parts)), 0
    for place, part in enumerate(parts):
        callback = build()
        _call(name, callback, "begin", _config(), folder, total, done)
        for run in part:
            _call(name, callback, "run_finished", run)
        done += len(part)
        if done == total:
            _call(name, callback, "end", _frame(), _summary(), [_figure(folder)])
        _call(f"{name}, session {place + 1}", callback, "close")


def _without_folder(build: Callable[[], Callback], runs: Sequence[Mapping[str, Any]]) -> None:
    where = "a sweep that writes nothing"
    callback = build()
    try:
        callback.begin(_config(), None, len(runs), 0)
    except NascurveError:
        return
    except Exception as error:
        raise ProtocolError(
            f"{type(callback).__name__}.begin, {where}: expected it to work without a folder, or to raise a "
            f"NascurveError; got {type(error).__name__}: {error}"
        ) from error
    _call(where, callback, "run_finished", runs[0])
    _call(where, callback, "close")


def _call(where: str, callback: Callback, method: str, *given: Any) -> None:
    name = f"{type(callback).__name__}.{method}, {where}"
    before = copy.deepcopy(given)
    try:
        getattr(callback, method)(*given)
    except Exception as error:
        raise ProtocolError(f"{name}: expected no error, got {type(error).__name__}: {error}") from error
    for one, other in zip(before, given, strict=True):
        same = one.equals(other) if hasattr(one, "equals") else repr(one) == repr(other)  # repr: NaN is NaN
        if not same:
            raise ProtocolError(f"{name}: expected what is given to stay as it is; it was changed.")


def _config() -> dict[str, Any]:
    methods = [
        {"optimizer": {"label": optimizer, "id": optimizer}, "lce": {"label": lce, "id": lce, "k": 8}}
        for optimizer, lce in _METHODS
    ]
    benchmark = {"id": "synthetic", "options": {}, "name": "synthetic", "version": 1, "kind": "synthetic"}
    return {
        "experiment": {
            "benchmark": {**benchmark, "space": "cell201", "max_epochs": 32, "n_seeds": 3},
            "seeds": [0, 1, 2],
            "run": {"budget_s": 100.0, "workers": 1, "resume": True},
            "methods": methods,
        },
        "reference": {"mean_training_s": 5.0, "best_test_acc": 0.9},
        "versions": {"nascurve": "0"},
    }


def _runs() -> list[dict[str, Any]]:
    """Of each method one run with two incumbents, one without any, one that failed."""
    runs: list[dict[str, Any]] = []
    for optimizer, lce in _METHODS:
        for seed, (status, changes) in enumerate((("done", _changes()), ("done", []), ("failed", []))):
            totals = {"total_evaluations": 20, "total_epochs": 640, "total_time_s": 100.0}
            error = "the disk with the curves is gone" if status == "failed" else ""
            runs.append(
                {
                    **{"optimizer": optimizer, "lce": lce, "seed": seed, "status": status, **totals},
                    **{"decision_s": 0.01, "wall_s": 0.05, "error": error, "traceback": error},
                    "trajectory": {
                        name: [change[place] for change in changes] for place, name in enumerate(_COLUMNS)
                    },
                }
            )
    runs[0]["trajectory"]["regret"] = [float("nan")] * 2
    return runs


def _changes() -> list[tuple[float, ...]]:
    return [(5.0, 32, 1, 0.7, 0.71, 0.19), (30.0, 192, 6, 0.85, 0.86, 0.04)]


def _frame() -> pd.DataFrame:
    import pandas as pd

    rows = [(optimizer, lce, 0, *change) for optimizer, lce in _METHODS for change in _changes()]
    return pd.DataFrame(rows, columns=["optimizer", "lce", "seed", *_COLUMNS])


def _summary() -> pd.DataFrame:
    import pandas as pd

    rows = [(optimizer, lce, 3, 0.04, float("nan")) for optimizer, lce in _METHODS]
    return pd.DataFrame(rows, columns=["optimizer", "lce", "n_seeds", "final_regret_mean", "p_value"])


def _figure(folder: Path) -> Path:
    """A small PNG."""
    import numpy as np
    from matplotlib.image import imsave

    path = folder / "anytime.png"
    imsave(path, np.zeros((8, 8, 3)))
    return path
