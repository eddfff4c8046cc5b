from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nascurve.optimizers.bananas import Bananas
from nascurve.optimizers.random_search import RandomSearch
from nascurve.simulator.types import Status

from .fakes import WordSpace, begun, evaluation, play

SPACE = WordSpace("abcd", 6)
SMALL: dict[str, Any] = {"depth": 2, "width": 16, "members": 3, "max_steps": 60}


def score(word: str) -> float:
    """Rugged for single changes: letters count in pairs."""
    return sum(word[i : i + 2] == "ab" for i in (0, 2, 4)) / 3 + 0.01 * word.count("c")


def test_it_starts_at_random_without_repeats() -> None:
    optimizer = begun(Bananas, SPACE, n_initial=7, **SMALL)
    assert play(optimizer, score, 7) == play(begun(RandomSearch, SPACE, replacement=False), score, 7)


def test_it_fits_once_a_batch_and_waits_for_enough_results(monkeypatch: pytest.MonkeyPatch) -> None:
    from nascurve.optimizers.ensemble import Ensemble

    sizes: list[int] = []
    fit = Ensemble.fit

    def counted(self: Ensemble, features: Any, targets: Any, rng: Any) -> None:
        sizes.append(len(features))
        fit(self, features, targets, rng)

    monkeypatch.setattr(Ensemble, "fit", counted)
    play(begun(Bananas, SPACE, batch_size=5, refit_every=1, **SMALL), score, 31)
    assert sizes == [10, 15, 20, 25, 30]
    sizes.clear()
    play(begun(Bananas, SPACE, batch_size=5, refit_every=8, **SMALL), score, 31)
    assert sizes == [10, 20, 30]


def test_candidates_are_mutants_of_the_best_within_max_edits() -> None:
    optimizer = begun(Bananas, SPACE, n_parents=1, max_edits=2, batch_size=30, n_initial=5, **SMALL)
    words = play(optimizer, score, 5)
    best = max(words, key=score)
    distances = [
        sum(x != y for x, y in zip(str(trial.arch), best, strict=True)) for trial in optimizer.ask(30)
    ]
    assert set(distances) <= {1, 2}
    assert len(set(distances)) == 2


def test_it_chooses_what_the_ensemble_predicts_to_be_best() -> None:
    space = WordSpace("ab", 10)
    ones = lambda word: word.count("a") / 10  # noqa: E731
    optimizer = begun(
        Bananas, space, acquisition="exploit", n_initial=60, batch_size=5, n_random_candidates=300
    )
    words = play(optimizer, ones, 60)
    chosen = play(optimizer, ones, 5)
    assert np.mean([ones(word) for word in chosen]) > max(map(ones, words)) - 0.05


def test_nothing_is_proposed_twice_while_there_is_anything_new() -> None:
    space = WordSpace("abc", 3, anagrams=True)
    optimizer = begun(Bananas, space, n_initial=2, batch_size=3, **SMALL)
    words = play(optimizer, lambda word: word.count("a") / 3, 10)
    assert len({space.key(word) for word in words}) == 10  # all multisets of 3 letters out of 3
    assert len(play(optimizer, lambda word: 0.5, 20)) == 20  # exhausted: repeats


def test_large_asks_are_served_without_repeats() -> None:
    optimizer = begun(Bananas, SPACE, **SMALL)
    words = play(optimizer, score, 700, at_once=350)
    assert len(set(words)) == 700


def test_stopped_trials_are_not_learnt_from_and_not_proposed_again() -> None:
    optimizer = begun(Bananas, SPACE, n_initial=4, batch_size=4, **SMALL)
    seen: set[str] = set()
    for i in range(10):
        trials = optimizer.ask(4)
        assert not {str(trial.arch) for trial in trials} & seen
        seen |= {str(trial.arch) for trial in trials}
        statuses = [Status.COMPLETE, *[Status.STOPPED] * 3]
        optimizer.tell([evaluation(t, score(str(t.arch)), s) for t, s in zip(trials, statuses, strict=True)])
        assert len(optimizer.state_dict()["search"]["archs"]) == i + 1


def test_a_restored_one_repeats_the_fit_instead_of_storing_weights() -> None:
    optimizer = begun(Bananas, SPACE, batch_size=4, refit_every=12, **SMALL)
    play(optimizer, score, 16)  # four results after the fit, which thus still holds for the next batches
    fresh = begun(Bananas, SPACE, seed=9, batch_size=4, refit_every=12, **SMALL)
    text = json.dumps(optimizer.state_dict())
    assert len(text) < 5000
    fresh.load_state_dict(json.loads(text))
    assert play(fresh, score, 20) == play(optimizer, score, 20)


@pytest.mark.parametrize("encoding", [None, "onehot", "counts"])
def test_the_encoding_is_the_one_asked_for(encoding: str | None) -> None:
    space = WordSpace()
    play(begun(Bananas, space, encoding=encoding, n_initial=3, **SMALL), score_small, 4)
    assert set(space.encoded_kinds) == {encoding or "onehot"}


def score_small(word: str) -> float:
    return word.count("a") / 4


def test_path_is_the_default_encoding_where_there_is_one() -> None:
    space = WordSpace()
    space.encodings = ("onehot", "path")  # type: ignore[assignment]
    play(begun(Bananas, space, n_initial=3, **SMALL), score_small, 4)
    assert set(space.encoded_kinds) == {"path"}


@pytest.mark.parametrize("acquisition", ["its", "ucb", "ei", "pi", "ts", "exploit"])
def test_every_acquisition_beats_random_search(acquisition: str) -> None:
    def mean_best(build: Any, **options: Any) -> float:
        return float(
            np.mean(
                [max(map(score, play(begun(build, SPACE, seed=s, **options), score, 80))) for s in range(3)]
            )
        )

    assert mean_best(Bananas, acquisition=acquisition, **SMALL) > mean_best(RandomSearch)


@pytest.mark.parametrize("target", ["standardized", "percent_error"])
def test_equal_results_do_no_harm(target: str) -> None:
    words = play(begun(Bananas, SPACE, target=target, **SMALL), lambda word: 0.5, 30)
    assert len(set(words)) == 30
