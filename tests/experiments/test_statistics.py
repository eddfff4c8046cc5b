"""Scores, aggregates, tests and ranks of studies, against hand calculation and the libraries."""

from __future__ import annotations

import importlib
import sys
import types

import numpy as np
import pytest
from scipy import stats

from nascurve.errors import ConfigError
from nascurve.experiments.curves import AnytimeCurves, bootstrap_mean_interval
from nascurve.experiments.statistics.aggregates import aggregate_table
from nascurve.experiments.statistics.bootstrap import intervals, mean_intervals
from nascurve.experiments.statistics.improvement import improvement_table
from nascurve.experiments.statistics.paired_tests import p_value_matrix, pair_tests, reference_tests
from nascurve.experiments.statistics.profiles import performance_profiles
from nascurve.experiments.statistics.ranks import friedman_p_value, rank_curves, rank_table
from nascurve.experiments.statistics.scores import Scores
from nascurve.experiments.statistics.speed_ups import speed_up_table
from nascurve.experiments.statistics.steps import RunSteps
from nascurve.experiments.statistics.study import PairedStudy
from nascurve.experiments.summary import holm, speed_up

from .fakes import runs
from .studies import finals, results, searches

RNG = np.random.default_rng(0)
RS, RE, RE_LV = ("rs", "none"), ("re", "none"), ("re", "lv")


def scores(study: dict[str, object], kind: str = "final", **options: object) -> Scores:
    return Scores.of(PairedStudy.of(study), kind, **options)  # type: ignore[arg-type]


def three(n: int = 30, *, seed: int = 1) -> dict[tuple[str, str], np.ndarray]:
    rng = np.random.default_rng(seed)
    base = rng.gamma(4, 0.01, n)
    return {RS: base, RE: base * rng.uniform(0.6, 1.2, n), RE_LV: base * rng.uniform(0.4, 1.1, n)}


# Step functions


SLOW = [[(10, 0.4), (50, 0.2), (100, 0.1)], [(20, 0.3), (80, 0.1)]]


def test_steps_at_times_are_those_of_the_anytime_curves() -> None:
    frame = searches(2, 12, rng=RNG).runs.query("lce == 'lv'")
    steps, curves = RunSteps.of(frame, "regret"), AnytimeCurves.of(frame, "regret")
    assert steps.at(curves.changes_s) == pytest.approx(curves.steps, nan_ok=True)
    assert steps.final == pytest.approx(curves.final)
    some = np.array([2, 5, 11])
    assert steps.only(some).at(curves.changes_s) == pytest.approx(curves.steps[some], nan_ok=True)


def test_means_over_linear_and_logarithmic_time() -> None:
    steps = RunSteps.of(runs({RS: SLOW}), "regret")
    assert steps.mean_between(20, 200) == pytest.approx(
        [(0.4 * 30 + 0.2 * 50 + 0.1 * 100) / 180, (0.3 * 60 + 0.1 * 120) / 180]
    )
    log = np.log
    assert steps.mean_between(20, 200, "log")[1] == pytest.approx((0.3 * log(4) + 0.1 * log(2.5)) / log(10))
    late = steps.mean_between(10, 200)
    assert late[0] > 0
    assert np.isnan(late[1])  # nothing found at 10 s


def test_first_times_and_changes_at_one_moment() -> None:
    steps = RunSteps.of(runs({RS: [*SLOW, [(5, 0.5), (5, 0.05)]]}), "regret")
    assert steps.first_times_s(0.2).tolist() == [50, 80, 5]
    assert steps.first_times_s(0.07).tolist() == [np.inf, np.inf, 5]
    assert steps.at(np.array([5.0]))[2, 0] == 0.05  # the last of them holds


# Which runs are compared


