"""The statistics of a benchmark, on curves where they are known."""

from __future__ import annotations

import numpy as np
import pytest

from nascurve.benchmarks.description import Description
from nascurve.benchmarks.synthetic import SyntheticBenchmark


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
