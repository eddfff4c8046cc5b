"""The statistics of a benchmark, on curves where they are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

import nascurve
from nascurve.benchmarks.description import Description
from nascurve.benchmarks.synthetic import SyntheticBenchmark
from nascurve.experiments.cli import main
from tests.benchmarks.patchy import N_NETWORKS, Patchy
from tests.official_data import nb101, nbnlp

pytestmark = pytest.mark.filterwarnings("error")


def test_known_curves() -> None:
    """Without noise nothing drops, and what stands first at the end has the best test accuracy."""
    bench = SyntheticBenchmark(noise=0.0, crossing=0.0, n_seeds=1, max_epochs=16)
    description = Description.of(bench)
    assert description.n_networks == 5425
    assert description.drops_over_2_points == 0.0
    assert description.tau_early[-1] > 0.9
    assert description.tau_early_epochs == (2, 4, 8)
    best = bench.best()
    assert best is not None
    assert description.best_test_acc == pytest.approx(best[1])
    assert list(description.val_acc_quantiles) == sorted(description.val_acc_quantiles)


def test_crossing_and_noise_show() -> None:
    calm = Description.of(SyntheticBenchmark(noise=0.001, crossing=0.02, n_seeds=1))
    wild = Description.of(SyntheticBenchmark(noise=0.05, crossing=0.2, n_seeds=1))
    assert wild.tau_early[0] < calm.tau_early[0]
    assert wild.drops_over_2_points > calm.drops_over_2_points
    assert wild.share_drop_over_5_points > calm.share_drop_over_5_points
    assert all(label and value for label, value in wild.lines())
    assert np.isfinite(wild.tau_cost_test)
    assert np.isnan(wild.tau_seeds[0])
    seeds = Description.of(SyntheticBenchmark(noise=0.01, n_seeds=2))
    assert 0.7 < seeds.tau_seeds[1] < seeds.tau_seeds[0] < 1.0


def printed(description: Description) -> dict[str, str]:
    lines = description.lines()
    assert not any("nan" in value for _, value in lines)
    return dict(lines)


def test_diverged_runs_are_counted_and_rank_last() -> None:
    benchmark = Patchy()
    description = Description.of(benchmark)
    diverged = -(-N_NETWORKS // 7)
    assert description.n_diverged == diverged
    assert printed(description)["diverged (run 0; left out of the next line)"] == str(diverged)
    assert description.val_acc_quantiles[0] > 0
    archs = list(benchmark.archs.values())
    final = [benchmark.query(arch, seed=0).val_acc[-1] for arch in archs]
    worst = [-1.0 if np.isnan(acc) else acc for acc in final]
    truth = [benchmark.true_test_acc(arch) for arch in archs]
    assert description.tau_val_test == pytest.approx(kendalltau(worst, truth).statistic)
    early = [benchmark.query(arch, seed=0).val_acc[1] for arch in archs]
    assert description.tau_early_epochs == (1, 2, 4)
    assert description.tau_early[1] == pytest.approx(kendalltau(early, worst).statistic)


def test_tau_between_seeds_where_some_networks_have_one_run() -> None:
    description = Description.of(Patchy())
    assert description.n_networks_with_seeds == -(-N_NETWORKS // 2)
    assert description.tau_seeds[0] > 0.8
    assert "tau between training runs, all (2713) / best half" in printed(description)


def test_fidelities_that_are_trainings_of_their_own(tmp_path: Path) -> None:
    """Made-up files of NAS-Bench-101: curves with two measured epochs."""
    nb101.write(tmp_path, n_cells=30)
    benchmark = nascurve.load_benchmark("nb101", data_dir=tmp_path)
    description = Description.of(benchmark)
    assert description.tau_early_epochs == (4, 12, 36)
    archs = benchmark.space.all()  # type: ignore[attr-defined]  # a HeldSpace
    assert description.n_networks == len(archs) == 30
    short = [benchmark.query(arch, seed=0, epochs=12).val_acc[-1] for arch in archs]
    final = [benchmark.query(arch, seed=0).val_acc[-1] for arch in archs]
    assert description.tau_early[1] == pytest.approx(kendalltau(short, final).statistic)
    leader = int(np.argmax([benchmark.query(arch, seed=0, epochs=36).val_acc[-1] for arch in archs]))
    assert description.best_at_quarter_ends_at_rank == 1 + sum(acc > final[leader] for acc in final)
    lines = printed(description)
    assert "final rank of the best at epoch 36" in lines
    assert not any("drop" in label for label in lines)


def test_a_single_fidelity_has_no_early_epochs(tmp_path: Path) -> None:
    """Made-up files of NAS-Bench-101 with one budget."""
    nb101.write(tmp_path, n_cells=30, file="nasbench_only108.tfrecord")
    lines = printed(Description.of(nascurve.load_benchmark("nb101", data_dir=tmp_path)))
    assert not any("epoch" in label for label in lines)
    assert "best test accuracy" in lines


def test_few_networks(tmp_path: Path) -> None:
    """Made-up logs of NAS-Bench-NLP: two cells, one of which diverged; then one cell."""
    rnn, gru = list(nbnlp.CELLS.values())[:2]
    nbnlp.write(tmp_path, [nbnlp.log(rnn, run=0), nbnlp.log(gru, run=1, recorded=7, status="loss is nan!")])
    lines = printed(Description.of(nascurve.load_benchmark("nbnlp", data_dir=tmp_path)))
    assert lines["distinct networks"] == "2"
    assert lines["diverged (run 0; left out of the next line)"] == "1"
    alone = tmp_path / "alone"
    nbnlp.write(alone, [nbnlp.log(gru, run=1, recorded=7, status="loss is nan!")])
    lines = printed(Description.of(nascurve.load_benchmark("nbnlp", data_dir=alone)))
    assert lines["diverged (run 0; left out of the next line)"] == "1"
    assert not any(label.startswith(("tau", "validation")) for label in lines)


def test_the_command_names_fidelities_and_prints_no_nan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nb101.write(tmp_path, n_cells=12)
    assert main(["describe", "nb101", f"data_dir={tmp_path}"]) == 0
    out = capsys.readouterr().out
    assert "trainings of 4/12/36/108 epochs" in out
    assert "nan" not in out
