"""All tables and figures of a study at once, of results that `nascurve compare` wrote."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import nascurve
from nascurve.errors import ConfigError
from nascurve.experiments.figure_files import save_figures
from nascurve.experiments.results import Results, read_study
from nascurve.experiments.statistics.looks import looks
from nascurve.experiments.statistics.overview import statistic_figures, statistic_tables
from nascurve.experiments.statistics.study import PairedStudy

from .studies import finals, searches


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    out = tmp_path_factory.mktemp("study")
    for benchmark in ("pocket201-digits", "synthetic"):
        nascurve.compare(["rs", "re"], benchmark, seeds=range(8), budget_trainings=20, out=out / benchmark)
    return read_study(out)


def test_tables_of_a_study_of_two_tasks(study: dict[str, Results]) -> None:
    tables = statistic_tables(study)
    assert list(tables) == [
        *("final", "area", "rank", "tests_reference", "tests_area", "tests_pairs", "improvement"),
        *("speed_up_lce", "speed_up_reference"),
    ]
    assert tables["final"]["method"].tolist() == ["rs", "rs+last_value", "re", "re+last_value"]
    assert tables["final"].attrs["title"] == "final regret (relative to rs)"
    assert "Friedman's test" in tables["rank"].attrs["note"]
    assert len(tables["tests_reference"]) == 2 * 3
    assert len(tables["tests_pairs"]) == len(tables["improvement"]) == 6
    assert set(tables["speed_up_reference"]["baseline"]) == {"rs"}
    for table in tables.values():
        assert len(table)
        assert table.attrs["note"]


def test_the_reference_can_be_chosen(study: dict[str, Results]) -> None:
    tables = statistic_tables(study, reference="re")
    assert set(tables["tests_reference"]["reference"]) == {"re"}
    assert tables["final"].set_index("method").loc["re", "mean"] == pytest.approx(1)
    with pytest.raises(ConfigError, match="no method 'er'"):
        statistic_tables(study, reference="er")


def test_the_same_study_gives_the_same_numbers(study: dict[str, Results]) -> None:
    first, again = statistic_tables(study), statistic_tables(study)
    assert all(first[name].equals(again[name]) for name in first)


def test_few_seeds_or_one_method_have_what_can_be_said() -> None:
    few = statistic_tables({"a": searches(4, 4, rng=np.random.default_rng(1))})
    assert "tests_pairs" not in few
    assert "No tests with fewer than 6 seeds" in few["rank"].attrs["note"]
    one = {"a": finals({("rs", "none"): np.arange(5) / 100})}
    assert list(statistic_tables(one)) == ["final", "area"]
    assert list(statistic_figures(one)) == ["intervals", "profiles"]
    assert "critical_differences" not in statistic_figures(
        {"a": searches(3, 4, rng=np.random.default_rng(1))}
    )


def inside(figure: Figure) -> bool:
    """Whether nothing is cut off at the edges."""
    box = figure.get_tightbbox(figure.canvas.get_renderer())  # type: ignore[attr-defined]
    width, height = figure.get_size_inches()
    return bool(box.x0 >= -0.01 and box.y0 >= -0.01 and box.x1 <= width + 0.01 and box.y1 <= height + 0.01)


@pytest.mark.parametrize("n_methods", [2, 20])
def test_figures_of_few_and_of_many_methods(n_methods: int, tmp_path: Path) -> None:
    made = {"a": searches(n_methods, 7, rng=np.random.default_rng(2))}
    figures = statistic_figures(made)
    assert list(figures) == [
        *("intervals", "rank_over_time", "critical_differences", "improvement", "profiles")
    ]
    for name, figure in figures.items():
        assert inside(figure), name
    names = set(PairedStudy.of(made).methods)
    legend = figures["rank_over_time"].legends[0]
    assert {text.get_text() for text in legend.get_texts()} == names
    assert len(save_figures({"rank": figures["rank_over_time"]}, tmp_path)) == 2


def test_the_diagram_joins_methods_that_are_not_told_apart() -> None:
    rng = np.random.default_rng(4)
    base = rng.random(20)
    best = base - 1
    alike = {("b", "none"): base, ("c", "none"): base + rng.normal(0, 0.01, 20)}
    figure = statistic_figures({"a": finals({("a", "none"): best, **alike})})["critical_differences"]
    axes = figure.axes[0]
    bars = [line for line in axes.lines if len(set(np.asarray(line.get_ydata()).tolist())) == 1]
    assert len(bars) == 1
    low, high = sorted(np.asarray(bars[0].get_xdata(), dtype=float))
    assert 2 <= low < high <= 3  # b and c; a, of rank 1, stands alone
    assert "Friedman p < .0001" in axes.get_title()


def test_no_bar_is_missing_where_friedman_finds_nothing() -> None:
    rng = np.random.default_rng(5)
    values = {(name, "none"): rng.random(12) for name in "abcd"}
    axes = statistic_figures({"a": finals(values)})["critical_differences"].axes[0]
    bars = [line for line in axes.lines if len(set(np.asarray(line.get_ydata()).tolist())) == 1]
    assert [len(np.asarray(bar.get_xdata())) for bar in bars] == [4]


def test_looks_are_all_different() -> None:
    for keys in (
        [(f"o{i}", lce) for i in range(5) for lce in ("none", "x", "y", "z")],
        [("re", "none"), *(("re", f"lce{i}") for i in range(19))],
        [(f"o{i}", "none") for i in range(20)],
    ):
        made = {"a": finals({key: np.arange(3) / 10 for key in keys})}
        found = looks(PairedStudy.of(made))
        assert len(set(found.values())) == len(keys)


@pytest.mark.perf
@pytest.mark.parametrize(("methods", "seeds", "tasks", "limit_s"), [(10, 100, 5, 30), (8, 12_500, 1, 120)])
def test_speed(methods: int, seeds: int, tasks: int, limit_s: float) -> None:
    rng = np.random.default_rng(0)
    made = {f"task{n}": searches(methods, seeds, rng=rng) for n in range(tasks)}
    for compute in (statistic_tables, statistic_figures):
        start_s = time.process_time()
        compute(made)
        spent_s = time.process_time() - start_s
        print(f"{methods} methods, {seeds} seeds, {tasks} tasks: {compute.__name__} {spent_s:.1f} s CPU")
        assert spent_s < limit_s
