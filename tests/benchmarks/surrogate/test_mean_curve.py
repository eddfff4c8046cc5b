"""The mean curve: what it learns, what it never sees, and that it comes back from a file as it was."""

from __future__ import annotations

import importlib.util
import io
import json
from typing import Any

import numpy as np
import pytest

from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.nb101.cell import Cell101
from nascurve.benchmarks.nb101.space import NB101Space
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.benchmarks.surrogate.mean.mean_curve import MeanCurve
from nascurve.errors import ConfigError

SPACE = Cell201Space()
EPOCHS = 12


def networks(n: int, seed: int = 0) -> list[Any]:
    """Cells of different networks."""
    rng = np.random.default_rng(seed)
    cells: dict[str, Any] = {}
    while len(cells) < n:
        cell = SPACE.sample(rng)
        cells.setdefault(SPACE.key(cell), cell)
    return list(cells.values())


def true_curves(cells: list[Any]) -> np.ndarray[Any, Any]:
    """Of a made-up task on which 3x3 convolutions help."""
    level = np.array([0.2 + 0.2 * sum("3x3" in e[2] for e in SPACE.network(c).edges) ** 0.5 for c in cells])
    return level[:, None] * (1 - np.exp(-np.arange(1, EPOCHS + 1) / 3))


def runs(n: int = 60, n_seeds: int = 2, noise: float = 0.01, seed: int = 0) -> CurveData:
    cells = [cell for cell in networks(n, seed) for _ in range(n_seeds)]
    spread = noise * np.random.default_rng(seed).standard_normal((len(cells), EPOCHS))
    return CurveData.of(SPACE, cells, np.clip(true_curves(cells) + spread, 0, 1))


def r2(truth: np.ndarray[Any, Any], predicted: np.ndarray[Any, Any]) -> float:
    return 1 - float(((truth - predicted) ** 2).sum() / ((truth - truth.mean(axis=0)) ** 2).sum())


def fitted(data: CurveData, **options: Any) -> MeanCurve:
    made = MeanCurve(**{"n_members": 2, "n_components": 3, **options})
    made.fit(data)
    return made


@pytest.fixture(scope="module")
def usual() -> MeanCurve:
    return fitted(runs())


