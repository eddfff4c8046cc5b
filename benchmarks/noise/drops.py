"""Sudden drops of validation accuracy, and what a curve loses to its own maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.noise.estimate import Bootstrap, Estimate, missing, rho
from nascurve.benchmarks.noise.runs import Runs
from nascurve.simulator.types import FloatArray

SECTION = "drops and spikes"
THRESHOLDS = (0.03, 0.1)
RECOVERY_EPOCHS = (1, 2, 3, 5)
N_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drops:
    """A drop is a fall of validation accuracy from one epoch to the next by more than a threshold.

    by_epoch: threshold -> (E,), share of the curves that drop at each epoch (NaN at the first).
    by_accuracy: threshold -> (N_BINS,), share of the curves with a drop, in tenths of the networks by final
        accuracy, the worst first.
    recovered: threshold -> (len(RECOVERY_EPOCHS),), share of the drops after which the accuracy from before
        is reached again within so many epochs, among drops that so many epochs follow.
    spike: (curves,), maximum minus last value of each curve.
    """

    epochs: FloatArray
    by_epoch: dict[float, FloatArray]
    by_accuracy: dict[float, FloatArray]
    recovered: dict[float, FloatArray]
    spike: FloatArray
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(cls, runs: Runs, bootstrap: Bootstrap) -> Drops | None:
        """None without whole curves."""
        if not runs.has_curves:
            return None
        curves = runs.judged
        there = np.isfinite(curves[:, :, -1])
        falls = -np.diff(curves, axis=2)
        n_there = there.sum(axis=1)
        order = np.argsort(runs.true_acc, kind="stable")
        rows: list[Estimate] = []
        by_epoch, by_accuracy, recovered = {}, {}, {}
        for threshold in THRESHOLDS:
            name = f"of more than {100 * threshold:g} points"
            is_drop = falls > threshold  # False where there is no run: NaN
            with_drop, number = is_drop.any(axis=2).sum(axis=1), is_drop.sum(axis=(1, 2))
            by_epoch[threshold] = np.append(np.nan, is_drop[there].mean(axis=0))
            by_accuracy[threshold] = np.array(
                [with_drop[part].sum() / n_there[part].sum() for part in np.array_split(order, N_BINS)]
            )
            recovered[threshold] = _recovered(curves, is_drop)
            rows += _rows(runs, bootstrap, name, with_drop, number, n_there)
            rows += _places(is_drop, name, len(runs))
            rows += [
                Estimate(
                    section=SECTION,
                    label=f"drops {name} made good within {after} epoch{'s' if after > 1 else ''}",
                    value=100 * float(share),
                    n=len(runs),
                    unit="%",
                )
                for after, share in zip(RECOVERY_EPOCHS, recovered[threshold], strict=True)
                if np.isfinite(share)
            ]
        spike = curves.max(axis=2) - curves[:, :, -1]
        return cls(
            epochs=runs.epochs.astype(np.float64),
            by_epoch=by_epoch,
            by_accuracy=by_accuracy,
            recovered=recovered,
            spike=spike[there],
            estimates=(*rows, *_spikes(runs, bootstrap, spike)),
        )


def missing_drops(runs: Runs) -> list[Estimate]:
    why = (
        "needs the curve of one training; here each budget is a training of its own"
        if not runs.info.resumable
        else "needs whole curves; this benchmark gives too few epochs"
    )
    return [missing(SECTION, "curves with a drop of more than 3 points", why, unit="%")]


def _rows(
    runs: Runs,
    bootstrap: Bootstrap,
    name: str,
    with_drop: NDArray[np.intp],
    number: NDArray[np.intp],
    n_there: NDArray[np.intp],
) -> list[Estimate]:
    mean_number = number / n_there
    rows = [
        bootstrap.estimate(
            SECTION,
            f"curves with a drop {name}",
            lambda indices: float(with_drop[indices].sum() / n_there[indices].sum()),
            len(runs),
            unit="%",
            factor=100.0,
        ),
        bootstrap.estimate(
            SECTION,
            f"drops {name}, a curve",
            lambda indices: float(number[indices].sum() / n_there[indices].sum()),
            len(runs),
        ),
    ]
    if mean_number.any():
        rows.append(
            bootstrap.estimate(
                SECTION,
                f"rho of the number of drops {name} with final accuracy",
                lambda indices: rho(mean_number[indices], runs.true_acc[indices]),
                len(runs),
            )
        )
    return rows


def _places(is_drop: NDArray[np.bool_], name: str, n: int) -> list[Estimate]:
    """Where drops lie: share of them in each quarter of the training."""
    total = is_drop.sum()
    if not total:
        return []
    n_epochs = is_drop.shape[2] + 1
    quarter = 4 * np.arange(1, n_epochs) // n_epochs  # of the epoch that a fall leads to
    return [
        Estimate(
            section=SECTION,
            label=f"drops {name} that lie in quarter {place + 1} of the epochs",
            value=100 * float(is_drop[:, :, quarter == place].sum() / total),
            n=n,
            unit="%",
        )
        for place in range(4)
    ]


def _recovered(curves: FloatArray, is_drop: NDArray[np.bool_]) -> FloatArray:
    network, run, step = np.nonzero(is_drop)  # from epoch position `step` to `step` + 1
    before = curves[network, run, step]
    last = curves.shape[2] - 1
    shares = []
    for after in RECOVERY_EPOCHS:
        enough = step + 1 + after <= last
        if not enough.any():
            shares.append(np.nan)
            continue
        later = np.stack(
            [curves[network[enough], run[enough], step[enough] + 1 + wait] for wait in range(1, after + 1)]
        )
        shares.append(float((later.max(axis=0) >= before[enough]).mean()))
    return np.array(shares)


def _spikes(runs: Runs, bootstrap: Bootstrap, spike: FloatArray) -> list[Estimate]:
    def quantile(share: float) -> Estimate:
        return bootstrap.estimate(
            SECTION,
            f"spike (maximum minus last value), {share:.0%} quantile",
            lambda indices: float(np.nanquantile(spike[indices], share)),
            len(runs),
            unit="points",
            factor=100.0,
        )

    return [
        quantile(0.5),
        quantile(0.95),
        quantile(0.99),
        bootstrap.estimate(
            SECTION,
            "curves with a spike of more than 1 point",
            lambda indices: float((spike[indices] > 0.01).sum() / np.isfinite(spike[indices]).sum()),
            len(runs),
            unit="%",
            factor=100.0,
        ),
    ]
