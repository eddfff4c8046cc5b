"""Training a table's runs again: exact here, judged against seed noise elsewhere, refused for other data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nascurve.benchmarks import verification
from nascurve.benchmarks.assemble import assemble
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.collect import collect, networks_in_random_order
from nascurve.benchmarks.digits_affine import DigitsAffine
from nascurve.benchmarks.mnist_affine import MnistAffine
from nascurve.benchmarks.network import Network
from nascurve.benchmarks.table import CurveTable
from nascurve.benchmarks.task import Recipe
from nascurve.benchmarks.training import PreparedTask, TrainingRuns, train_network
from nascurve.benchmarks.verification import verify
from nascurve.errors import ConfigError
from nascurve.experiments.cli import main

TASK = DigitsAffine(recipe=Recipe(epochs=2, steps_per_epoch=3))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> CurveTable:
    out = tmp_path_factory.mktemp("digits")
    space = Cell201Space()
    networks = networks_in_random_order(sorted({space.network(cell) for cell in space.all()}, key=str), 24)
    collect(TASK, networks, [0], out, processes=1)
    return assemble(out, benchmark="pocket201-digits", version=1, space="cell201")


def test_trained_again_here_every_number_agrees(table: CurveTable) -> None:
    seen: list[int] = []
    result = verify(table, TASK, n=3, rng=np.random.default_rng(0), processes=1, on_run=seen.append)
    assert (result.verdict, result.n_exact, len(seen)) == ("exact", 3, 3)
    assert len(set(result.entries)) == 3
    assert not result.difference.any()
    assert result.seed_difference is None


@pytest.fixture(scope="module")
def trained_here() -> Iterator[None]:
    """Later verifications train in this process and only once: starting workers is what takes time."""
    prepared = PreparedTask(TASK)
    known: dict[tuple[str, int], TrainingRuns] = {}

    def train(task: object, entries: Sequence[tuple[str, int]], *_: object) -> list[TrainingRuns]:
        for name, seed in entries:
            if (name, seed) not in known:
                known[name, seed] = train_network(prepared, Network.parse(name), seed)
        return [known[entry] for entry in entries]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "_train", train)
        yield


def _shifted(table: CurveTable, images: int, sign: np.ndarray) -> CurveTable:
    val = table.val_correct.astype(np.int64) + images * sign[:, None]
    return replace(table, val_correct=np.clip(val, 0, table.meta.n_val).astype(np.uint16))


@pytest.mark.usefixtures("trained_here")
def test_what_differs_is_judged_against_other_seeds(table: CurveTable) -> None:
    alternating = np.where(np.arange(table.n_networks) % 2, 1, -1)
    slightly = verify(_shifted(table, 3, alternating), TASK, n=12, rng=np.random.default_rng(0), processes=1)
    assert (slightly.verdict, slightly.n_exact) == ("within seed noise", 0)
    assert slightly.seed_difference is not None
    assert slightly.seed_difference.std() > 0
    biased = verify(
        _shifted(table, 2000, np.ones(table.n_networks, dtype=int)),
        TASK,
        n=12,
        rng=np.random.default_rng(0),
        processes=1,
    )
    assert biased.verdict == "differs"
    assert biased.p_mean < 0.01


@pytest.mark.usefixtures("trained_here")
def test_wider_than_seed_noise_differs_even_without_bias(table: CurveTable) -> None:
    alternating = np.where(np.arange(table.n_networks) % 2, 1, -1)
    apart = replace(table, val_correct=np.full_like(table.val_correct, 4000))
    wild = verify(_shifted(apart, 3000, alternating), TASK, n=20, rng=np.random.default_rng(0), processes=1)
    assert wild.verdict == "differs"
    assert wild.p_spread < 0.01


def test_another_task_is_refused_and_says_both(table: CurveTable) -> None:
    with pytest.raises(ConfigError, match=r"digits-affine.*mnist-affine"):
        verify(table, MnistAffine(), n=1, rng=np.random.default_rng(0))
    with pytest.raises(ConfigError, match="verify"):
        verify(table, TASK, n=0, rng=np.random.default_rng(0))


def test_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["collect", "benchmark=synthetic", "--verify", "2"]) == 1
    assert "synthetic is no table" in capsys.readouterr().err
    assert main(["collect", "--verify", "none"]) == 1
    assert "expected an integer" in capsys.readouterr().err
    assert main(["collect", "verify=1", f"benchmark={tmp_path / 'none.npz'}"]) == 1
    assert "no such file" in capsys.readouterr().err


@pytest.mark.slow
def test_the_embedded_table_is_what_its_task_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collect", "benchmark=pocket201-mnist", "--verify", "4"]) == 0
    assert "verdict" in capsys.readouterr().out
