from __future__ import annotations

import numpy as np
import pytest

from nascurve.errors import ConfigError
from nascurve.lce.last_value import LastValue
from nascurve.lce.promotion import TopN
from nascurve.lce.ranking import RANKINGS, Ranking
from nascurve.simulator.types import FloatArray, Prediction

from .fakes import E_FEW, E_MAX, Driver, begun

NONE = np.empty(0)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def predicted(mean: list[float], std: list[float]) -> Prediction:
    return Prediction(mean=np.array(mean), std=np.array(std))


TWO = predicted([0.7, 0.65], [0.01, 0.2])


def test_the_upper_quantile_prefers_what_is_uncertain() -> None:
    assert Ranking("mean").scores(TWO, NONE, rng()).argmax() == 0
    scores = Ranking("upper", level=0.9).scores(TWO, NONE, rng())
    assert scores == pytest.approx([0.7 + 1.28155 * 0.01, 0.65 + 1.28155 * 0.2], abs=1e-5)


def test_the_quantiles_of_the_prediction_count_where_there_are_any() -> None:
    quantiles = np.array([[0.6, 0.7, 0.71], [0.6, 0.65, 0.9]])
    skewed = Prediction(
        mean=np.array([0.9, 0.1]), std=np.ones(2), quantiles=quantiles, levels=(0.05, 0.5, 0.95)
    )
    assert Ranking("upper", level=0.95).scores(skewed, NONE, rng()) == pytest.approx([0.71, 0.9])


def test_thompson_draws_from_the_distributions() -> None:
    ranking, generator = Ranking("thompson"), rng()
    draws = np.array([ranking.scores(TWO, NONE, generator) for _ in range(2000)])
    assert draws.mean(axis=0) == pytest.approx(TWO.mean, abs=0.02)
    assert draws.std(axis=0) == pytest.approx(TWO.std, rel=0.1)
    assert np.corrcoef(draws.T)[0, 1] == pytest.approx(0, abs=0.1)


def test_the_chance_of_beating_the_incumbent() -> None:
    scores = Ranking("p_best").scores(TWO, np.array([0.3, 0.75]), rng())
    assert scores == pytest.approx([0.0, 0.3085], abs=1e-3)  # 1 - Φ(5), 1 - Φ(.5)
    assert Ranking("p_best").scores(TWO, NONE, rng()).argmax() == 0, "without an incumbent: the mean"
    hopeless = predicted([0.2, 0.3, 0.1], [0.001] * 3)
    assert Ranking("p_best").scores(hopeless, np.array([0.9]), rng()).argmax() == 1


@pytest.mark.parametrize("kind", RANKINGS)
def test_diverged_candidates_rank_last_and_change_nothing(kind: str) -> None:
    history = np.array([0.6])
    scores = Ranking(kind).scores(predicted([0.5, -np.inf, 0.7], [0.1, 0, 0.1]), history, rng())
    assert scores[1] == -np.inf
    assert np.isfinite(scores[[0, 2]]).all()
    alone = Ranking(kind).scores(predicted([0.5, 0.6, 0.7], [0.1, 0.1, 0.1]), history, rng())
    assert scores[[0, 2]].tolist() == alone[[0, 2]].tolist()


@pytest.mark.parametrize(
    "options", [{"ranking": "best"}, {"ranking_level": 0}, {"ranking_level": 1}, {"seed": -1}]
)
def test_bad_settings(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"LCE\."):
        begun(**options)


class Doubtful(LastValue):
    """The lower the value, the less certain; so that optimists choose the worst."""

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        last = prefixes[:, -1]
        return Prediction(mean=0.5 + 0.01 * last, std=0.01 + (1 - last))


@pytest.mark.parametrize(("ranking", "best"), [("mean", True), ("upper", False), ("p_best", False)])
def test_rounds_promote_by_the_ranking(ranking: str, best: bool) -> None:
    driver = Driver(begun(extrapolator=Doubtful(), k=4, top_n=1, ranking=ranking)).run(10)
    last_round = driver.finished[5:9]  # after the first run to the end
    chosen = max(last_round, key=lambda e: e.val_acc if best else -e.val_acc)
    assert driver.finished[9].trial.id == chosen.trial.id


def test_thompson_depends_on_the_seed_alone() -> None:
    def promoted(seed: int | None) -> list[int]:
        driver = Driver(begun(ranking="thompson", k=6, top_n=1, seed=seed)).run(60)
        return [e.trial.id for e in driver.finished if e.curve.epochs == E_MAX]

    assert promoted(1) == promoted(1)
    assert promoted(1) != promoted(2)
    assert promoted(None) == promoted(0)


def test_history_promotes_what_may_beat_the_threshold_or_the_best() -> None:
    def share(**options: object) -> float:
        lce = begun(promotion="history", n_initial=10, top_fraction=0.3, **options)
        driver = Driver(lce).run(200)
        looked_at = sum(e.curve.epochs == E_FEW for e in driver.finished)
        return (len(driver.finished) - 10 - looked_at) / looked_at

    assert share() < share(ranking="upper") < share(ranking="upper", ranking_level=0.999)
    assert share(ranking="p_best", ranking_level=0.5) < share(ranking="p_best", ranking_level=0.99)
    # the incumbent is beaten less often than the smallest of the best three tenths
    assert share(ranking="p_best", ranking_level=0.8) < share(ranking="upper", ranking_level=0.8)


def test_top_n_as_a_fraction_of_k() -> None:
    mean = predicted([0.1, 0.5, 0.3, 0.4], [0, 0, 0, 0])
    assert TopN(k=8, top_n=0.25).select(mean, NONE) == [1, 3]
    assert TopN(k=8, top_n=0.01).select(mean, NONE) == [1]
    with pytest.raises(ConfigError, match="top_n"):
        TopN(k=8, top_n=1.0)
