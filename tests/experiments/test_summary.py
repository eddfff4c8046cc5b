"""Curves, speed-ups and tests, on runs whose answer is known."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nascurve.experiments.curves as curves_module
from nascurve.experiments.curves import (
    N_RESAMPLES,
    AnytimeCurves,
    bootstrap_mean_interval,
    weight_pieces,
)
from nascurve.experiments.summary import gain_over_time, holm, paired_p_value, speed_up, summarise
from nascurve.experiments.table import format_summary

from .fakes import runs

SLOW = [[(10, 0.4), (50, 0.2), (100, 0.1)], [(20, 0.3), (80, 0.1)]]
FAST = [[(10, 0.3), (30, 0.1), (90, 0.05)], [(5, 0.4), (40, 0.1)]]


def curves(seeds: list[list[tuple[float, float]]]) -> AnytimeCurves:
    return AnytimeCurves.of(runs({("a", "none"): seeds}), "regret")


def test_curves_are_step_functions_that_start_when_all_seeds_have_an_incumbent() -> None:
    curve = curves(SLOW)
    assert curve.times_s.tolist() == [20, 50, 80, 100]
    assert curve.values == pytest.approx(np.array([[0.4, 0.2, 0.2, 0.1], [0.3, 0.3, 0.1, 0.1]]))
    assert curve.centre("mean") == pytest.approx([0.35, 0.25, 0.15, 0.1])


def test_speed_up_is_the_ratio_of_times_to_the_final_mean_without_lce() -> None:
    # without: the mean is .1 at 100 s.  with: both are at .1 at 40 s.
    result = speed_up(curves(SLOW), curves(FAST), budget_s=200)
    assert result.value == pytest.approx(100 / 40)
    assert result.ci_low <= result.value <= result.ci_high
    assert math.isnan(result.at_most)


def test_without_reaching_it_there_is_a_bound_and_no_speed_up() -> None:
    result = speed_up(curves(FAST), curves(SLOW), budget_s=120)
    assert math.isnan(result.value)
    assert result.at_most == pytest.approx(90 / 120)
    assert result.ci_low == 0


def test_speed_up_of_a_curve_with_itself_is_one() -> None:
    rng = np.random.default_rng(0)
    seeds = [
        [(float(t), float(r)) for t, r in zip(rng.uniform(1, 99, 9).cumsum(), rng.random(9), strict=True)]
        for _ in range(7)
    ]
    result = speed_up(curves(seeds), curves(seeds), budget_s=1000)
    assert result[:3] == pytest.approx((1, 1, 1))


def test_only_seeds_that_both_have_are_compared() -> None:
    without = runs({("a", "none"): [*SLOW, [(1, 0.0)]]})
    with_lce = runs({("a", "x"): FAST})
    full, fast = AnytimeCurves.of(without, "regret"), AnytimeCurves.of(with_lce, "regret")
    assert speed_up(full, fast, budget_s=200).value == pytest.approx(100 / 40)


def test_a_late_seed_that_only_one_has_does_not_cut_the_curves_of_the_others() -> None:
    late = AnytimeCurves.of(runs({("a", "none"): [*SLOW, [(150, 0.9)]]}), "regret")
    assert late.times_s.tolist() == [150]
    assert late.only(np.array([0, 1])).times_s[0] == 20
    assert speed_up(late, curves(FAST), budget_s=200) == speed_up(curves(SLOW), curves(FAST), budget_s=200)


def test_without_a_time_that_all_seeds_share_there_is_no_number_and_no_warning() -> None:
    nowhere = [[(10.0, 0.3), (50.0, math.nan)], [(50.0, 0.2), (55.0, math.nan)]]
    assert not curves(nowhere).values.size
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(map(math.isnan, speed_up(curves(nowhere), curves(FAST), budget_s=200)))
        assert all(map(math.isnan, speed_up(curves(SLOW), curves(nowhere), budget_s=200)))
        assert math.isnan(paired_p_value(curves(SLOW), curves(nowhere)))


def test_wilcoxon_is_paired_by_seed() -> None:
    rng = np.random.default_rng(1)
    base = rng.random(20)
    other = base - rng.uniform(0.01, 0.03, 20)  # much smaller than the spread over seeds
    a, b = (curves([[(1.0, float(value))] for value in values]) for values in (base, other))
    assert paired_p_value(a, b) == pytest.approx(stats.wilcoxon(base, other).pvalue)
    assert paired_p_value(a, b) < 1e-4 < stats.mannwhitneyu(base, other).pvalue


def test_differences_that_are_equal_but_for_their_last_bits_are_ties() -> None:
    base = np.array([0.1, 0.2, 0.3, 0.7, 0.15, 0.4])
    other = base + np.array([0.1, 0.1, 0.1, -0.1, -0.2, 0.3])
    assert len(np.unique(np.abs(other - base))) > 3  # not all differences of 0.1 are the same float
    a, b = (curves([[(1.0, float(value))] for value in values]) for values in (base, other))
    assert paired_p_value(a, b) == stats.wilcoxon([1, 1, 1, -1, -2, 3]).pvalue


def test_no_difference_at_all_has_p_one_and_one_seed_none() -> None:
    assert paired_p_value(curves(SLOW), curves(SLOW)) == 1
    assert math.isnan(paired_p_value(curves(SLOW[:1]), curves(FAST[:1])))


def test_holm() -> None:
    # Holm (1979) by hand: 4 × .01, then max(.04, 3 × .013), max(., 2 × .3), 1 × .5 raised to the former
    p = [0.3, 0.01, math.nan, 0.5, 0.013]
    assert holm(p) == pytest.approx([0.6, 0.04, math.nan, 0.6, 0.04], nan_ok=True)


def test_bootstrap_interval_is_that_of_the_mean() -> None:
    values = np.random.default_rng(3).normal(5, 2, size=400)
    low, high = bootstrap_mean_interval(values)
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert all(map(math.isnan, bootstrap_mean_interval(values[:1])))


def test_summary_has_the_promised_columns_and_one_row_a_method() -> None:
    table = summarise(runs({("a", "none"): SLOW, ("a", "x"): FAST}), budget_s=200)
    assert list(table.columns[:8]) == [
        *("optimizer", "lce", "n_seeds", "final_regret_mean", "final_regret_ci_low", "final_regret_ci_high"),
        *("speedup_vs_no_lce", "p_value"),
    ]
    assert table["final_regret_mean"].tolist() == pytest.approx([0.1, 0.075])
    assert math.isnan(table["speedup_vs_no_lce"][0])
    assert table["speedup_vs_no_lce"][1] == pytest.approx(2.5)


def test_the_gain_is_the_area_between_the_curves() -> None:
    # from 20 s, when both seeds have an incumbent both ways, to 200 s; seed 0: .4 .2 .1 against .3 .1 .05
    gain = gain_over_time(curves(SLOW), curves(FAST), budget_s=200)
    slow, fast = 0.4 * 30 + 0.2 * 50 + 0.1 * 100, 0.3 * 10 + 0.1 * 60 + 0.05 * 110
    assert gain[0] == pytest.approx((slow - fast) / 180)
    assert gain[1] == pytest.approx((0.3 * 60 + 0.1 * 120 - 0.4 * 20 - 0.1 * 160) / 180)
    table = summarise(runs({("a", "none"): SLOW, ("a", "x"): FAST}), budget_s=200)
    assert table["gain_mean"][1] == pytest.approx(gain.mean())
    assert table["gain_ci_low"][1] <= gain.mean() <= table["gain_ci_high"][1]
    assert table["gain_p_value"][1] == table["gain_p_value_holm"][1] == pytest.approx(0.5)
    assert table.loc[0, ["gain_mean", "gain_p_value", "gain_p_value_holm"]].isna().all()
    assert not len(gain_over_time(curves(SLOW), curves(FAST).only(np.array([], dtype=int)), budget_s=200))


def test_an_incumbent_at_the_very_end_has_no_gain_over_time() -> None:
    late = [[(200, 0.1)], [(150, 0.1)]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not len(gain_over_time(curves(SLOW), curves(late), budget_s=200))


def test_methods_and_seeds_without_an_incumbent_are_counted() -> None:
    table = summarise(
        runs({("a", "none"): SLOW}),
        budget_s=200,
        methods=[("a", "none"), ("a", "x")],
        n_runs={("a", "none"): 3, ("a", "x"): 4},
    )
    assert table["n_seeds"].tolist() == [3, 4]
    assert table["n_without_incumbent"].tolist() == [1, 4]
    assert math.isnan(table["final_regret_mean"][1])
    assert "a, x: 4 of 4 runs" in format_summary(table)


def test_where_the_best_is_unknown_it_is_about_test_error() -> None:
    frame = runs({("a", "none"): SLOW, ("a", "x"): FAST}, best=None)
    table = summarise(frame, budget_s=200)
    assert table["metric"].tolist() == ["test_error"] * 2
    assert table["final_regret_mean"].isna().all()
    assert table["speedup_vs_no_lce"][1] == pytest.approx(2.5)
    text = format_summary(table)
    assert "final test error (pp)" in text
    assert "7.50 [" in text


def test_the_table_says_what_stands_in_it() -> None:
    text = format_summary(summarise(runs({("a", "none"): FAST, ("a", "x"): SLOW}), budget_s=120))
    assert "< 0.75 [0.00" in text
    assert "7.50 [5.00, 10.00]" in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_only_runs_that_are_done_count() -> None:
    totals = pd.DataFrame(
        {
            "optimizer": "a",
            "lce": ["none", "none", "none", "x", "x"],
            "seed": [0, 1, 2, 0, 1],
            "status": ["done", "done", "done", "done", "failed"],
            "total_evaluations": [10, 20, 60, 8, 0],
            "total_epochs": [100, 200, 300, 80, 0],
        }
    )
    frame = runs({("a", "none"): SLOW, ("a", "x"): FAST[:1]})
    methods = [("a", "none"), ("a", "x"), ("b", "none")]
    table = summarise(frame, budget_s=200, methods=methods, totals=totals)
    assert table["n_seeds"].tolist() == [3, 1, 0]
    assert table["n_without_incumbent"].tolist() == [1, 0, 0]
    assert table["evaluations_mean"].tolist() == pytest.approx([30, 8, math.nan], nan_ok=True)
    assert table["epochs_mean"].tolist() == pytest.approx([200, 80, math.nan], nan_ok=True)
    assert "unequal numbers of seeds (0 to 3)" in format_summary(table)
    assert "evaluations_mean" not in summarise(frame, budget_s=200, totals=totals.iloc[:0])


def test_the_resampling_is_that_of_drawing_seeds_one_by_one() -> None:
    for n in (1, 2, 7, 300):
        picks = np.random.default_rng(0).integers(n, size=(N_RESAMPLES, n))
        weights = np.zeros((N_RESAMPLES, n))
        np.add.at(weights, (np.arange(N_RESAMPLES)[:, np.newaxis], picks), 1 / n)
        (whole,) = weight_pieces(n)
        assert np.array_equal(whole, weights)


def test_the_speed_up_is_found_without_the_mean_at_every_moment() -> None:
    rng = np.random.default_rng(5)

    def uneven(scale: float) -> AnytimeCurves:  # regret may rise: incumbents are chosen by what a search sees
        times, values = rng.uniform(1, 99, (9, 40)), scale * rng.random((9, 40)) / np.arange(1, 41) ** 0.3
        return curves(
            [
                list(zip(np.sort(t).tolist(), v.tolist(), strict=True))
                for t, v in zip(times, values, strict=True)
            ]
        )

    for scale in (0.5, 0.9, 1.0):
        base, other = uneven(1.0), uneven(scale)
        (weights,) = weight_pieces(9)
        target = (weights @ base.values)[:, -1:] + 1e-12
        base_s, other_s = (
            np.where(reached.any(axis=1), curve.times_s[reached.argmax(axis=1)], np.inf)
            for curve in (base, other)
            for reached in [weights @ curve.values <= target]
        )
        low, high = np.quantile(base_s / other_s, (0.025, 0.975))
        result = speed_up(base, other, budget_s=100)
        assert (result.ci_low, result.ci_high) == (low, high)


def many(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    changes = []
    for _ in range(n):
        times = np.sort(rng.uniform(1, 99, 12))
        regrets = np.minimum.accumulate(rng.random(12) / np.sqrt(times))
        changes.append(list(zip(times.tolist(), regrets.tolist(), strict=True)))
    return runs({("a", "none"): changes})


def test_with_very_many_seeds_the_moments_are_thinned_but_beginning_and_end_are_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = many(200, 1), many(200, 2)
    exact = [AnytimeCurves.of(frame, "regret") for frame in frames]
    exact_ci = exact[0].band("mean"), bootstrap_mean_interval(exact[0].final)
    gain = gain_over_time(*exact, budget_s=100)
    monkeypatch.setattr(curves_module, "_MOST_CELLS", 200 * 300)
    thinned = [AnytimeCurves.of(frame, "regret") for frame in frames]
    for few, all_ in zip(thinned, exact, strict=True):
        assert few.steps.size <= 200 * 301 < all_.steps.size / 7
        assert few.times_s[0] == all_.times_s[0]
        assert np.array_equal(few.final, all_.final)
        at = np.searchsorted(all_.times_s, few.times_s)
        assert np.array_equal(few.values, all_.values[:, at])
    assert gain_over_time(*thinned, budget_s=100) == pytest.approx(gain, abs=0.002)
    assert speed_up(*thinned, budget_s=100).ci_low == pytest.approx(
        speed_up(*exact, budget_s=100).ci_low, rel=0.02
    )
    # In pieces, the resampling is the same.
    assert bootstrap_mean_interval(thinned[0].final) == pytest.approx(exact_ci[1], rel=1e-12)
    at = np.searchsorted(exact[0].times_s, thinned[0].times_s)
    for edge, exact_edge in zip(thinned[0].band("mean"), exact_ci[0], strict=True):
        assert edge == pytest.approx(exact_edge[at], rel=1e-12)


def test_the_band_of_a_median_over_many_seeds_is_close_to_the_resampled_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    curve = AnytimeCurves.of(many(301, 3).groupby("seed").head(2), "regret")
    resampled = curve.band("median")
    monkeypatch.setattr(curves_module, "_MOST_PICKS", 300)
    for edge, exact in zip(curve.band("median"), resampled, strict=True):
        assert np.abs(edge - exact).max() < 0.1 * (resampled[1] - resampled[0]).mean()
