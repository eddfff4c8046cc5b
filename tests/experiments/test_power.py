"""Power and needed seeds: against theory, and from pilots whose answer is known; the command."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import nascurve
from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.cli import main as cli
from nascurve.experiments.power_command import main
from nascurve.experiments.statistics.power import (
    Design,
    Goal,
    detectable_difference,
    formula_power,
    seeds_by_formula,
    seeds_by_simulation,
    simulated_power,
    spread,
)
from nascurve.experiments.statistics.variation import Variation
from nascurve.experiments.usage import UsageError

NORMAL = Variation.of_normal(0.5, 0.3)
DESIGNS: tuple[Design, ...] = ("paired", "unpaired")


def pilot(n: int, *, shared: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two methods whose scores share a part of their variance."""
    rng = np.random.default_rng(seed)
    common = shared * rng.gamma(2, 1, n)
    return common + rng.gamma(2, 0.3, n), common + rng.gamma(2, 0.3, n)


def test_the_formula_is_that_of_the_noncentral_t() -> None:
    # of two groups of 64 and half a standard deviation: Cohen (1988), table 2.4.1: 64 for power .8
    half = Variation.of_normal(1.0)
    assert seeds_by_formula(half.sd, "unpaired", Goal(difference_pp=0.5)) == 64
    # of pairs: 34 for d = .5 and power .8 (G*Power's manual)
    of_pairs = Variation.of_normal(1.0, 0.5)  # sd of differences 1
    assert of_pairs.sd_difference == pytest.approx(1)
    assert seeds_by_formula(of_pairs.sd_difference, "paired", Goal(difference_pp=0.5)) == 34
    critical = stats.t.ppf(0.975, 19)
    expected = stats.nct.sf(critical, 19, 0.4 * math.sqrt(20))
    assert formula_power(1.0, "paired", 20, Goal(difference_pp=0.4)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("design", DESIGNS)
def test_rank_tests_of_normal_scores_need_about_a_twentieth_more(design: Design) -> None:
    goal = Goal(difference_pp=0.2)
    formula = seeds_by_formula(spread(NORMAL, design)[0], design, goal)
    simulated = seeds_by_simulation(NORMAL, design, goal)
    assert formula is not None
    assert simulated is not None
    assert 0.97 * formula <= simulated <= 1.16 * formula  # asymptotically π/3


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("ties", [False, True])
def test_without_a_difference_a_pilot_gives_the_level(design: Design, ties: bool) -> None:
    a, b = pilot(60, shared=1.0)
    if ties:
        a, b = np.round(a), np.round(b)
        assert (a == b).mean() > 0.3
    variation = Variation.of_pilot(a, b)
    power = simulated_power(variation, design, 80, Goal(difference_pp=1e-9, alpha=0.05))
    assert power == pytest.approx(0.05, abs=0.016)  # three standard errors


def test_draws_have_the_mean_and_spread_that_they_should() -> None:
    a, b = (np.round(scores, 1) for scores in pilot(400, shared=2.0))
    a, b = np.maximum(a, 2.0), np.maximum(b, 2.0)  # many runs with the best score
    variation = Variation.of_pilot(a, b)
    rng = np.random.default_rng(1)
    differences = variation.draw_differences(rng, (500, 400), 0.3)
    assert differences.mean() == pytest.approx(0.3, abs=0.01)
    assert (differences == 0).mean() == pytest.approx((a == b).mean(), abs=0.01)  # ties stay
    assert variation.draw_differences(rng, (500, 400), 0.0).std() == pytest.approx(
        variation.sd_difference, rel=0.03
    )
    values = [variation.draw_scores(rng, (500, 400), mean) for mean in (0.3, 0.0)]
    best = (np.concatenate([a, b]) == 2).mean()
    assert best > 0.1
    assert [(drawn == 0).mean() for drawn in values] == pytest.approx([best, best], abs=0.01)
    assert values[0].mean() - values[1].mean() == pytest.approx(0.3, abs=0.02)
    assert values[1].std() == pytest.approx(variation.sd, rel=0.03)


def test_the_interval_of_the_spread_is_that_of_a_normal_sd() -> None:
    a, b = np.random.default_rng(3).normal(0, 2, (2, 300))
    variation = Variation.of_pilot(a, b)
    sd, low, high = spread(variation, "paired")
    half = 1.96 / math.sqrt(2 * 300)  # relative standard error of an sd
    assert [low / sd, high / sd] == pytest.approx([1 - half, 1 + half], abs=0.03)
    sd, low, high = spread(variation, "unpaired")
    assert [low / sd, high / sd] == pytest.approx([1 - half / 2**0.5, 1 + half / 2**0.5], abs=0.03)
    assert spread(NORMAL, "unpaired") == (0.5, 0.5, 0.5)


def test_shared_variance_saves_seeds_by_pairing() -> None:
    goal = Goal(difference_pp=0.4)
    needed = {}
    for shared in (0.0, 2.0):
        variation = Variation.of_pilot(*pilot(200, shared=shared))
        needed[shared] = [seeds_by_simulation(variation, design, goal) for design in DESIGNS]
    paired, unpaired = needed[2.0]
    assert paired is not None
    assert unpaired is None or unpaired > 5 * paired
    alone, apart = needed[0.0]
    assert alone is not None
    assert apart is not None
    assert alone == pytest.approx(apart, rel=0.3)


def test_a_simulated_power_is_what_repeated_experiments_give() -> None:
    rng = np.random.default_rng(2)
    found = [stats.wilcoxon(rng.normal(0.2, NORMAL.sd_difference, 60)).pvalue < 0.05 for _ in range(1500)]
    goal = Goal(difference_pp=0.2)
    assert simulated_power(NORMAL, "paired", 60, goal) == pytest.approx(np.mean(found), abs=0.045)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_detectable_difference_is_found_with_the_power(design: Design) -> None:
    goal = Goal(difference_pp=1, power=0.9, alpha=0.01)
    sd = spread(NORMAL, design)[0]
    least = detectable_difference(sd, design, 40, goal)
    again = Goal(difference_pp=least, power=0.9, alpha=0.01)
    assert formula_power(sd, design, 40, again) == pytest.approx(0.9)
    assert seeds_by_formula(sd, design, again) in (40, 41)


def test_few_seeds_can_never_show_anything_and_too_many_are_not_simulated() -> None:
    assert simulated_power(NORMAL, "paired", 5, Goal(difference_pp=100)) == 0
    assert seeds_by_simulation(NORMAL, "paired", Goal(difference_pp=100)) == 6
    assert seeds_by_simulation(NORMAL, "paired", Goal(difference_pp=0.005)) is None
    assert seeds_by_formula(NORMAL.sd_difference, "paired", Goal(difference_pp=0.005)) == pytest.approx(
        (2.8016 * NORMAL.sd_difference / 0.005) ** 2, rel=0.001
    )
    assert seeds_by_formula(NORMAL.sd_difference, "paired", Goal(difference_pp=1e-5)) is None


def test_goals_pilots_and_spreads_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="power: expected a number between alpha"):
        Goal(difference_pp=1, power=0.01)
    with pytest.raises(ConfigError, match=r"difference: .* got 0.*No test shows"):
        Goal(difference_pp=0)
    with pytest.raises(
        ConfigError, match=r"at least 3 seeds in which the methods differ, got 2 \(of 5 seeds"
    ):
        Variation.of_pilot(np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 3, 4, 5]))
    with pytest.raises(ConfigError, match="sd: expected a finite number above 0"):
        Variation.of_normal(0)
    with pytest.raises(ConfigError, match="correlation: expected less than 1"):
        Variation.of_normal(1, 1)


