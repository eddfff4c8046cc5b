"""All tables and figures of a study at once: what `nascurve report` and `nascurve results` show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nascurve.experiments.statistics.aggregates import aggregate_table
from nascurve.experiments.statistics.difference_figure import draw_critical_differences
from nascurve.experiments.statistics.improvement import improvement_table
from nascurve.experiments.statistics.improvement_figure import draw_improvement
from nascurve.experiments.statistics.interval_figure import draw_intervals
from nascurve.experiments.statistics.paired_tests import MIN_TEST_SEEDS, pair_tests, reference_tests
from nascurve.experiments.statistics.profile_figure import draw_profiles
from nascurve.experiments.statistics.profiles import performance_profiles
from nascurve.experiments.statistics.rank_figure import draw_ranks
from nascurve.experiments.statistics.ranks import friedman_p_value, rank_curves, rank_table
from nascurve.experiments.statistics.scores import Scores, can_average_over_time
from nascurve.experiments.statistics.speed_ups import speed_up_table
from nascurve.experiments.statistics.study import PairedStudy
from nascurve.experiments.table import p_value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nascurve.experiments.results import Results

_INTERVALS = "95 % intervals: bootstrap over seeds, stratified by task."
_TESTS = "p: two-sided Wilcoxon signed-rank test, paired by seed; Holm-corrected over all rows."
_SIGN = "difference: method minus reference; negative: the method is better."
_TARGETS = (
    "Target: the baseline's mean after that share of the budget. speedup: the baseline's time / the method's "
    "time to get there; empty where it is not reached, at_most bounds it; 0 at an end of the interval: not "
    "reached in 2.5 % of the resamples."
)


def statistic_tables(
    study: Mapping[str, Results], *, reference: str | None = None
) -> dict[str, pd.DataFrame]:
    """The tables by name, each with `attrs["title"]` and `attrs["note"]` (what its numbers are, and what was
    left out); docs/statistics.md lists them.

    study: of `read_study`.  reference: the method that others are compared with; default: random search.
    With one method there are no comparisons and with fewer than six seeds no tests: their tables are not
    there. Raises ConfigError where nothing can be compared: too few seeds that all methods have.
    """
    paired = PairedStudy.of(study)
    final = Scores.of(paired, "final", reference=reference)
    found = {"final": _described(aggregate_table(final), f"{final.title} ({final.unit})", _INTERVALS, final)}
    area = Scores.of(paired, "area", reference=reference) if can_average_over_time(paired) else None
    if area is not None:
        note = f"From a tenth of the budget, or when all runs have begun, to its end. {_INTERVALS}"
        found["area"] = _described(aggregate_table(area), f"{area.title} ({area.unit})", note, area)
    if len(paired.methods) > 1:
        found |= _comparisons(final, area)
        found |= _speed_ups(study, paired, final.reference)
    return found


def _comparisons(final: Scores, area: Scores | None) -> dict[str, pd.DataFrame]:
    title = final.title
    note = "1 is best. first, last: shares of the runs that come first or last, ties included."
    if len(final.methods) > 2:
        note += f" Friedman's test that all methods are alike: p {p_value(friedman_p_value(final))}."
    found = {"rank": _described(rank_table(final), f"average rank, {title}", f"{note} {_INTERVALS}", final)}
    if final.study.n_seeds >= MIN_TEST_SEEDS:
        points = f"{_SIGN} Percentage points. {_TESTS}"
        against = f"difference from {final.reference}"
        found["tests_reference"] = _described(reference_tests(final), f"{title}: {against}", points, final)
        if area is not None:
            table = reference_tests(area)
            found["tests_area"] = _described(table, f"{area.title}: {against}", points, area)
        unit = f"{_SIGN} Unit: {final.unit}. {_TESTS}"
        found["tests_pairs"] = _described(pair_tests(final), f"{title}: all pairs, all tasks", unit, final)
    else:
        found["rank"].attrs["note"] += (
            f" No tests with fewer than {MIN_TEST_SEEDS} seeds: p cannot be below .05."
        )
    note = f"probability: a run of the method is better than one of the other; ties count half. {_INTERVALS}"
    table = improvement_table(final)
    found["improvement"] = _described(table, f"probability of improvement, {title}", note, final)
    return found


def _speed_ups(study: Mapping[str, Results], paired: PairedStudy, reference: str) -> dict[str, pd.DataFrame]:
    by_lce = speed_up_table(study, paired)
    others = speed_up_table(study, paired, baseline=reference)
    found = {}
    if len(by_lce):
        found["speed_up_lce"] = _described(by_lce, "speed-up by LCE, same optimizer", _TARGETS, paired)
    if len(others):
        found["speed_up_reference"] = _described(others, f"speed-up over {reference}", _TARGETS, paired)
    return found


def _described(table: pd.DataFrame, title: str, note: str, about: Scores | PairedStudy) -> pd.DataFrame:
    table.attrs = {"title": title, "note": " ".join([note, *about.notes])}
    return table


def statistic_figures(study: Mapping[str, Results], *, reference: str | None = None) -> dict[str, Figure]:
    """The figures by name: `intervals`, `profiles`, with several methods `rank_over_time`, `improvement` and,
    with at least six seeds, `critical_differences`. Arguments and errors as of `statistic_tables`."""
    paired = PairedStudy.of(study)
    final = Scores.of(paired, "final", reference=reference)
    figures = {"intervals": draw_intervals(aggregate_table(final), final)}
    if len(paired.methods) > 1:
        figures["rank_over_time"] = draw_ranks(rank_curves(paired), paired)
        if paired.n_seeds >= MIN_TEST_SEEDS:
            figures["critical_differences"] = draw_critical_differences(final)
        figures["improvement"] = draw_improvement(improvement_table(final), final)
    figures["profiles"] = draw_profiles(performance_profiles(final), final)
    return figures
