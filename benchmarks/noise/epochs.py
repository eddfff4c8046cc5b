"""What early epochs tell of the last one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.noise.estimate import Bootstrap, Estimate, Indices, missing, tau
from nascurve.benchmarks.noise.runs import Runs
from nascurve.simulator.types import FloatArray

SECTION = "early epochs"
_WITH_INTERVAL = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EarlyEpochs:
    """Kendall's tau of each epoch's validation accuracy with the last one's, same run, mean over judged runs.

    all_, half: (E,) over all networks, and in the better half by the final accuracy of other runs (of the
        same run's test accuracy where there is no other).
    marked: epochs (positions) with an interval; intervals: group -> (len(marked), 2).
    """

    epochs: NDArray[np.intp]
    all_: FloatArray
    half: FloatArray
    marked: NDArray[np.intp]
    intervals: dict[str, FloatArray]
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(cls, runs: Runs, bootstrap: Bootstrap) -> EarlyEpochs | None:
        """None where the benchmark gives one epoch only."""
        if len(runs.epochs) < 2:
            return None
        chosen, independent = zip(*(_better_half(runs, run) for run in range(runs.n_judged)), strict=True)
        everything = [np.isfinite(runs.judged[:, run, -1]) for run in range(runs.n_judged)]
        groups = {"all": everything, "better half": list(chosen)}
        note = (
            "group by the other runs"
            if all(independent)
            else f"group by the same run's {runs.final_name} accuracy"
        )

        def measure(place: int, masks: list[NDArray[np.bool_]], indices: Indices) -> float:
            values = []
            for run, mask in enumerate(masks):
                rows = indices[mask[indices]]
                values.append(tau(runs.judged[rows, run, place], runs.judged[rows, run, -1]))
            return float(np.mean(values))

        last = len(runs.epochs) - 1
        whole = np.arange(len(runs))
        curves = {
            group: np.array([measure(place, masks, whole) for place in range(last)] + [1.0])
            for group, masks in groups.items()
        }
        marked = _marked(runs.epochs)
        rows, intervals = [], {}
        for group, masks in groups.items():
            edges = []
            for place in marked:
                row = bootstrap.estimate(
                    SECTION,
                    f"tau of epoch {runs.epochs[place]} with the last, {group}",
                    lambda indices, place=place, masks=masks: measure(place, masks, indices),  # type: ignore[misc]
                    len(runs),
                    note=note if group != "all" else "",
                )
                rows.append(replace(row, n=int(max(mask.sum() for mask in masks))))
                edges.append((row.low, row.high))
            intervals[group] = np.array(edges)
        return cls(
            epochs=runs.epochs,
            all_=curves["all"],
            half=curves["better half"],
            marked=marked,
            intervals=intervals,
            estimates=tuple(rows),
        )


def missing_epochs() -> list[Estimate]:
    return [missing(SECTION, "tau of an early epoch with the last", "needs accuracies of several epochs")]


def _better_half(runs: Runs, run: int) -> tuple[NDArray[np.bool_], bool]:
    there = np.isfinite(runs.judged[:, run, -1])
    quality = runs.others_acc((run,), runs.final_acc)
    independent = bool(np.isfinite(quality[there]).mean() > 0.5)
    if not independent:
        quality = runs.final_acc[:, run]
    known = np.flatnonzero(there & np.isfinite(quality))
    order = known[np.argsort(-quality[known], kind="stable")]
    mask = np.zeros(len(runs), dtype=np.bool_)
    mask[order[: math.ceil(len(order) / 2)]] = True
    return mask, independent


def _marked(epochs: NDArray[np.intp]) -> NDArray[np.intp]:
    """Positions of up to eight epochs before the last: 1/32, 1/16, 1/8, 1/4, 3/8, 1/2, 3/4, 7/8 of it."""
    shares = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 7 / 8)
    wanted = [int(np.abs(epochs - share * epochs[-1]).argmin()) for share in shares[:_WITH_INTERVAL]]
    return np.array(sorted({place for place in wanted if place < len(epochs) - 1}) or [0], dtype=np.intp)
