from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from nascurve.benchmarks.cell201 import N_EDGES, OPS, Cell201Space
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError
from nascurve.registry import create_search_space
from nascurve.simulator.types import Status
from nascurve.testing import check_optimizer

from .fakes import WordSpace, begun, evaluation, play

pytest.importorskip("optuna", reason="the extra tpe is not installed")
from nascurve.optimizers import tpe
from nascurve.optimizers.tpe import TPE

SPACE = Cell201Space()


class ParametricWords(WordSpace):
    def parameters(self) -> dict[str, tuple[str, ...]]:
        return {f"letter_{i}": tuple(self._letters) for i in range(self._length)}

    def from_parameters(self, values: dict[str, str]) -> str:
        return "".join(values[f"letter_{i}"] for i in range(self._length))


WORDS = ParametricWords("abcd", 6)


def score(word: str) -> float:
    return word.count("a") / 6


def cell_score(text: str) -> float:
    return text.count("nor_conv_3x3") / N_EDGES


def test_the_model_finds_the_good_letters() -> None:
    """Random words have 1.5 of 6 letters right; those after the start, once the model guides them, more."""
    right = [play(begun(TPE, WORDS, seed=seed), score, 60) for seed in range(5)]
    early = np.mean([score(word) for words in right for word in words[:10]])
    late = np.mean([score(word) for words in right for word in words[40:]])
    assert early < 0.4
    assert late > early + 0.25


@pytest.mark.parametrize("options", [{"multivariate": False}, {"constant_liar": False, "replacement": True}])
def test_contract_with_other_options(options: dict[str, bool]) -> None:
    check_optimizer(lambda rng: TPE(SPACE, rng=rng, n_startup=4, **options), SPACE, n_trials=20, large_ask=15)


def test_trials_are_random_until_enough_results_are_complete() -> None:
    """So long as no more than 9 are complete, what the results are makes no difference."""
    one, other = begun(TPE, WORDS), begun(TPE, WORDS)
    asked = play(one, score, 10)
    assert play(other, lambda word: 1 - score(word), 10) == asked
    assert play(one, score, 10) != play(other, lambda word: 1 - score(word), 10)