@pytest.fixture
def hasty_gin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that hardly learn, where it does not matter what they predict."""
    monkeypatch.setattr("nascurve.benchmarks.surrogate.mean.gin._EPOCHS", 4)


@pytest.mark.parametrize(
    ("model", "n", "n_members"), [("lightgbm", 100, 2), ("extratrees", 100, 2), ("gin", 50, 1)]
)
def test_it_predicts_networks_that_it_has_not_seen(model: str, n: int, n_members: int) -> None:
    made = fitted(runs(n, n_seeds=1), models=[model], n_members=n_members)
    unseen = networks(200)[150:]
    predicted = made.predict(unseen)
    assert predicted.shape == (50, EPOCHS)
    assert r2(true_curves(unseen), predicted) > (0.5 if model == "gin" else 0.8)


@pytest.mark.usefixtures("hasty_gin")
def test_a_prediction_does_not_depend_on_the_others_asked_with_it(usual: MeanCurve) -> None:
    cells = networks(40)
    together = usual.predict(cells)
    np.testing.assert_array_equal([usual.predict([cell])[0] for cell in cells], together)
    assert usual.predict([]).shape == (0, EPOCHS)
    network = fitted(runs(8), models=["gin"])
    np.testing.assert_array_equal(network.predict(cells)[7:9], network.predict(cells[7:9]))


def test_same_seed_same_members_other_seed_others(usual: MeanCurve) -> None:
    cells = networks(30)
    np.testing.assert_array_equal(fitted(runs()).predict(cells), usual.predict(cells))
    assert (fitted(runs(), seed=1).predict(cells) != usual.predict(cells)).any()
    _, blobs = usual.to_arrays()
    assert blobs["lightgbm.0.0"] != blobs["lightgbm.1.0"]
    values = [blobs[f"extratrees.{member}.values"] for member in (0, 1)]
    assert not np.array_equal(*(np.sort(array, axis=None)[-50:] for array in values))


def test_out_of_fold_predictions_know_nothing_of_their_architecture() -> None:
    cells = networks(80)
    luck = np.random.default_rng(3).uniform(0.2, 0.8, len(cells))  # of the cell alone: nothing to be learned
    data = CurveData.of(SPACE, cells, np.repeat(luck[:, None], EPOCHS, axis=1))
    made = fitted(data, models=["extratrees"], n_members=4, n_components=1)
    assert np.corrcoef(made.predict(cells)[:, -1], luck)[0, 1] > 0.9
    assert abs(np.corrcoef(made.out_of_fold()[:, -1], luck)[0, 1]) < 0.4
    assert made.out_of_fold().shape == (80, EPOCHS)
    known = fitted(runs())
    assert r2(runs().val_acc, known.out_of_fold()) > 0.6


@pytest.mark.parametrize("early_epochs", [0, 1])
def test_out_of_fold_predictions_do_not_follow_their_own_runs(
    early_epochs: int,
) -> None:
    data = runs(24)
    own = data.by_arch()[5]
    acc = data.val_acc.copy()
    acc[own, early_epochs:] = 0.9
    before, after = (
        fitted(
            CurveData.of(SPACE, data.archs, curves),
            models=["extratrees"],
            compression="spline",  # a basis that is not learned
            n_components=4,
            early_epochs=early_epochs,
        ).out_of_fold()
        for curves in (data.val_acc, acc)
    )
    moved = np.abs(before - after).max(axis=1)
    assert moved[own].max() < 0.02  # not 0: rounding of the codes decides between splits that are as good
    assert moved.max() > 0.1


def test_runs_of_one_architecture_are_one_row_and_never_on_both_sides() -> None:
    data = runs(30, n_seeds=3)
    predicted = fitted(data).out_of_fold()
    for own in data.by_arch():
        np.testing.assert_array_equal(predicted[own], np.repeat(predicted[own[:1]], len(own), axis=0))


def test_boosters_stop_early_where_there_is_nothing_to_learn() -> None:
    def rounds(made: MeanCurve) -> int:
        _, blobs = made.to_arrays()
        return sum(str(text).count("\nTree=") for name, text in blobs.items() if name.startswith("lightgbm"))

    nothing = CurveData.of(SPACE, networks(60), np.random.default_rng(0).uniform(0.4, 0.6, (60, EPOCHS)))
    few = rounds(fitted(nothing, models=["lightgbm"]))
    assert few < rounds(fitted(runs(60, noise=0.001), models=["lightgbm"]))
    assert few < 6 * 60  # of 6 boosters


def test_early_accuracies_tell_what_the_architecture_does_not() -> None:
    cells = networks(80)
    luck = np.random.default_rng(3).uniform(0.2, 0.8, len(cells))
    curves = luck[:, None] * (1 - np.exp(-np.arange(1, EPOCHS + 1) / 3))
    data = CurveData.of(SPACE, cells, curves)
    made = fitted(data, models=["extratrees"], early_epochs=2, n_components=1)
    new = np.array([0.3, 0.7])[:, None] * (1 - np.exp(-np.arange(1, EPOCHS + 1) / 3))
    predicted = made.predict(networks(90)[85:87], new[:, :2])
    np.testing.assert_allclose(predicted, new, atol=0.06)
    with pytest.raises(ConfigError, match=r"early: expected .* first 2 epochs of 2 architectures"):
        made.predict(cells[:2])
    diverged = made.predict(cells[:1], [[0.1, np.nan]])  # as if it had stayed at .1
    np.testing.assert_array_equal(diverged, made.predict(cells[:1], [[0.1, 0.1]]))
    with pytest.raises(ConfigError, match="early_epochs: expected fewer than the 12 epochs"):
        fitted(data, early_epochs=12)


def test_diverged_runs_take_part_with_what_was_measured() -> None:
    data = runs(60, n_seeds=1, noise=0.001)
    acc = data.val_acc.copy()
    pools = np.array([sum("pool" in e[2] for e in SPACE.network(c).edges) >= 3 for c in data.archs])
    assert 3 < pools.sum() < 30
    acc[pools, 8:] = np.nan
    made = fitted(CurveData.of(SPACE, data.archs, acc))
    assert r2(data.val_acc, made.predict(data.archs)) > 0.9  # continued as such curves go on
    share = made.diverged(data.archs)
    assert share[pools].min() > 0.6 > 0.4 > share[~pools].max()
    assert not fitted(data).diverged(data.archs).any()
    acc[pools] = np.nan  # no value at all: known to diverge, and no other trace
    without = fitted(CurveData.of(SPACE, data.archs, acc))
    assert np.isfinite(without.predict(data.archs)).all()
    assert without.diverged(data.archs)[pools].min() > 0.6


@pytest.mark.parametrize("seed", range(6))
def test_no_member_is_left_without_a_measured_architecture(seed: int) -> None:
    cells = networks(60)
    acc = np.full((60, EPOCHS), np.nan)
    acc[:4] = np.linspace(0.2, 0.5, 4)[:, None]
    made = fitted(CurveData.of(SPACE, cells, acc), models=["extratrees"], n_components=1, seed=seed)
    assert np.isfinite(made.out_of_fold()).all()


@pytest.mark.usefixtures("hasty_gin")
@pytest.mark.parametrize("models", [["lightgbm", "extratrees"], ["gin"]])
def test_it_comes_back_from_arrays_and_texts_as_it_was(models: list[str]) -> None:
    data = runs(16, n_seeds=1)
    acc = data.val_acc.copy()
    acc[:3, 6:] = np.nan
    made = fitted(CurveData.of(SPACE, data.archs, acc), models=models, early_epochs=1)
    settings, blobs = made.to_arrays()
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{k: v for k, v in blobs.items() if isinstance(v, np.ndarray)})
    file.seek(0)
    stored = dict(np.load(file, allow_pickle=False))
    texts = {name: blob for name, blob in blobs.items() if isinstance(blob, str)}
    again = MeanCurve.from_arrays(json.loads(json.dumps(settings)), {**stored, **texts}, SPACE)
    cells = networks(20)
    early = np.full((20, 1), 0.2)
    np.testing.assert_array_equal(again.predict(cells, early), made.predict(cells, early))
    np.testing.assert_array_equal(again.diverged(cells), made.diverged(cells))
    with pytest.raises(ConfigError, match="out_of_fold"):
        again.out_of_fold()


def test_damaged_arrays_are_refused(usual: MeanCurve) -> None:
    settings, blobs = usual.to_arrays()

    def refused(match: str, wrong: dict[str, Any], **changed: Any) -> None:
        with pytest.raises((ValueError, KeyError, TypeError, ConfigError), match=match):
            MeanCurve.from_arrays({**settings, **changed}, {**blobs, **wrong}, SPACE)

    refused("belong to nothing", {"lightgbm.2.0": blobs["lightgbm.0.0"]})
    refused("belong to nothing", {"stranger": np.zeros(1)})
    refused("shift and scale", {"shift": np.zeros(2)})
    refused("basis", {"compression.basis": np.full((3, EPOCHS), np.nan)})
    refused("LightGBM", {"lightgbm.0.0": "import os"})
    refused("texts where arrays belong", {"extratrees.0.values": "text"})
    refused("leaf without values", {"extratrees.0.values": np.zeros((3, 3))})
    refused("shift and scale", {"shift": np.full(3, 1e300)})
    refused("beyond 1e\\+09", {"extratrees.0.base": np.full(3, 1e300)})
    refused("basis", {"compression.basis": np.full((3, EPOCHS), 1e300)})
    refused("early_epochs", {}, early_epochs=10**9)
    refused("other features", {}, feature_names_sha256="0")
    refused("lightgbm.2", {}, n_members=3)


def test_wrong_options_and_too_few_architectures_are_clear_errors() -> None:
    with pytest.raises(ConfigError, match=r"models: got 'lightgbn'.*Did you mean 'lightgbm'"):
        MeanCurve(models=["lightgbn"])
    with pytest.raises(ConfigError, match="each once"):
        MeanCurve(models=["gin", "gin"])
    with pytest.raises(ConfigError, match="call fit"):
        MeanCurve().predict(networks(1))
    with pytest.raises(ConfigError, match=r"5 members need 10 architectures.* got 1"):
        MeanCurve().fit(runs(1))
    with pytest.raises(ConfigError, match=r"9 components need 10 curves or more.* got 8"):
        MeanCurve(n_components=9, n_members=2).fit(runs(8))
    one = fitted(runs(10), n_members=1)
    with pytest.raises(ConfigError, match="n_members of 2 or more"):
        one.out_of_fold()


def test_constant_curves_are_predicted_as_they_are() -> None:
    cells = networks(20)
    made = fitted(CurveData.of(SPACE, cells, np.full((20, EPOCHS), 0.5)))
    np.testing.assert_allclose(made.predict(cells), 0.5, atol=1e-6)


@pytest.mark.usefixtures("hasty_gin")
def test_gin_takes_isomorphic_cells_for_the_same() -> None:
    space, rng = NB101Space(), np.random.default_rng(0)
    cells = list({space.key(c): c for c in (space.sample(rng) for _ in range(12))}.values())
    made = MeanCurve(models=["gin"], n_members=2, n_components=2)
    made.fit(CurveData.of(space, cells, rng.uniform(0.2, 0.9, (len(cells), 6))))
    matrix = np.zeros((5, 5), int)
    for edge in ((0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (3, 4), (1, 4)):
        matrix[edge] = 1
    ops = ["input", "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "output"]
    swap = [0, 2, 1, 3, 4]
    other = Cell101(matrix[np.ix_(swap, swap)].tolist(), [ops[place] for place in swap])
    one = Cell101(matrix.tolist(), ops)
    assert str(one) != str(other)
    np.testing.assert_allclose(made.predict([one]), made.predict([other]), atol=1e-5)


@pytest.mark.skipif(importlib.util.find_spec("xgboost") is not None, reason="xgboost is installed")
def test_xgboost_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"pip install .nascurve\[xgboost\]"):
        fitted(runs(20), models=["xgboost"])


def test_xgboost_predicts_and_comes_back() -> None:
    pytest.importorskip("xgboost", reason="the optional package xgboost is not installed")
    made = fitted(runs(80), models=["xgboost"])
    unseen = networks(200)[150:]
    assert r2(true_curves(unseen), made.predict(unseen)) > 0.8
    again = MeanCurve.from_arrays(*made.to_arrays(), SPACE)
    np.testing.assert_array_equal(again.predict(unseen), made.predict(unseen))
