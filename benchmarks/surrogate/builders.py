"""The registered benchmarks that read a surrogate's folder: any of them, and NAS-Bench-x11's names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nascurve import options
from nascurve.benchmarks.curve_benchmark import CurveBenchmark
from nascurve.benchmarks.files.card import OfficialCard
from nascurve.benchmarks.surrogate.benchmark import SurrogateBenchmark
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.benchmarks.surrogate.folder import MANIFEST, is_surrogate_folder, load_surrogate_folder
from nascurve.benchmarks.surrogate.sources import runs_of
from nascurve.benchmarks.x11.benchmark import NB111, NB311, NBNLP11
from nascurve.errors import CapabilityError, ConfigError, DataFileError
from nascurve.simulator.types import Architecture

_Load = TypeVar("_Load", bound=Callable[..., Any])
_FITTED = "fitted with nascurve, not a released checkpoint"


def _with_card(card: OfficialCard) -> Callable[[_Load], _Load]:
    """Gives a loading function the `card` of a benchmark, what is known of it without files."""

    def mark(load: _Load) -> _Load:
        load.card = card  # type: ignore[attr-defined]
        return load

    return mark


def load_surrogate(
    *,
    data_dir: str | os.PathLike[str] | None = None,
    noise: bool = True,
    diverge: bool | None = None,
    n_seeds: int | None = None,
    first_epochs: Mapping[Any, Sequence[float]] | None = None,
) -> SurrogateBenchmark:
    """A surrogate of your own: the folder that `nascurve surrogate fit` wrote.

    data_dir: that folder; must be given. noise, diverge, n_seeds, first_epochs: see `SurrogateBenchmark`.

    Raises DataFileError for a folder that is missing, damaged or none, ConfigError and CapabilityError for
    options that it does not take.
    """
    if data_dir is None:
        raise ConfigError("surrogate: expected data_dir=, the folder that `nascurve surrogate fit` wrote.")
    return _of_folder(
        "surrogate",
        data_dir,
        None,
        noise=noise,
        diverge=diverge,
        n_seeds=n_seeds,
        first_epochs=first_epochs,
    )


@_with_card(NBNLP11.card)
def load_nbnlp11(
    *,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    nlp_logs: str | os.PathLike[str] | None = None,
    first_epochs: Mapping[Any, Sequence[float]] | None = None,
    noise: bool | None = None,
    faithful: bool = False,
    n_seeds: int | None = None,
) -> CurveBenchmark:
    """Predicted learning curves over NAS-Bench-NLP's recurrent cells: a released checkpoint of NAS-Bench-x11,
    or a surrogate of your own.

    data_dir: of a checkpoint (the other options are then those of `NBNLP11`), or the folder that `nascurve
        surrogate fit source=nbnlp` wrote, told by its manifest.json. The latter answers for every cell of the
        space; only when it was fitted with early_epochs it needs one of
    first_epochs: a mapping from cell to its accuracies (1 - loss / ln(vocabulary)) after the first epochs, or
    nlp_logs: the authors' logs on the same data set, which give them as the mean of each cell's trainings.
    noise, n_seeds: see `SurrogateBenchmark`. cache_dir: for the converted logs. faithful: checkpoints only.
    """
    if data_dir is None or not _is_ours(data_dir):
        return NBNLP11(
            data_dir=data_dir,
            cache_dir=cache_dir,
            nlp_logs=nlp_logs,
            first_epochs=first_epochs,
            noise=noise,
            faithful=faithful,
            n_seeds=n_seeds,
        )
    _checkpoint_only(NBNLP11.card.id, faithful=faithful)
    if nlp_logs is not None and first_epochs is not None:
        raise ConfigError("nbnlp11: expected nlp_logs= or first_epochs=, got both.")
    return _of_folder(
        NBNLP11.card.id,
        data_dir,
        NBNLP11.card,
        noise=True if noise is None else noise,
        n_seeds=n_seeds,
        first_epochs=first_epochs,
        logs=None if nlp_logs is None else {"data_dir": nlp_logs, "cache_dir": cache_dir},
    )


@_with_card(NB111.card)
def load_nb111(
    *,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    nb101_dir: str | os.PathLike[str] | None = None,
    noise: bool | None = None,
    faithful: bool = False,
    n_seeds: int | None = None,
) -> CurveBenchmark:
    """Predicted learning curves over NAS-Bench-101: a released checkpoint of NAS-Bench-x11, or a surrogate of
    your own.

    data_dir: of a checkpoint (the other options are then those of `NB111`), or the folder that `nascurve
        surrogate fit source=logs space=nb101` wrote, told by its manifest.json; it needs no table.
    noise, n_seeds: see `SurrogateBenchmark`. cache_dir: checkpoints only.
    """
    return _checkpoint_or_own(
        NB111,
        data_dir,
        noise=noise,
        n_seeds=n_seeds,
        cache_dir=cache_dir,
        faithful=faithful,
        nb101_dir=nb101_dir,
    )


@_with_card(NB311.card)
def load_nb311(
    *,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    runtime_dir: str | os.PathLike[str] | None = None,
    noise: bool | None = None,
    faithful: bool = False,
    n_seeds: int | None = None,
) -> CurveBenchmark:
    """Predicted learning curves over the DARTS space: a released checkpoint of NAS-Bench-x11, or a surrogate
    of your own.

    data_dir: of a checkpoint (the other options are then those of `NB311`), or the folder that `nascurve
        surrogate fit source=nb301` wrote, told by its manifest.json; it predicts the seconds too.
    noise, n_seeds: see `SurrogateBenchmark`. cache_dir: checkpoints only.
    """
    return _checkpoint_or_own(
        NB311,
        data_dir,
        noise=noise,
        n_seeds=n_seeds,
        cache_dir=cache_dir,
        faithful=faithful,
        runtime_dir=runtime_dir,
    )


def first_accuracies(data: CurveData, n_epochs: int) -> dict[Architecture, tuple[float, ...]]:
    """The accuracies after the first `n_epochs` epochs of each network in `data`, mean over its runs; those
    that have not all of them (diverged at once) are left out."""
    known: dict[Architecture, tuple[float, ...]] = {}
    for rows in data.by_arch():
        first = data.val_acc[rows, :n_epochs]
        there = first[np.isfinite(first).all(axis=1)]
        if len(there):
            known[data.archs[rows[0]]] = tuple(there.mean(axis=0).tolist())
    return known


def _checkpoint_or_own(
    checkpoint: type[NB111] | type[NB311],
    data_dir: str | os.PathLike[str] | None,
    *,
    noise: bool | None,
    n_seeds: int | None,
    cache_dir: str | os.PathLike[str] | None,
    **only: Any,
) -> CurveBenchmark:
    """A released checkpoint, with its options `only`, which a folder of one's own does not take."""
    if data_dir is None or not _is_ours(data_dir):
        return checkpoint(data_dir=data_dir, cache_dir=cache_dir, noise=noise, n_seeds=n_seeds, **only)
    card = checkpoint.card
    _checkpoint_only(card.id, **only)
    return _of_folder(card.id, data_dir, card, noise=True if noise is None else noise, n_seeds=n_seeds)