@pytest.mark.parametrize("multivariate", [True, False])
def test_a_sampler_that_is_told_the_space_proposes_what_optunas_own_does(
    multivariate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    told = play(begun(TPE, WORDS, seed=3, multivariate=multivariate), score, 40)

    def looks_itself(space: Any, **options: Any) -> optuna.samplers.TPESampler:
        return optuna.samplers.TPESampler(**options)

    monkeypatch.setattr(tpe, "_sampler_class", lambda: looks_itself)
    assert play(begun(TPE, WORDS, seed=3, multivariate=multivariate), score, 40) == told


def test_stopped_results_are_forgotten_and_not_proposed_again() -> None:
    with_stopped = begun(TPE, WORDS, n_startup=1)
    trials = with_stopped.ask(30)
    with_stopped.tell([evaluation(trial, 0.99, Status.STOPPED) for trial in trials])
    assert with_stopped.state_dict()["search"]["trials"] == []
    stopped = {trial.arch for trial in trials}
    assert not stopped & set(play(with_stopped, score, 30))


def test_no_network_twice_until_the_space_is_exhausted() -> None:
    space = ParametricWords("abc", 3, anagrams=True)  # 10 networks
    words = play(begun(TPE, space, n_startup=3), score, 25)
    assert len({space.key(word) for word in words[:10]}) == 10
    again = play(begun(TPE, space, n_startup=3, replacement=True), score, 25)
    assert len({space.key(word) for word in again[:10]}) < 10


def test_parallel_proposals_differ() -> None:
    optimizer = begun(TPE, WORDS, n_startup=5, replacement=True)
    play(optimizer, score, 40)
    assert len({trial.arch for trial in optimizer.ask(8)}) > 3


def test_state_with_trials_out_goes_on_identically() -> None:
    original = begun(TPE, SPACE, n_startup=5)
    play(original, cell_score, 12)
    pending = original.ask(3)
    original.tell([evaluation(pending[1], 0.2)])
    restored = begun(TPE, SPACE, n_startup=5, seed=99)
    restored.load_state_dict(json.loads(json.dumps(original.state_dict())))
    for optimizer in (original, restored):
        optimizer.tell([evaluation(pending[0], float("nan"))])
    assert play(original, cell_score, 15) == play(restored, cell_score, 15)
    with pytest.raises(ConfigError, match="state"):
        begun(TPE, SPACE).load_state_dict({**original.state_dict(), "search": {}})


def test_a_space_without_parameters_is_refused_by_name() -> None:
    with pytest.raises(CapabilityError, match=r"words-abcd-6.*parameters\(\) and from_parameters\(\)"):
        TPE(WordSpace("abcd", 6), rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "options", [{"n_startup": 0}, {"n_ei_candidates": 0}, {"multivariate": 1}, {"replacement": None}]
)
def test_options_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        TPE(SPACE, rng=np.random.default_rng(0), **options)


def test_without_optuna_the_error_names_the_extra_and_optuna_stays_as_the_user_set_it() -> None:
    script = """
import sys
sys.modules["optuna"] = None
import numpy as np
from nascurve.optimizers import tpe
from nascurve.optimizers.tpe import TPE
from nascurve.benchmarks.cell201 import Cell201Space
try:
    TPE(Cell201Space(), rng=np.random.default_rng(0))
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("CapabilityError")
    assert "nascurve[tpe]" in done.stdout
    import optuna

    level = optuna.logging.get_verbosity()
    begun(TPE, SPACE)
    assert optuna.logging.get_verbosity() == level


def test_it_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    play(begun(TPE, SPACE), cell_score, 15)
    assert capfd.readouterr() == ("", "")


def test_cells_as_parameters() -> None:
    parameters = SPACE.parameters()
    assert list(parameters) == ["op_0_1", "op_0_2", "op_1_2", "op_0_3", "op_1_3", "op_2_3"]
    assert set(parameters.values()) == {OPS}
    for cell in SPACE.all()[::97]:
        assert SPACE.from_parameters(dict(zip(parameters, cell.ops, strict=True))) is cell
    values = dict.fromkeys(parameters, "none")
    for wrong in ({}, {**values, "op_9_9": "none"}, {**values, "op_0_1": "conv"}):
        with pytest.raises(ArchitectureError):
            SPACE.from_parameters(wrong)


def _held() -> HeldSpace:
    rng = np.random.default_rng(0)
    asr = create_search_space("asr")
    return HeldSpace(asr, list(dict.fromkeys(asr.sample(rng) for _ in range(60))))


CHOICE_SPACES = [create_search_space(name) for name in ("cell201", "nats-sss", "asr", "darts", "nb101")]


@pytest.mark.parametrize("space", [*CHOICE_SPACES, _held()], ids=lambda space: space.name)
def test_choices_make_architectures(space: Any) -> None:
    rng = np.random.default_rng(1)
    names = space.parameters()
    made = []
    for _ in range(200):
        values = {name: choices[int(rng.integers(len(choices)))] for name, choices in names.items()}
        try:
            made.append(space.from_parameters(values))
        except ArchitectureError:
            assert space.name == "nb101"
    assert len(made) > 100
    assert all(space.contains(arch) for arch in made)
    assert len(set(made)) > 20
    some = next(iter(names))
    for bad in ({}, values | {"nothing": 1}, values | {some: "no such choice"}):
        with pytest.raises(ArchitectureError, match="expected"):
            space.from_parameters(bad)


@pytest.mark.parametrize("space", [*CHOICE_SPACES[1:], _held()], ids=lambda space: space.name)
def test_it_searches_every_space_of_choices(space: Any) -> None:
    """Also where some combinations are no architecture, and where few are held."""
    asked = play(begun(TPE, space, seed=0), lambda text: len(text) % 7 / 7, 40)
    assert len({space.key(space.parse(text)) for text in asked}) == 40


def test_held_choices_are_the_held_architecture_or_the_nearest() -> None:
    held = _held()
    for cell in held.all()[:20]:
        values = dict(zip(held.parameters(), cell.numbers, strict=True))
        assert held.from_parameters(values) == cell


def test_held_space_without_choices_says_so() -> None:
    nlp = create_search_space("nlp")
    held = HeldSpace(nlp, [nlp.sample(np.random.default_rng(i)) for i in range(3)])
    with pytest.raises(CapabilityError, match=r"nlp.*independent choices"):
        TPE(held, rng=np.random.default_rng(0))
