from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nascurve.errors import ArchitectureError, ConfigError, ProtocolError
from nascurve.optimizers.bananas import Bananas
from nascurve.optimizers.local_search import LocalSearch
from nascurve.optimizers.random_search import RandomSearch
from nascurve.optimizers.regularized_evolution import RegularizedEvolution
from nascurve.simulator.types import Problem, Trial

from .fakes import MAX_EPOCHS, WordSpace, begun, evaluation, play

SPACE = WordSpace()


def test_calls_before_begin_are_refused() -> None:
    optimizer = RandomSearch(SPACE, rng=np.random.default_rng(0))
    with pytest.raises(ProtocolError, match="call begin"):
        optimizer.ask(1)
    with pytest.raises(ProtocolError, match="call begin"):
        optimizer.load_state_dict(begun(RandomSearch, SPACE).state_dict())


def test_begin_once_and_with_the_space_it_was_built_for() -> None:
    optimizer = begun(RandomSearch, SPACE)
    with pytest.raises(ProtocolError, match="twice"):
        optimizer.begin(Problem(space=SPACE, max_epochs=MAX_EPOCHS))
    with pytest.raises(ConfigError, match="words-ab-2"):
        RandomSearch(SPACE, rng=np.random.default_rng(0)).begin(
            Problem(space=WordSpace("ab", 2), max_epochs=MAX_EPOCHS)
        )


@pytest.mark.parametrize("n", [0, -1])
def test_ask_for_nothing_is_refused(n: int) -> None:
    with pytest.raises(ProtocolError, match="n >= 1"):
        begun(RandomSearch, SPACE).ask(n)


def test_ids_count_up_and_epochs_are_left_open() -> None:
    optimizer = begun(RandomSearch, SPACE)
    trials = optimizer.ask(3) + optimizer.ask(2)
    assert [trial.id for trial in trials] == [0, 1, 2, 3, 4]
    assert all(trial.epochs is None for trial in trials)


def test_tell_of_unknown_repeated_or_swapped_trials_is_refused_and_changes_nothing() -> None:
    optimizer = begun(RegularizedEvolution, SPACE)
    first, second = optimizer.ask(2)
    optimizer.tell([evaluation(first, 0.5)])
    before = optimizer.state_dict()
    other = next(word for word in SPACE.neighbors(second.arch))
    for bad, message in (
        ([evaluation(second, 0.5), evaluation(Trial(id=99, arch="aaaa"), 0.5)], "99 was never asked for"),
        ([evaluation(first, 0.5)], "told already"),
        ([evaluation(second, 0.5), evaluation(second, 0.5)], "twice in one tell"),
        ([evaluation(Trial(id=second.id, arch=other), 0.5)], f"asked for {second.arch}"),
    ):
        with pytest.raises(ProtocolError, match=message):
            optimizer.tell(bad)
        assert optimizer.state_dict() == before
    optimizer.tell([evaluation(second, 0.5)])


def test_a_diverged_run_counts_as_zero() -> None:
    optimizer = begun(RegularizedEvolution, SPACE)
    optimizer.tell([evaluation(trial, float("nan")) for trial in optimizer.ask(1)])
    assert [val_acc for val_acc, _ in optimizer.state_dict()["search"]["population"]] == [0.0]


@pytest.mark.parametrize("generator", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_state_of_any_generator_survives_json(generator: Any) -> None:
    optimizer, fresh = (
        RegularizedEvolution(SPACE, rng=np.random.Generator(generator(seed))) for seed in (0, 1)
    )
    for each in (optimizer, fresh):
        each.begin(Problem(space=SPACE, max_epochs=MAX_EPOCHS))
    play(optimizer, lambda word: word.count("a") / 4, 30)
    fresh.load_state_dict(json.loads(json.dumps(optimizer.state_dict())))
    assert [t.arch for t in fresh.ask(20)] == [t.arch for t in optimizer.ask(20)]


def test_a_state_that_does_not_fit_is_refused() -> None:
    optimizer = begun(LocalSearch, SPACE)
    with pytest.raises(ConfigError, match="RandomSearch"):
        optimizer.load_state_dict(begun(RandomSearch, SPACE).state_dict())
    state = optimizer.state_dict()
    for broken in (
        None,
        {},
        {**state, "search": {}},
        {**state, "rng": {"bit_generator": "MT19937"}},
        {key: value for key, value in state.items() if key != "pending"},
    ):
        with pytest.raises(ConfigError, match=r"state_dict\(\)"):
            begun(LocalSearch, SPACE).load_state_dict(broken)
    with pytest.raises(ArchitectureError):
        begun(LocalSearch, SPACE).load_state_dict({**state, "pending": [[0, "zzzz"]]})


def test_the_generator_must_be_one() -> None:
    with pytest.raises(ConfigError, match="default_rng"):
        RandomSearch(SPACE, rng=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (RandomSearch, {"replacement": "no"}),
        (RegularizedEvolution, {"population_size": 0}),
        (RegularizedEvolution, {"population_size": 2.5}),
        (RegularizedEvolution, {"sample_size": True}),
        (RegularizedEvolution, {"population_size": 5, "sample_size": 6, "replacement": False}),
        (RegularizedEvolution, {"n_mutations": 0}),
        (LocalSearch, {"n_initial": 0}),
        (LocalSearch, {"n_restart": -3}),
        (LocalSearch, {"at_optimum": "restarts"}),
        (LocalSearch, {"whole_neighborhood": 1}),
        (Bananas, {"n_initial": 0}),
        (Bananas, {"batch_size": 0}),
        (Bananas, {"refit_every": 0}),
        (Bananas, {"acquisition": "itss"}),
        (Bananas, {"encoding": "paths"}),
        (Bananas, {"max_features": 0}),
        (Bananas, {"n_candidates": 0}),
        (Bananas, {"max_edits": 0}),
        (Bananas, {"n_random_candidates": -1}),
        (Bananas, {"members": 0}),
        (Bananas, {"max_steps": 0}),
        (Bananas, {"learning_rate": 0.0}),
        (Bananas, {"learning_rate": float("nan")}),
        (Bananas, {"schedule": "cosin"}),
        (Bananas, {"target": "error"}),
    ],
)
def test_an_option_out_of_range_is_refused_by_name_and_value(build: Any, options: dict[str, Any]) -> None:
    name, value = list(options.items())[-1] if "replacement" not in options else next(iter(options.items()))
    if build is RegularizedEvolution and len(options) == 3:
        name, value = "sample_size", 6
    with pytest.raises(ConfigError, match=name) as error:
        build(SPACE, rng=np.random.default_rng(0), **options)
    assert repr(value) in str(error.value)
