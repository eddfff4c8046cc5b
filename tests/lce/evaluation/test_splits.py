"""Curve sets and splits: by architecture, paired, reproducible; incomplete runs stay outside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.errors import ConfigError, DataFileError
from nascurve.lce.evaluation.curve_set import CurveSet
from nascurve.lce.evaluation.halves import is_reporting
from nascurve.lce.evaluation.settings import EvaluationSettings
from nascurve.lce.evaluation.split import Split

E = 10


def curve_set(n: int, runs: int = 2) -> CurveSet:
    """Architecture a_i has runs of accuracy i/n, told apart by their first epoch."""
    keys = [f"a{i:03d}" for _ in range(runs) for i in range(n)]
    curves = np.repeat((np.arange(n * runs) % n / n)[:, None], E, axis=1)
    curves[:, 0] = np.arange(n * runs) / (n * runs)
    return CurveSet.of(keys, curves, at_epoch=E)


def read(**more: object) -> EvaluationSettings:
    return EvaluationSettings.read(**{"max_epochs": E, "prefixes": [2], "fit_curves": [0, 5], **more})  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 60), st.integers(0, 30), st.integers(0, 5), st.sampled_from(["one", "all"]))
def test_no_architecture_is_both_learnt_from_and_predicted(
    n: int, n_fit: int, number: int, runs: str
) -> None:
    curves = curve_set(n)
    chosen = read(fit_curves=[0, min(n_fit, n - 10)], runs=runs, max_test=15)
    split = Split.draw(curves, chosen, number)
    fitted, tested = curves.architecture[split.fit], curves.architecture[split.test]
    assert not set(fitted) & set(tested)
    assert len(set(fitted)) == len(fitted) == chosen.fit_curves[-1]
    assert len(set(tested)) == split.n_test == min(n - max(chosen.fit_curves[-1], n // 2), 15)
    assert len(tested) == split.n_test * (1 if runs == "one" else 2)
    again = Split.draw(curves, chosen, number)
    assert np.array_equal(split.test, again.test)
    assert np.array_equal(split.fit, again.fit)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(50, 80), st.integers(0, 40), st.integers(0, 5), st.sampled_from(["reporting", "development"])
)
def test_one_half_is_tested_and_both_are_fitted(n: int, n_fit: int, number: int, half: str) -> None:
    curves = curve_set(n)
    wanted = curves.reporting if half == "reporting" else ~curves.reporting
    assert 15 < wanted.sum() < n - 15
    split = Split.draw(curves, read(fit_curves=[n_fit], test_on=half), number)
    fitted, tested = curves.architecture[split.fit], curves.architecture[split.test]
    assert wanted[tested].all()
    assert not set(fitted) & set(tested)
    assert len(set(fitted)) == n_fit
    assert (split.n_testable, split.n_test) == (wanted.sum(), min(n - n_fit, -(-wanted.sum() // 2)))
    others = set(range(n)) - set(tested)
    assert n_fit < len(others) or set(fitted) == others, "all others may be fitted, of both halves"


def test_the_order_alone_decides_where_all_are_tested() -> None:
    """Splits are a promise: results that are kept, and published ones, belong to them."""
    curves = curve_set(40, runs=1)
    split = Split.draw(curves, read(fit_curves=[25]), 3)
    order = np.random.default_rng([0, 3]).permutation(40)
    assert split.fit.tolist() == order[:25].tolist()
    assert split.test.tolist() == order[25:].tolist()


def test_halves() -> None:
    import hashlib

    names = [f"a{i:03d}" for i in range(200)]
    odd = [int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 == 1 for name in names]
    assert [is_reporting([name]) for name in names] == odd
    reporting, development = names[odd.index(True)], names[odd.index(False)]
    assert not is_reporting([reporting, development]), "choices may have been made on the same network"
    flat = np.full((2, E), 0.5)
    known = {"x": [reporting, development], "y": [reporting]}
    found = CurveSet.of(["x", "y"], flat, at_epoch=E, names=known)
    assert found.reporting.tolist() == [False, True]


def test_runs_that_did_not_learn_can_be_left_out() -> None:
    curves = np.array([[0.1, 0.2], [0.3, 0.5], [0.1, np.nan], [0.6, 0.4]])
    found = CurveSet.of([*"abcb"], curves, at_epoch=2, min_final_acc=0.4)
    assert found.keys == ("b",)
    assert found.curves.tolist() == [[0.3, 0.5], [0.6, 0.4]]
    assert (found.n_left_out, found.n_below) == (1, 1)
    with pytest.raises(DataFileError, match=r"min_final_acc=0.9 after epoch 2, got none; the best has 0.5"):
        CurveSet.of([*"abcb"], curves, at_epoch=2, min_final_acc=0.9)


def test_splits_differ_and_draw_among_runs() -> None:
    curves = curve_set(40)
    splits = [Split.draw(curves, read(), number) for number in range(4)]
    tests = {tuple(split.test) for split in splits}
    assert len(tests) == 4
    seen = {int(run) for split in splits for run in split.test}
    both = [arch for arch in range(40) if {2 * arch, 2 * arch + 1} <= seen]
    assert both  # an architecture's two runs, in different splits
    assert tuple(Split.draw(curves, read(seed=1), 0).test) not in tests


def test_too_few_curves_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"at least 10 of the 30 architectures.*got 25"):
        Split.draw(curve_set(30), read(fit_curves=[25]), 0)
    with pytest.raises(ConfigError, match="at least 10 of the 12"):
        Split.draw(curve_set(12), read(fit_curves=0), 0)
    with pytest.raises(ConfigError, match=r"\(\d+ in the reporting half\)"):
        Split.draw(curve_set(30), read(fit_curves=0, test_on="reporting"), 0)


def test_incomplete_runs_are_left_out_and_gaps_are_bridged() -> None:
    nan = np.nan
    curves = np.array(
        [[0.1, nan, 0.3, 0.4], [0.1, 0.2, nan, nan], [nan, 0.2, 0.3, 0.3], [0.5, 0.5, 0.5, 0.6]]
    )
    found = CurveSet.of(["b", "b", "a", "c"], curves, at_epoch=4)
    assert found.keys == ("a", "b", "c")
    assert found.n_left_out == 1
    assert found.architecture.tolist() == [0, 1, 2]
    assert found.curves == pytest.approx(
        np.array([[0.2, 0.2, 0.3, 0.3], [0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.5, 0.6]])
    )
    cut = CurveSet.of(["b", "b", "a", "c"], curves, at_epoch=2)
    assert (cut.n_left_out, cut.max_epochs) == (1, 2)  # the first run's second epoch was not measured
    assert np.isnan(curves).sum() == 4  # what is given is left alone
    with pytest.raises(DataFileError, match="after epoch 4, got none among 1 runs"):
        CurveSet.of(["b"], curves[1:2], at_epoch=4)


def test_settings() -> None:
    found = EvaluationSettings.read(max_epochs=50, prefixes=[0.05, 0.06, 10, 0.2], fit_curves=[100, 0])
    assert found.prefixes == (2, 3, 10)  # a fifth is ten
    assert found.fit_curves == (0, 100)
    assert EvaluationSettings.read(max_epochs=200, fidelities=(50, 100, 200), prefixes=[0.3]).prefixes == (
        50,
    )
    assert read(at_epoch=0.5).at_epoch == 5
    assert EvaluationSettings.read(max_epochs=50, at_epoch=10).prefixes == (1, 2, 3, 5, 7)
    plain = EvaluationSettings.read(max_epochs=50)
    assert plain == EvaluationSettings.read(max_epochs=50, **EvaluationSettings.defaults())
    assert plain.describe().items() >= {"test_on": "all", "min_final_acc": None}.items()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"prefixes": []}, "prefixes: expected at least one"),
        ({"prefixes": [10]}, "prefixes: expected epochs before 10, the one that is predicted, got 10"),
        ({"prefixes": [0]}, "prefixes"),
        ({"prefixes": [1.5]}, "prefixes"),
        ({"max_epochs": 1, "prefixes": [0.5]}, "prefixes: expected curves with an epoch before the last, 1"),
        ({"fidelities": (10,), "prefixes": [0.5]}, "prefixes: expected curves with an epoch before the last"),
        ({"at_epoch": 11}, "at_epoch: expected at most the last epoch, 10, got 11"),
        ({"fit_curves": [-1]}, "fit_curves: expected an integer of at least 0"),
        ({"runs": "two"}, "runs: got 'two'"),
        ({"max_test": 5}, "max_test: expected an integer of at least 10"),
        ({"seed": 0.5}, "seed"),
        ({"test_on": "odd"}, "test_on: got 'odd'"),
        ({"min_final_acc": 45}, "min_final_acc"),
        ({"min_final_acc": "high"}, "min_final_acc"),
        (
            {"fidelities": (4, 10), "prefixes": [5]},
            r"prefixes: expected epochs that were measured, \[4, 10\]",
        ),
    ],
)
def test_wrong_settings(given: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        read(**given)
