from __future__ import annotations

from typing import Any

import pytest

from nascurve.optimizers.local_search import LocalSearch
from nascurve.optimizers.random_search import RandomSearch
from nascurve.simulator.types import Status

from .fakes import WordSpace, begun, evaluation, play

SPACE = WordSpace("abcd", 6)


def score(word: str) -> float:
    return word.count("a") / 6


def test_it_starts_at_random_and_walks_from_the_best_start() -> None:
    optimizer = begun(LocalSearch, SPACE, n_initial=5)
    starts = play(optimizer, score, 5)
    assert starts == play(begun(RandomSearch, SPACE), score, 5)
    best = max(starts, key=score)
    (word,) = play(optimizer, lambda word: 0.0, 1)
    assert word in SPACE.neighbors(best)


def test_it_moves_to_the_first_better_neighbour() -> None:
    optimizer = begun(LocalSearch, SPACE, n_initial=1)
    center = play(optimizer, score, 1)[0]
    for _ in range(60):
        (word,) = play(optimizer, score, 1)
        if score(center) == 1.0:
            break
        assert word in SPACE.neighbors(center)
        if score(word) > score(center):
            center = word
    assert score(center) == 1.0


def test_a_whole_neighbourhood_is_trained_before_the_move_to_its_best() -> None:
    optimizer = begun(LocalSearch, SPACE, n_initial=1, whole_neighborhood=True)

    def rank(word: str) -> float:  # distinct values, so that the best neighbour is unique
        return sum(4**i * (3 - "abcd".index(letter)) for i, letter in enumerate(word)) / 4**6

    (center,) = play(optimizer, rank, 1)
    neighborhood = play(optimizer, rank, 18)
    assert sorted(neighborhood) == sorted(SPACE.neighbors(center))
    best = max(neighborhood, key=rank)
    assert rank(best) > rank(center)
    (word,) = play(optimizer, rank, 1)
    assert word in set(SPACE.neighbors(best)) - set(neighborhood)


@pytest.mark.parametrize("whole", [False, True])
def test_at_an_optimum_it_restarts_from_new_random_architectures(whole: bool) -> None:
    optimizer = begun(LocalSearch, SPACE, n_initial=3, n_restart=2, whole_neighborhood=whole)
    a, b, c = optimizer.ask(3)
    optimizer.tell([evaluation(a, 0.1), evaluation(b, 0.9), evaluation(c, 0.2)])
    assert sorted(play(optimizer, lambda word: 0.5, 18)) == sorted(SPACE.neighbors(str(b.arch)))
    first, second = (optimizer.ask(1)[0] for _ in range(2))
    optimizer.tell([evaluation(first, 0.2), evaluation(second, 0.3)])
    (word,) = play(optimizer, lambda word: 0.0, 1)
    assert word in SPACE.neighbors(str(second.arch))


def test_at_an_optimum_it_may_expand_the_best_not_yet_expanded() -> None:
    optimizer = begun(LocalSearch, SPACE, n_initial=2, at_optimum="expand")
    a, b = optimizer.ask(2)
    optimizer.tell([evaluation(a, 0.9), evaluation(b, 0.5)])
    around_a = play(optimizer, lambda word: 0.1, 18)
    assert set(around_a) <= set(SPACE.neighbors(str(a.arch)))
    (word,) = play(optimizer, lambda word: 0.1, 1)
    assert word in SPACE.neighbors(str(b.arch))


def test_networks_are_never_tried_twice_unless_wanted() -> None:
    space = WordSpace("ab", 6, anagrams=True)  # 7 networks, 64 words
    flat = lambda word: 0.5  # noqa: E731
    words = play(begun(LocalSearch, space), flat, 7)
    assert len({space.key(word) for word in words}) == 7
    words = play(begun(LocalSearch, space, skip_tried=False, n_initial=1), flat, 1 + 6)
    assert sorted(words[1:]) == sorted(space.neighbors(words[0]))
    assert len({space.key(word) for word in words}) < 7


@pytest.mark.parametrize("at_optimum", ["restart", "expand"])
def test_an_exhausted_space_leads_to_repeats_not_to_a_hang(at_optimum: str) -> None:
    space = WordSpace("ab", 2)
    words = play(begun(LocalSearch, space, at_optimum=at_optimum), lambda word: 0.5, 50)
    assert set(words) == {"aa", "ab", "ba", "bb"}
    assert len(set(words[:4])) == 4


def test_a_stopped_neighbour_is_tried_but_no_improvement() -> None:
    optimizer = begun(LocalSearch, SPACE, n_initial=1)
    (center,) = play(optimizer, lambda word: 0.5, 1)
    words = []
    for _ in range(18):
        (trial,) = optimizer.ask(1)
        words.append(str(trial.arch))
        optimizer.tell([evaluation(trial, 0.99, Status.STOPPED)])
    assert sorted(words) == sorted(SPACE.neighbors(center))


def test_only_stopped_starts_lead_to_more_starts() -> None:
    optimizer = begun(LocalSearch, SPACE, n_initial=2)
    trials = optimizer.ask(2)
    optimizer.tell([evaluation(trial, 0.9, Status.STOPPED) for trial in trials])
    (trial,) = optimizer.ask(1)
    optimizer.tell([evaluation(trial, 0.1)])
    assert str(optimizer.ask(1)[0].arch) in SPACE.neighbors(str(trial.arch))


def _walking(**options: Any) -> tuple[Any, str]:
    optimizer = begun(LocalSearch, SPACE, n_initial=1, **options)
    (center,) = play(optimizer, lambda word: 0.5, 1)
    return optimizer, center


def test_many_workers_share_a_neighbourhood_and_late_improvements_count() -> None:
    optimizer, center = _walking()
    trials = optimizer.ask(18)
    assert sorted(str(trial.arch) for trial in trials) == sorted(SPACE.neighbors(center))
    extra = optimizer.ask(2)  # the neighbourhood is used up: starts for a restart, drawn ahead
    assert not {str(trial.arch) for trial in extra} & {*SPACE.neighbors(center), center}
    optimizer.tell([evaluation(trial, 0.1) for trial in [*trials[:17], *extra]])
    optimizer.tell([evaluation(trials[17], 0.6)])
    (trial,) = optimizer.ask(1)
    assert str(trial.arch) in SPACE.neighbors(str(trials[17].arch))


def test_starts_drawn_ahead_count_for_the_restart() -> None:
    optimizer, _ = _walking(n_restart=2)
    trials = optimizer.ask(18)
    a, b = optimizer.ask(2)
    optimizer.tell([evaluation(trial, 0.1) for trial in trials])
    optimizer.tell([evaluation(a, 0.4), evaluation(b, 0.3)])
    (trial,) = optimizer.ask(1)
    assert str(trial.arch) in SPACE.neighbors(str(a.arch))


def test_it_finds_the_top_of_a_hill() -> None:
    assert max(map(score, play(begun(LocalSearch, SPACE), score, 100))) == 1.0
    assert max(map(score, play(begun(LocalSearch, SPACE), score, 100, at_once=8))) == 1.0
