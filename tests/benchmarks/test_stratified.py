"""The fixed set of networks that gets more training seeds."""

from __future__ import annotations

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.network import Network
from nascurve.benchmarks.stratified import stratified_networks
from nascurve.errors import ConfigError
from nascurve.experiments.collect_command import _networks


@pytest.fixture(scope="module")
def table():
    return nascurve.load_benchmark("pocket201-mnist-v1").table


def test_it_is_fixed_distinct_and_covers_the_better_half(table) -> None:
    chosen = stratified_networks(table, 400)
    assert chosen == stratified_networks(table, 400)
    assert len(set(chosen)) == 400
    assert all(network.edges for network in chosen)
    names = table.network.tolist()
    test = table.test_correct[0].astype(int)
    rank = np.argsort(np.argsort(test)) / len(test)
    ranks = np.array([rank[names.index(str(network))] for network in chosen])
    assert 295 <= (ranks > 0.5).sum() <= 305
    counts = np.histogram(ranks[ranks > 0.5], bins=6, range=(0.5, 1.0))[0]
    assert counts.min() >= 47
    # any first part of it is a sample of the same kind
    assert 60 <= (ranks[:100] > 0.5).sum() <= 90


@pytest.mark.parametrize("n", [0, 5425, 4000])
def test_more_than_there_are_is_refused(table, n: int) -> None:
    with pytest.raises(ConfigError, match="stratified"):
        stratified_networks(table, n)


def test_collect_takes_it() -> None:
    networks = _networks("cell201", "stratified-12", "pocket201-mnist")
    assert len(set(networks)) == 12
    assert isinstance(networks[0], Network)
    with pytest.raises(ConfigError, match="stratified-<number>"):
        _networks("cell201", "stratified", "pocket201-mnist")
