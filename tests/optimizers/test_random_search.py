from __future__ import annotations

from collections import Counter

from nascurve.optimizers.random_search import RandomSearch

from .fakes import WordSpace, begun, play


def test_draws_are_those_of_the_space_and_ignore_results() -> None:
    space = WordSpace("ab", 2)
    a, b = (
        play(begun(RandomSearch, space), score, 400) for score in (lambda w: 0.1, lambda w: w.count("a") / 2)
    )
    assert a == b
    counts = Counter(a)
    assert len(counts) == 4
    assert all(60 <= count <= 140 for count in counts.values())


def test_without_replacement_each_network_comes_once_until_the_space_is_exhausted() -> None:
    space = WordSpace("abc", 3, anagrams=True)
    optimizer = begun(RandomSearch, space, replacement=False)
    words = [str(trial.arch) for trial in optimizer.ask(10)]  # 10 multisets of 3 letters out of 3
    assert len({space.key(word) for word in words}) == 10
    assert len(optimizer.ask(5)) == 5


def test_without_replacement_a_restored_search_still_knows_them() -> None:
    space = WordSpace("ab", 3)
    optimizer, fresh = (begun(RandomSearch, space, replacement=False, seed=seed) for seed in (0, 1))
    first = [trial.arch for trial in optimizer.ask(4)]
    fresh.load_state_dict(optimizer.state_dict())
    assert len({*first, *(trial.arch for trial in fresh.ask(4))}) == 8