# The command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pilot") / "digits"
    nascurve.compare(
        ["rs", "ls"], "pocket201-digits", lce=["none"], seeds=range(12), budget_trainings=20, out=out
    )
    return out


def test_from_a_pilot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "difference=.5"]) == 0  # it has two methods
    text = capsys.readouterr().out
    assert "rs minus ls, final regret" in text
    assert "12 seeds" in text
    assert "difference of 0.5 pp with power 0.8 at alpha 0.05" in text
    assert "saved by pairing" in text
    assert main([str(folder), "a=ls", "b=rs", "score=area", "difference=.5", "power=.9"]) == 0
    other = capsys.readouterr().out
    assert "ls minus rs, mean over time of the regret" in other
    assert "power 0.9" in other


def test_without_a_pilot(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sd=.5", "difference=.2", "correlation=.3"]) == 0
    text = capsys.readouterr().out
    assert f"{seeds_by_formula(NORMAL.sd_difference, 'paired', Goal(difference_pp=0.2))}" in text
    assert "of paired differences 0.592 pp" in text


@pytest.mark.parametrize(
    ("argv", "error", "message"),
    [
        ([], UsageError, "expected a folder of results, or sd="),
        (["a", "b"], UsageError, "one folder of results, got 2"),
        (["sd=.5"], UsageError, "difference= is needed"),
        (["sd=.5", "difference=x"], ConfigError, "difference: expected a number, got 'x'"),
        (["sd=.5", "difference=.1", "a=re"], UsageError, "a= goes with a folder of results"),
        (["sd=.5", "diference=.1"], UsageError, "Did you mean 'difference'"),
        (["--sd", ".5"], UsageError, "unknown flag '--sd'"),
        (["/nowhere/at/all", "difference=1"], DataFileError, "is not a folder of results"),
    ],
)
def test_clear_errors(argv: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        main(argv)


def test_clear_errors_of_a_pilot(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no method 'sl'.*Valid: ls, rs"):
        main([str(folder), "a=rs", "b=sl"])
    with pytest.raises(ConfigError, match=r"Expected two methods, .*Valid: rs, ls"):
        main([str(folder), "a=rs", "b=rs"])
    with pytest.raises(ConfigError, match=r"task: got 'mnist'.*pocket201-digits"):
        main([str(folder), "task=mnist"])
    with pytest.raises(UsageError, match="correlation= goes with sd= alone"):
        main([str(folder), "correlation=.5"])
    assert cli(["power", str(folder), "score=last"]) == 1


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["power", "--help"]) == 0
    assert "correlation=R" in capsys.readouterr().out