def test_only_seeds_that_all_methods_have_are_compared_and_the_notes_say_so() -> None:
    curves = {
        RS: {seed: [(1.0, 0.1 * seed)] for seed in range(9)},
        RE: {seed: [(1.0, 0.2 * seed)] for seed in (1, 3, 4, 7, 20)},
    }
    study = PairedStudy.of({"bench": results(curves)})
    assert study.n_seeds == 4
    assert [steps.seeds.tolist() for steps in study.tasks[0].steps] == [[1, 3, 4, 7]] * 2
    (note,) = study.notes
    assert "of 10 seeds all methods have 4" in note
    assert "rs 9, re 5" in note
    with pytest.raises(ConfigError, match=r"all methods have 4 .* expected at least 5. Finish the runs"):
        PairedStudy.of({"bench": results(curves)}, min_seeds=5)
    with pytest.raises(ConfigError, match="at least 6 seeds that all methods have, got 4"):
        reference_tests(Scores.of(study))


def test_a_method_without_any_run_or_an_unknown_one_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match=r"of 3 seeds all methods have 0 .*re 0"):
        PairedStudy.of({"bench": results({RS: {s: [(1.0, 0.1)] for s in range(3)}, RE: {}})})
    with pytest.raises(ConfigError, match=r"no method 're\+lw'.*Did you mean 're\+lv'"):
        PairedStudy.of({"bench": finals(three())}, methods=["rs", "re+lw"])
    with pytest.raises(ConfigError, match="at least one task"):
        PairedStudy.of({})


def test_tasks_keep_the_methods_and_as_many_seeds_as_all_have() -> None:
    small = three(12)
    study = PairedStudy.of({"a": finals(three(20)), "b": finals({RS: small[RS], RE_LV: small[RE_LV]})})
    assert study.methods == ("rs", "re+lv")
    assert study.n_seeds == 12
    assert [note[:30] for note in study.notes] == [
        "Not in every task, and left ou",
        "The first 12 common seeds of ea"[:30],
    ]


def test_the_default_reference_is_random_search_then_the_first_without_lce() -> None:
    assert PairedStudy.of({"b": finals(three())}).default_reference == "rs"
    values = {RE_LV: RNG.random(5), RE: RNG.random(5)}
    assert PairedStudy.of({"b": finals(values)}).default_reference == "re"


# Scores


def test_scores_of_one_task_are_points_and_of_several_are_relative_to_the_reference() -> None:
    a, b = three(15), {key: 10 * own for key, own in three(15, seed=2).items()}
    one = scores({"a": finals(a)})
    assert one.unit == "percentage points"
    assert one.comparable[1, :, 0] == pytest.approx(100 * a[RE])
    both = scores({"a": finals(a), "b": finals(b)})
    assert both.unit == "relative to rs"
    assert both.comparable[0].mean(axis=0) == pytest.approx([1, 1])
    assert both.comparable[2, :, 1] == pytest.approx(b[RE_LV] / b[RS].mean())


def test_without_a_known_best_scores_are_test_errors() -> None:
    found = scores({"a": finals(three(10), best=None), "b": finals(three(10, seed=3))})
    assert found.title == "final test error or regret"
    assert found.values[0, :, 0] == pytest.approx(three(10)[RS])


def test_a_task_whose_reference_has_no_regret_is_left_out_of_averages() -> None:
    easy = three(10) | {RS: np.zeros(10)}
    found = scores({"a": finals(three(10)), "easy": finals(easy)})
    assert found.task_names == ("a",)
    assert "easy: rs always finds the best" in found.notes[0]
    alone = scores({"easy": finals(easy)})  # one task needs no scale
    assert alone.comparable[1, :, 0] == pytest.approx(100 * easy[RE])
    with pytest.raises(ConfigError, match="No task can be compared"):
        scores({"easy": finals(easy), "easy too": finals(easy)})


