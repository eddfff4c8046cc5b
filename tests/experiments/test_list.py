"""`nascurve list benchmarks`: the sizes of their search spaces."""

from __future__ import annotations

import pytest

from nascurve.experiments.cli import main


def test_sizes_of_benchmarks_with_and_without_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "benchmarks"]) == 0
    facts, about = capsys.readouterr().out.split("\n\n")
    assert "size" not in facts.splitlines()[0]
    assert about.splitlines()[0].split() == ["id", "size", "description"]
    sizes = {line.split()[0]: line.split()[1] for line in about.splitlines()[2:]}
    assert sizes["pocket201-mnist"] == sizes["synthetic"] == "15,625"  # there
    assert (sizes["nbasr"], sizes["nb301"], sizes["nats-sss-cifar10"]) == ("13,824", "1e18", "32,768")
