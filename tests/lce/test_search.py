"""The wrapper round real optimizers: the optimizers' contract, and a real simulation."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import nascurve
from nascurve import registry
from nascurve.errors import CapabilityError
from nascurve.simulator.types import Optimizer
from nascurve.testing import check_optimizer


@pytest.mark.parametrize("base", ["rs", "re", "ls"])
@pytest.mark.parametrize("options", [{}, {"promotion": "history", "n_initial": 5}])
def test_wrapped_optimizer_keeps_the_contract_of_optimizers(base: str, options: dict[str, Any]) -> None:
    space = nascurve.create_search_space("cell201")
    build = registry.component("optimizers", base)

    def wrapped(rng: np.random.Generator) -> Optimizer:
        extrapolator = nascurve.create_extrapolator("power_law")
        return nascurve.LCE(build(space, rng=rng), extrapolator, e_few=3, k=4, top_n=2, **options)

    check_optimizer(wrapped, space)


def test_simulation_charges_the_prefixes_and_the_rest_of_the_promoted() -> None:
    bench = nascurve.load_benchmark("synthetic")
    base = nascurve.create_optimizer("rs", bench.space, seed=0)
    lce = nascurve.LCE(base, nascurve.create_extrapolator("lightgbm"), e_few=0.25, k=8, top_n=3)
    result = nascurve.simulate(lce, bench, max_evaluations=10 * 11, seed=0)

    last = bench.info.max_epochs
    e_few = round(last / 4)
    assert result.total_epochs == 10 * (8 * e_few + 3 * (last - e_few))
    trained: dict[int, list[int]] = {}
    for record in result.evaluations:
        trained.setdefault(record.trial_id, []).append(record.epochs)
    assert sorted(trained.values()) == [[e_few]] * 50 + [[e_few, last]] * 30
    assert {record.epochs for record in result.evaluations if record.is_incumbent} == {last}


def test_several_workers_never_wait_for_a_round() -> None:
    bench = nascurve.load_benchmark("synthetic")
    base = nascurve.create_optimizer("rs", bench.space, seed=0)
    lce = nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=8)
    result = nascurve.simulate(lce, bench, max_evaluations=300, seed=0, workers=5)
    for worker in range(5):
        parts = [record for record in result.evaluations if record.worker == worker]
        assert all(a.finished_s == b.started_s for a, b in itertools.pairwise(parts))


def test_promoting_pays_when_early_ranks_are_right() -> None:
    """Without noise and crossings three eighths of the candidates cost a quarter each: more are seen."""
    bench = nascurve.load_benchmark("synthetic", noise=0.0, crossing=0.0)
    budget_epochs = 20 * bench.info.max_epochs

    def regret(seed: int, with_lce: bool) -> float:
        optimizer = nascurve.create_optimizer("rs", bench.space, seed=seed)
        if with_lce:
            extrapolator = nascurve.create_extrapolator("last_value")
            optimizer = nascurve.LCE(optimizer, extrapolator, e_few=0.1, k=8, top_n=1)
        result = nascurve.simulate(optimizer, bench, budget_epochs=budget_epochs, seed=seed)
        return float(result.trajectory.at([result.total_time_s]).regret[0])

    plain, wrapped = (np.mean([regret(seed, with_lce) for seed in range(20)]) for with_lce in (False, True))
    assert wrapped < 0.8 * plain


def test_a_benchmark_that_cannot_stop_early_is_refused() -> None:
    bench = nascurve.load_benchmark("synthetic", max_epochs=1, crossing=0.0)
    lce = nascurve.LCE(
        nascurve.create_optimizer("rs", bench.space, seed=0),
        nascurve.create_extrapolator("last_value"),
        e_few=0.2,
    )
    with pytest.raises(CapabilityError, match="learning curves"):
        nascurve.simulate(lce, bench, max_evaluations=10)
