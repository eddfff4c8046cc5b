"""The growth study: that its command runs, draws and keeps. The numbers are measured by hand."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks_perf.growth.history import half_decades
from benchmarks_perf.growth.point import Point, by_series, exponent, read_points, write_points
from benchmarks_perf.growth.table import tables

ROOT = Path(__file__).parent.parent


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks_perf.growth", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def _points(power: float) -> list[Point]:
    return [Point(series="a", size=size, values={"cpu_s": 3 * size**power}) for size in (1, 10, 100, 1000)]


def test_a_part_is_measured_tabled_drawn_and_kept(tmp_path: Path) -> None:
    done = _run("quick", "rows=budget", f"out={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tables.md").read_text() in done.stdout
    assert "| rs + last_value |" in done.stdout
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    points = by_series(read_points(tmp_path / "budget.json"))
    assert [point.size for point in points["re"]] == [10, 100, 1000]
    assert points["rs"][-1].values["evaluations"] > 900
    before = (tmp_path / "budget.json").read_bytes()
    again = _run("quick", "rows=budget", "resume", f"out={tmp_path}")
    assert "budget: kept" in again.stderr
    assert (tmp_path / "budget.json").read_bytes() == before


def test_usage_errors() -> None:
    for wrong in ("rows=speed", "sizes=3"):
        done = _run(wrong)
        assert done.returncode == 2, wrong
        assert wrong.partition("=")[0] in done.stderr


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_is_the_slope(power: float) -> None:
    assert exponent(_points(power), "cpu_s") == pytest.approx(power)


def test_there_is_no_exponent_of_one_size() -> None:
    assert math.isnan(exponent(_points(1.0)[:1], "cpu_s"))
    assert math.isnan(exponent(_points(1.0), "wall_s"))


def test_points_come_back_from_a_file_and_into_a_table(tmp_path: Path) -> None:
    write_points(_points(2.0), tmp_path / "budget.json")
    points = read_points(tmp_path / "budget.json")
    assert points == _points(2.0)
    assert "| a | 3 | 300 | 30,000 | 3,000,000 | 2.00 |" in tables({"budget": points})


def test_marks_are_half_decades_up_to_the_last() -> None:
    assert half_decades(100, 2000) == [100, 316, 1000, 2000]
    assert half_decades(100, 100) == [100]