def test_area_and_time_scores() -> None:
    curves = {
        RS: {0: [(4.0, 0.4), (60.0, 0.2)], 1: [(5.0, 0.3)]},
        RE: {0: [(20.0, 0.2)], 1: [(2.0, 0.5), (70.0, 0.1)]},
    }
    study = {"bench": results(curves)}
    area = scores(study, "area").values[:, :, 0]  # from 20 s, when the last run has begun
    assert area == pytest.approx(
        np.array([[(0.4 * 40 + 0.2 * 40) / 80, 0.3], [0.2, (0.5 * 50 + 0.1 * 30) / 80]])
    )
    time = scores(study, "time")  # until .25, the median of what rs ends with
    assert time.values[:, :, 0] == pytest.approx(np.array([[0.6, 1.0], [0.2, 0.7]]))
    assert time.unit == "share of the budget"


def test_a_run_that_begins_at_the_end_has_no_area() -> None:
    late = results({RS: {0: [(1.0, 0.1)], 1: [(1.0, 0.2)]}, RE: {0: [(100.0, 0.1)], 1: [(1.0, 0.1)]}})
    with pytest.raises(ConfigError, match="late: a run has no incumbent before the end"):
        scores({"late": late}, "area")


# Bootstrap and aggregates


@pytest.fixture(scope="module")
def rliable_library() -> types.ModuleType:
    """rliable's bootstrap. It needs `arch.bootstrap` alone, but `arch` itself cannot be imported beside
    pandas 3: a bare package in its place lets Python find the one part."""
    if "rliable.library" not in sys.modules:
        spec = importlib.util.find_spec("arch")
        assert spec is not None
        bare = types.ModuleType("arch")
        bare.__path__ = list(spec.submodule_search_locations or [])
        sys.modules["arch"] = bare
        try:
            importlib.import_module("rliable.library")
        finally:
            del sys.modules["arch"]
    return sys.modules["rliable.library"]


def test_intervals_agree_with_those_of_rliable(rliable_library: types.ModuleType) -> None:
    from rliable import metrics

    found = scores({"a": finals(three(25)), "b": finals(three(25, seed=4))})
    table = aggregate_table(found).set_index("method")
    state = np.random.get_state()  # noqa: NPY002 - rliable draws from the global generator
    try:
        np.random.seed(0)  # noqa: NPY002
        point, ends = rliable_library.get_interval_estimates(
            dict(zip(found.methods, found.comparable, strict=True)),
            lambda values: np.array([metrics.aggregate_iqm(values), metrics.aggregate_mean(values)]),
            reps=2000,
        )
    finally:
        np.random.set_state(state)  # noqa: NPY002
    for method in found.methods:
        row = table.loc[method]
        assert [row["iqm"], row["mean"]] == pytest.approx(point[method])
        width = ends[method][1] - ends[method][0]
        assert row[["iqm_ci_low", "mean_ci_low"]].to_numpy() == pytest.approx(
            ends[method][0], abs=0.1 * width[0]
        )
        assert row[["iqm_ci_high", "mean_ci_high"]].to_numpy() == pytest.approx(
            ends[method][1], abs=0.1 * width[0]
        )


def test_resamples_are_stratified_by_task() -> None:
    values = np.stack([np.full(10, 1.0), np.full(10, 5.0)], axis=1)  # tasks differ, seeds do not
    assert mean_intervals(values) == pytest.approx([3, 3])
    assert intervals(values, lambda drawn: np.median(drawn, axis=(1, 2))) == pytest.approx([3, 3])


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(200):
        low, high = mean_intervals(rng.normal(0, 1, (30, 2)) + np.array([0, 4]))
        inside += low <= 2 <= high
    assert 178 <= inside <= 199  # 95 % of 200, and three standard errors


def test_mean_intervals_take_many_quantities_at_once() -> None:
    values = RNG.random((20, 1, 3))
    together = mean_intervals(values)
    assert together.shape == (2, 3)
    for place in range(3):
        low, high = bootstrap_mean_interval(values[:, 0, place])
        assert together[:, place] == pytest.approx([low, high], abs=0.02)


# Tests


