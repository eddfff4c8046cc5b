"""How many times sooner methods reach what a baseline reaches, at several targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nascurve.experiments.curves import AnytimeCurves
from nascurve.experiments.methods import NO_LCE, method_name
from nascurve.experiments.statistics.study import PairedStudy, Task, rows_by_method
from nascurve.experiments.summary import speed_up

if TYPE_CHECKING:
    import pandas as pd

    from nascurve.experiments.results import Results

TARGET_SHARES = (0.25, 0.5, 1.0)
_COLUMNS = ("task", "method", "baseline", "target_share", "target", "speedup", "ci_low", "ci_high", "at_most")


def speed_up_table(
    study: Mapping[str, Results],
    paired: PairedStudy,
    *,
    baseline: str | None = None,
    target_shares: Sequence[float] = TARGET_SHARES,
) -> pd.DataFrame:
    """One row a task, method and target. A target is the mean regret (or test error) that the baseline has
    after that share of the budget; the rest as `summary.speed_up`, whose numbers stand at the share 1.

    study: the results that `paired` was made of.
    baseline: a method; default: each method's own optimizer without LCE, and no row for others.
    Columns: `task`, `method`, `baseline`, `target_share`, `target` (percentage points), `speedup` (NaN where
    the method does not get there within the budget), `ci_low`, `ci_high` (95 %, paired bootstrap over seeds;
    a resample that does not get there counts as 0), `at_most` (bound where there is no speed-up). A target is
    left out where the baseline has not found anything yet in some seed. Raises ConfigError.
    """
    import pandas as pd

    if baseline is not None:
        paired.place(baseline)
    rows = []
    for task in paired.tasks:
        frames = _frames(study[task.name], task, paired)
        curves = {name: AnytimeCurves.of(frame, task.metric) for name, frame in frames.items()}
        for name, other in _baselines(paired, baseline).items():
            for share in target_shares:
                early = frames[other][frames[other]["time_s"] <= share * task.budget_s]
                until = AnytimeCurves.of(early, task.metric)
                if len(until.seeds) < paired.n_seeds:
                    continue
                faster = speed_up(until, curves[name], budget_s=task.budget_s)
                target = 100 * float(until.final.mean())
                rows.append((task.name, name, other, share, target, *faster))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _frames(results: Results, task: Task, paired: PairedStudy) -> dict[str, pd.DataFrame]:
    """The rows of each method's runs of the task's seeds."""
    kept = results.runs[results.runs["seed"].isin(task.steps[0].seeds)]
    groups = rows_by_method(kept)
    return {method_name(key): groups[key] for key in paired.keys}


def _baselines(paired: PairedStudy, baseline: str | None) -> dict[str, str]:
    """Each method's baseline."""
    if baseline is not None:
        return {name: baseline for name in paired.methods if name != baseline}
    own = {key: method_name((key[0], NO_LCE)) for key in paired.keys if key[1] != NO_LCE}
    return {method_name(key): plain for key, plain in own.items() if plain in paired.methods}
