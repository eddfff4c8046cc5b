from __future__ import annotations

import pytest

from nascurve.optimizers.random_search import RandomSearch
from nascurve.optimizers.regularized_evolution import RegularizedEvolution
from nascurve.simulator.types import Status

from .fakes import WordSpace, begun, evaluation, play

SPACE = WordSpace("abcd", 6)


def score(word: str) -> float:
    return word.count("a") / 6


def distance(a: str, b: str) -> int:
    return sum(x != y for x, y in zip(a, b, strict=True))


def population(optimizer: RegularizedEvolution) -> list[str]:
    return [word for _, word in optimizer.state_dict()["search"]["population"]]


@pytest.mark.parametrize("at_once", [1, 3])
def test_the_first_trials_are_random_and_the_oldest_member_dies(at_once: int) -> None:
    optimizer = begun(RegularizedEvolution, SPACE, population_size=9, sample_size=3)
    words = play(optimizer, score, 9, at_once=at_once)
    assert words == play(begun(RandomSearch, SPACE), score, 9)
    assert population(optimizer) == words
    words += play(optimizer, score, 21, at_once=at_once)
    assert population(optimizer) == words[-9:]


@pytest.mark.parametrize("replacement", [True, False])
def test_children_are_one_change_from_a_member_and_a_full_tournament_picks_the_best(
    replacement: bool,
) -> None:
    optimizer = begun(
        RegularizedEvolution,
        SPACE,
        population_size=5,
        sample_size=5 if not replacement else 200,  # 200 draws out of 5 miss the best with p = 4e-20
        replacement=replacement,
    )
    play(optimizer, score, 5)
    for _ in range(30):
        best = max(population(optimizer), key=score)
        ties = [word for word in population(optimizer) if score(word) == score(best)]
        (child,) = play(optimizer, score, 1)
        assert any(distance(child, word) == 1 for word in ties)


def test_a_tournament_of_one_is_uniform_over_the_members() -> None:
    optimizer = begun(RegularizedEvolution, SPACE, population_size=2, sample_size=1)
    a, b = optimizer.ask(2)
    optimizer.tell([evaluation(a, 0.9), evaluation(b, 0.1)])
    children = [str(trial.arch) for trial in optimizer.ask(400)]
    of_the_worse = sum(distance(child, str(b.arch)) == 1 for child in children)
    assert 140 <= of_the_worse <= 260


def test_several_mutations_lie_several_changes_away_and_never_give_the_parent() -> None:
    space = WordSpace("ab", 2)
    optimizer = begun(RegularizedEvolution, space, population_size=1, sample_size=1, n_mutations=2)
    (parent,) = optimizer.ask(1)
    optimizer.tell([evaluation(parent, 0.5)])
    distances = {distance(str(trial.arch), str(parent.arch)) for trial in optimizer.ask(100)}
    assert distances == {1, 2}  # two changes of the same letter undo each other: then a third is made


def test_stopped_trials_never_enter_the_population() -> None:
    optimizer = begun(RegularizedEvolution, SPACE, population_size=4, sample_size=2)
    trials = optimizer.ask(4)
    optimizer.tell([evaluation(trial, 0.99, Status.STOPPED) for trial in trials])
    assert population(optimizer) == []
    (trial,) = optimizer.ask(1)  # still random: there is no one to mutate
    optimizer.tell([evaluation(trial, 0.1)])
    assert population(optimizer) == [trial.arch]
    (child,) = optimizer.ask(1)
    assert distance(str(child.arch), str(trial.arch)) == 1


def test_it_climbs() -> None:
    words = play(begun(RegularizedEvolution, SPACE), score, 150)
    assert max(map(score, words)) == 1.0
    assert max(map(score, play(begun(RandomSearch, SPACE), score, 150))) < 1.0
