"""Every registered search space keeps the contract; and the contract test finds those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.registry import create_search_space, ids
from nascurve.testing import check_search_space


@pytest.mark.parametrize("space_id", ids("search_spaces"))
def test_registered_space_keeps_the_contract(space_id):
    space = create_search_space(space_id)
    assert space.name == space_id
    check_search_space(space)
    check_search_space(space, rng=np.random.default_rng(7), n=10)


class MutatesToItself(Cell201Space):
    def mutate(self, arch, rng):
        rng.random()
        return arch


class MutatesTwice(Cell201Space):
    def mutate(self, arch, rng):
        far = self.neighbors(self.neighbors(arch)[0])[-1]
        rng.random()
        return far


class HoldsItself(Cell201Space):
    def neighbors(self, arch):
        return (arch, *super().neighbors(arch))


class ForgetsOrder(Cell201Space):
    count = 0

    def neighbors(self, arch):
        self.count += 1
        found = super().neighbors(arch)
        return found[self.count % 24 :] + found[: self.count % 24]


class SharesItsTable(Cell201Space):
    table: dict[int, np.ndarray] = {}  # noqa: RUF012

    def encode(self, archs, kind=None):
        return self.table.setdefault(
            (kind or "adjacency", *(a.index for a in archs)), super().encode(archs, kind)
        )


class ParsesAnything(Cell201Space):
    def parse(self, text):
        return super().parse(text.strip("x")) if "|" in text else self.all()[0]


class KeyOfTheMoment(Cell201Space):
    count = 0

    def key(self, arch):
        self.count += 1
        return f"{self.count}"


class NotDeterministic(Cell201Space):
    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def sample(self, rng):
        return super().sample(self.rng)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (MutatesToItself, "mutate gives a different"),
        (MutatesTwice, "mutate gives a neighbor"),
        (HoldsItself, "itself"),
        (ForgetsOrder, "fixed order"),
        (SharesItsTable, "fresh array"),
        (ParsesAnything, "parse"),
        (KeyOfTheMoment, "equal keys"),
        (NotDeterministic, "same seed"),
    ],
)
def test_contract_finds_the_broken_rule(broken, rule):
    with pytest.raises(AssertionError, match=rule):
        check_search_space(broken(), n=10)