def _is_ours(data_dir: str | os.PathLike[str]) -> bool:
    return is_surrogate_folder(options.path("data_dir", data_dir))


def _checkpoint_only(name: str, **given: Any) -> None:
    for option, value in given.items():
        if value is not None and value is not False:
            raise ConfigError(
                f"{name}: {option} belongs to the released checkpoint; data_dir holds a surrogate of your "
                f"own ({MANIFEST}). Leave it out."
            )


def _of_folder(
    name: str,
    folder: str | os.PathLike[str],
    card: OfficialCard | None,
    *,
    noise: bool,
    n_seeds: int | None,
    diverge: bool | None = None,
    first_epochs: Mapping[Any, Sequence[float]] | None = None,
    logs: Mapping[str, Any] | None = None,
) -> SurrogateBenchmark:
    where = options.path("data_dir", folder)
    surrogate, manifest = load_surrogate_folder(where)
    if card is not None and surrogate.space.name != card.space:
        raise DataFileError(
            f"{where / MANIFEST}: expected a surrogate over the space {card.space!r} for {name}, got one "
            f"over {surrogate.space.name!r}. Load it as benchmark 'surrogate', which takes any."
        )
    if logs is not None:
        first_epochs = first_accuracies(_same_data(surrogate.facts, logs), surrogate.early_epochs)
    source = surrogate.facts["source"]
    return SurrogateBenchmark(
        surrogate,
        name=name,
        noise=noise,
        diverge=diverge,
        n_seeds=n_seeds,
        first_epochs=first_epochs,
        citation=f"Fitted to {source}; cite what it comes from.",
        licence=f"that of the training runs ({source})",
        description=f"Predicted learning curves over {surrogate.space.name}, fitted to {source}.",
        required_files=(MANIFEST,),
        details={"model": _FITTED, "evaluation": manifest["evaluation"], "manifest": manifest["sha256"]},
    )


def _same_data(facts: Mapping[str, Any], logs: Mapping[str, Any]) -> CurveData:
    data = runs_of("nbnlp", benchmark_options=logs)
    ours, theirs = facts["details"].get("data"), data.details["data"]
    if ours != theirs:
        raise CapabilityError(
            f"{Path(logs['data_dir'])}: logs of trainings on {theirs}; the surrogate was fitted to trainings "
            f"on {ours}. Give nlp_logs= on that, or first_epochs=."
        )
    return data