def test_reference_tests_are_wilcoxon_with_holm_over_all_rows() -> None:
    values = {"a": three(30), "b": three(30, seed=6)}
    table = reference_tests(scores({name: finals(own) for name, own in values.items()}))
    assert table[["task", "method"]].to_numpy().tolist() == [
        ["a", "re"],
        ["a", "re+lv"],
        ["b", "re"],
        ["b", "re+lv"],
    ]
    expected = [stats.wilcoxon(own[key] - own[RS]).pvalue for own in values.values() for key in (RE, RE_LV)]
    assert table["p_value"].to_numpy() == pytest.approx(expected)
    assert table["p_value_holm"].tolist() == pytest.approx(holm(expected))
    row = table.iloc[1]
    difference = 100 * (values["a"][RE_LV] - values["a"][RS])
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["difference_ci_low"] < difference.mean() < row["difference_ci_high"]
    assert row["better"] == pytest.approx((difference < 0).mean())


def test_pair_tests_take_all_tasks_together() -> None:
    a, b = three(20), three(20, seed=7)
    found = scores({"a": finals(a), "b": finals(b)})
    table = pair_tests(found)
    assert table[["method", "reference"]].to_numpy().tolist() == [
        ["rs", "re"],
        ["rs", "re+lv"],
        ["re", "re+lv"],
    ]
    stacked = np.concatenate([(own[RE] - own[RE_LV]) / own[RS].mean() for own in (a, b)])
    assert table["p_value"][2] == pytest.approx(stats.wilcoxon(stacked).pvalue)
    assert table["pairs"].tolist() == [40] * 3
    matrix = p_value_matrix(found)
    assert matrix.loc["re", "re+lv"] == matrix.loc["re+lv", "re"] == table["p_value_holm"][2]
    assert np.diag(matrix).tolist() == [1, 1, 1]


def test_one_method_alone_cannot_be_tested() -> None:
    with pytest.raises(ConfigError, match="at least two, got 'rs' alone"):
        pair_tests(scores({"a": finals({RS: RNG.random(9)})}))


# Ranks


def test_ranks_and_friedman_are_those_of_scipy() -> None:
    values = three(25)
    found = scores({"a": finals(values)})
    table = rank_table(found)
    ranks = stats.rankdata(np.stack(list(values.values())), axis=0)
    assert table["rank"].to_numpy() == pytest.approx(ranks.mean(axis=1))
    assert table["first"].sum() == pytest.approx(1)  # no ties
    assert friedman_p_value(found) == pytest.approx(stats.friedmanchisquare(*values.values()).pvalue)


def test_ties_share_their_rank_and_alike_methods_are_not_told_apart() -> None:
    same = RNG.random(8)
    found = scores({"a": finals({RS: same, RE: same + 1e-15, RE_LV: same})})
    assert rank_table(found)["rank"].tolist() == [2, 2, 2]
    assert rank_table(found)["first"].tolist() == [1, 1, 1]
    assert friedman_p_value(found) == 1


def test_ranks_over_time_put_those_without_an_incumbent_last() -> None:
    curves = {
        RS: {seed: [(1.0, 0.5)] for seed in range(3)},
        RE: {seed: [(10.0, 0.4)] for seed in range(3)},
        RE_LV: {seed: [(30.0, 0.1 if seed else 0.6)] for seed in range(3)},
    }
    found = rank_curves(PairedStudy.of({"a": results(curves)}))
    at = {share: int(np.searchsorted(found.shares, share)) for share in (0.05, 0.2, 1.0)}
    assert found.ranks[:, at[0.05]].tolist() == [1, 2.5, 2.5]
    assert found.ranks[:, at[0.2]].tolist() == [2, 1, 3]
    assert found.ranks[:, -1] == pytest.approx([(2 + 3 + 3) / 3, (1 + 2 + 2) / 3, (3 + 1 + 1) / 3])
    assert (found.lows <= found.ranks).all()
    assert (found.ranks <= found.highs).all()


