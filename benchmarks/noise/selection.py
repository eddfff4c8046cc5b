"""What choosing by noisy results costs: the optimizer's curse, and the error of the best known."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.noise.estimate import Bootstrap, Estimate, Indices, missing
from nascurve.benchmarks.noise.runs import Runs
from nascurve.simulator.types import FloatArray

SECTION = "choosing by noisy results"
OPTIMUM = "the best known"
_SIZES = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 3000, 5000, 10000)
_SHOWN = (10, 100, 500)
_SIMULATIONS = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Random search without replacement over the distinct networks, as a function of the number of
    evaluations; expectations over all orders are exact, from the ranks in the table.

    sizes: (K,), numbers of evaluations.
    curse: (K,), the selected run's validation accuracy minus the mean validation accuracy of the same
        network's other runs; None with one run. curse_low, curse_high: its interval.
    regret_noisy, regret_true: (K,), best true accuracy minus the selected network's, when it is selected by
        one run's validation accuracy (mean over judged runs) and by the true accuracy itself.
    """

    sizes: NDArray[np.intp]
    curse: FloatArray | None
    curse_low: FloatArray | None
    curse_high: FloatArray | None
    regret_noisy: FloatArray
    regret_true: FloatArray
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(cls, runs: Runs, bootstrap: Bootstrap) -> Selection:
        n = len(runs)
        sizes = np.array([size for size in _SIZES if size <= n // 2 or size == 1], dtype=np.intp)
        val_acc = runs.judged[:, :, -1]
        curse = low = high = None
        rows: list[Estimate] = []
        if runs.n_judged >= 2:
            others = np.stack(
                [runs.others_acc((run,), runs.val_acc[:, :, -1]) for run in range(runs.n_judged)], axis=1
            )
            curse = _curse(val_acc, others, sizes, np.arange(n))
            low, high = _curse_intervals(val_acc, others, sizes, bootstrap)
            rows += [
                Estimate(
                    section=SECTION,
                    label=f"optimizer's curse after {size} evaluations",
                    value=100 * float(curse[place]),
                    low=100 * float(low[place]),
                    high=100 * float(high[place]),
                    n=n,
                    unit="points",
                    note="validation accuracy seen minus that of the same network's other runs",
                )
                for place, size in enumerate(sizes)
                if size in _SHOWN
            ]
        else:
            rows.append(
                missing(
                    SECTION,
                    "optimizer's curse",
                    "needs two runs of a network: one to choose by, one to judge",
                    unit="points",
                )
            )
        regret_noisy = _regret(runs.true_acc, val_acc, sizes)
        regret_true = _regret(runs.true_acc, runs.true_acc[:, None], sizes)
        range_acc = max(float(np.ptp(runs.true_acc)), 1e-12)
        for place, size in enumerate(sizes):
            if size in _SHOWN:
                rows += _regret_rows(
                    int(size), float(regret_noisy[place]), float(regret_true[place]), range_acc, n
                )
        return cls(
            sizes=sizes,
            curse=curse,
            curse_low=low,
            curse_high=high,
            regret_noisy=regret_noisy,
            regret_true=regret_true,
            estimates=(*rows, *_best_known(runs)),
        )


def rank_weights(n: int, size: int) -> FloatArray:
    """P(the best of `size` networks drawn without replacement from n is number r of the ranking), (n,)."""
    # P(r) = C(n - 1 - r, size - 1) / C(n, size), by the ratio of neighbours
    ranks = np.arange(n - size)
    ratios = (n - size - ranks) / (n - 1 - ranks)
    weights = np.zeros(n)
    weights[: n - size + 1] = size / n * np.concatenate([[1.0], np.cumprod(ratios)])
    return weights


def _ranking(values: FloatArray) -> NDArray[np.intp]:
    """The best first; ties in a random order, the same in each process."""
    shuffled = np.random.default_rng(0).permutation(len(values))
    return np.asarray(shuffled[np.argsort(-values[shuffled], kind="stable")])


def _curse(val_acc: FloatArray, others: FloatArray, sizes: NDArray[np.intp], indices: Indices) -> FloatArray:
    per_run = []
    for run in range(val_acc.shape[1]):
        seen, truth = val_acc[indices, run], others[indices, run]
        known = np.isfinite(seen) & np.isfinite(truth)
        seen, truth = seen[known], truth[known]
        order = _ranking(seen)
        excess = (seen - truth)[order]
        per_run.append(
            [
                float(rank_weights(len(order), int(size)) @ excess) if size <= len(order) else np.nan
                for size in sizes
            ]
        )
    return np.asarray(np.mean(per_run, axis=0))


def _curse_intervals(
    val_acc: FloatArray, others: FloatArray, sizes: NDArray[np.intp], bootstrap: Bootstrap
) -> tuple[FloatArray, FloatArray]:
    if bootstrap.resamples == 0:
        return np.full(len(sizes), np.nan), np.full(len(sizes), np.nan)
    rng = np.random.default_rng(bootstrap.seed)
    n = len(val_acc)
    values = np.array(
        [_curse(val_acc, others, sizes, rng.integers(n, size=n)) for _ in range(bootstrap.resamples)]
    )
    low, high = np.quantile(values, [0.025, 0.975], axis=0)
    return low, high


def _regret(true_acc: FloatArray, seen: FloatArray, sizes: NDArray[np.intp]) -> FloatArray:
    """Mean over the columns of `seen`, each among the networks where it is finite."""
    per_run = []
    for column in seen.T:
        known = np.isfinite(column)
        lost = (true_acc.max() - true_acc[known])[_ranking(column[known])]
        per_run.append(
            [
                float(rank_weights(len(lost), int(size)) @ lost) if size <= len(lost) else np.nan
                for size in sizes
            ]
        )
    return np.asarray(np.mean(per_run, axis=0))


def _regret_rows(size: int, noisy: float, true: float, range_acc: float, n: int) -> list[Estimate]:
    after = f"after {size} evaluations of random search"
    points = Estimate(section=SECTION, label="", value=0.0, n=n, unit="points")
    return [
        replace(points, label=f"regret {after}, selected by one run", value=100 * noisy),
        replace(points, label=f"regret {after}, selected by true accuracy", value=100 * true),
        Estimate(
            section=SECTION,
            label=f"regret {after}, selected by one run, of the range",
            value=100 * noisy / range_acc,
            n=n,
            unit="%",
        ),
    ]


def _best_known(runs: Runs) -> list[Estimate]:
    """Regret is measured from the best mean over runs; here, how well that is known."""
    n = len(runs)
    best = int(np.argmax(runs.true_acc))
    value = float(runs.true_acc[best])
    rows = [
        Estimate(
            section=OPTIMUM,
            label="best mean accuracy over runs",
            value=100 * value,
            n=n,
            unit="%",
            note=f"{runs.final_name} accuracy, {runs.n_runs[best]} run{'s' if runs.n_runs[best] > 1 else ''}",
        )
    ]
    images = runs.info.details.get("n_test")
    if isinstance(images, int) and runs.final_is_test:
        rows.append(
            Estimate(
                section=OPTIMUM,
                label="binomial standard error of one test accuracy there",
                value=100 * math.sqrt(value * (1 - value) / images),
                n=1,
                unit="points",
                note=f"{images} images, the same for all networks",
            )
        )
    if runs.n_judged < 2:
        why = "needs two runs of a network; there is one"
        labels = ("standard error over runs of the best mean", "winner's curse of the best by 1 run")
        return [*rows, *(missing(OPTIMUM, label, why, unit="points") for label in labels)]
    top = runs.best(0.1)
    spread = float(np.sqrt(np.nanmean(np.nanvar(runs.final_acc[top, : runs.n_judged], axis=1, ddof=1))))
    error = spread / math.sqrt(int(runs.n_runs[best]))
    tied = int((value - runs.true_acc <= 2 * math.sqrt(2) * error).sum())
    rows += [
        Estimate(
            section=OPTIMUM,
            label="standard error over runs of the best mean",
            value=100 * error,
            n=len(top),
            unit="points",
            note="sd between runs in the best tenth, over the square root of the best one's runs",
        ),
        Estimate(
            section=OPTIMUM,
            label="networks within two standard errors of a difference of the best",
            value=tied,
            n=n,
        ),
    ]
    return [*rows, *_winners_curse(runs), _simulated_curse(runs, spread)]


def _winners_curse(runs: Runs) -> list[Estimate]:
    """The best by the mean of k runs, minus the mean of its other runs; mean over all choices of k runs."""
    complete = runs.final_acc[:, : runs.n_judged]
    complete = complete[np.isfinite(complete).all(axis=1)]
    rows = []
    for k in range(1, runs.n_judged):
        curses = []
        for chosen in itertools.combinations(range(runs.n_judged), k):
            seen = complete[:, list(chosen)].mean(axis=1)
            rest = np.delete(complete, list(chosen), axis=1).mean(axis=1)
            selected = int(_ranking(seen)[0])
            # runs differ in level a little (another order of the data for all): not the winner's doing
            curses.append(seen[selected] - rest[selected] - (seen.mean() - rest.mean()))
        rows.append(
            Estimate(
                section=OPTIMUM,
                label=f"winner's curse of the best by {k} run{'s' if k > 1 else ''}",
                value=100 * float(np.mean(curses)),
                n=len(complete),
                unit="points",
                note=f"{len(curses)} splits of the runs, {100 * min(curses):.2f} to {100 * max(curses):.2f}",
            )
        )
    return rows


def _simulated_curse(runs: Runs, sd_runs: float) -> Estimate:
    """What the best mean over all runs owes to normal luck. The true accuracies of the best quarter are taken
    to be their means, shrunk towards the quarter's mean by the share of their variance that is noise.
    """
    top = runs.best(0.25)
    means, error = runs.true_acc[top], sd_runs / np.sqrt(runs.n_runs[top])
    variance = float(means.var())
    kept = max(0.0, 1 - float((error**2).mean()) / variance) if variance > 0 else 0.0
    truth = means.mean() + kept * (means - means.mean())
    rng = np.random.default_rng(0)
    luck = error * rng.standard_normal((_SIMULATIONS, len(top)))
    chosen = np.argmax(truth + luck, axis=1)
    curses = luck[np.arange(_SIMULATIONS), chosen]
    low, high = np.quantile(curses, [0.025, 0.975])
    return Estimate(
        section=OPTIMUM,
        label="winner's curse of the best mean over all runs, simulated",
        value=100 * float(curses.mean()),
        low=100 * float(low),
        high=100 * float(high),
        n=len(top),
        unit="points",
        note="normal luck on the best quarter's shrunken means; in brackets 95 % of the simulations",
    )