# Profiles and probability of improvement


def test_profiles_agree_with_those_of_rliable(rliable_library: types.ModuleType) -> None:
    found = scores({"a": finals(three(20)), "b": finals(three(20, seed=8))})
    profiles = performance_profiles(found)
    for own, shares in zip(found.comparable, profiles.shares, strict=True):
        above = rliable_library.score_distributions(own, profiles.thresholds)
        assert shares == pytest.approx(1 - above)
    assert profiles.shares[:, -1].tolist() == [1, 1, 1]
    assert (profiles.lows <= profiles.shares).all()


def test_probability_of_improvement_and_its_paired_interval() -> None:
    from rliable import metrics

    found = scores({"a": finals(three(20)), "b": finals(three(20, seed=9))})
    table = improvement_table(found)
    assert len(table) == 3
    values = found.values
    expected = metrics.probability_of_improvement(-values[0], -values[2])
    assert table["probability"][1] == pytest.approx(expected)
    assert table["ci_low"][1] < expected < table["ci_high"][1]
    by_hand = (values[0][:, np.newaxis] < values[2][np.newaxis]).mean(axis=(0, 1)).mean()
    assert expected == pytest.approx(by_hand)
    against = improvement_table(found, all_pairs=False)
    assert against[["method", "over"]].to_numpy().tolist() == [["re", "rs"], ["re+lv", "rs"]]
    assert against["probability"][1] == pytest.approx(1 - expected)


def test_a_method_that_always_wins_and_one_that_always_ties() -> None:
    same = np.round(RNG.random(9), 1)
    table = improvement_table(scores({"a": finals({RS: same, RE: same, RE_LV: same - 2})}))
    row = table.set_index(["method", "over"])
    assert row.loc[("rs", "re"), "probability"] == pytest.approx(0.5)
    assert row.loc[("rs", "re")].to_list()[1:] == pytest.approx([0.5, 0.5])  # seeds stay together
    assert row.loc[("rs", "re+lv")].to_list() == [0, 0, 0]


# Speed-ups


def test_speed_ups_at_the_whole_budget_are_those_of_the_summary() -> None:
    found = searches(4, 15, rng=np.random.default_rng(3))
    paired = PairedStudy.of({"a": found})
    table = speed_up_table({"a": found}, paired)
    assert table["baseline"].unique().tolist() == ["rs", "opt1"]
    whole = table[(table["method"] == "opt1+lv") & (table["target_share"] == 1)].iloc[0]
    curves = [
        AnytimeCurves.of(found.runs.query(f"optimizer == 'opt1' and lce == '{lce}'"), "regret")
        for lce in ("none", "lv")
    ]
    expected = speed_up(*curves, budget_s=100)
    assert whole[["speedup", "ci_low", "ci_high", "at_most"]].to_list() == pytest.approx(
        list(expected), nan_ok=True
    )
    assert whole["target"] == pytest.approx(100 * curves[0].final.mean())


def test_speed_ups_over_any_baseline_at_earlier_targets() -> None:
    curves = {
        RS: {seed: [(10.0, 0.4), (40.0, 0.3), (80.0, 0.2)] for seed in range(3)},
        RE: {seed: [(5.0, 0.4), (10.0, 0.3)] for seed in range(3)},
    }
    study = {"a": results(curves)}
    table = speed_up_table(study, PairedStudy.of(study), baseline="rs", target_shares=(0.05, 0.25, 0.5, 1))
    assert table["target_share"].tolist() == [0.25, 0.5, 1]  # at 5 s rs has nothing yet
    assert table["target"].tolist() == pytest.approx([40, 30, 20])
    assert table["speedup"].tolist() == pytest.approx([2, 4, np.nan], nan_ok=True)
    assert table["at_most"].tolist() == pytest.approx([np.nan, np.nan, 0.8], nan_ok=True)
