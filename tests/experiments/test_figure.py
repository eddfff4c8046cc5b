"""The anytime figure: looked at by eye once; here what must stay true of it."""

import re
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nascurve.errors import ConfigError
from nascurve.experiments.figure import FigureSettings, draw_anytime
from nascurve.experiments.figure_files import save_figures

from .fakes import runs


def many(shift: float, n: int = 6) -> list[list[tuple[float, float]]]:
    rng = np.random.default_rng(round(100 * shift))
    times = rng.uniform(5, 40, (n, 12)).cumsum(axis=1)
    regrets = np.minimum.accumulate(shift * rng.uniform(0.1, 1, (n, 12)), axis=1)
    return [list(zip(t.tolist(), r.tolist(), strict=True)) for t, r in zip(times, regrets, strict=True)]


FRAME = runs(
    {("re", "none"): many(0.3), ("re", "lv"): many(0.2), ("rs", "none"): many(0.4), ("rs", "lv"): many(0.25)}
)


def draw(**settings: str) -> Figure:
    return draw_anytime(
        FRAME,
        title="bench-v1",
        budget_s=400,
        training_s=4.9,
        settings=FigureSettings(**settings),  # type: ignore[arg-type]
    )


def lines(figure: Figure) -> list[tuple[str, str]]:
    return [
        (str(line.get_color()), str(line.get_linestyle()))
        for line in figure.axes[0].lines
        if line.get_drawstyle() == "steps-post"
    ]


@pytest.mark.parametrize("size", ["page", "column"])
@pytest.mark.parametrize("x", ["log", "linear"])
def test_nothing_is_clipped_and_the_legend_covers_no_curve(size: str, x: str) -> None:
    figure = draw(size=size, x=x)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    axes_box = figure.axes[0].get_window_extent(renderer)
    legend_box = figure.legends[0].get_window_extent(renderer)
    assert not axes_box.overlaps(legend_box)
    tight = figure.get_tightbbox(renderer)
    width, height = figure.get_size_inches()
    assert tight.x0 >= 0
    assert tight.y0 >= 0
    assert tight.x1 <= width
    assert tight.y1 <= height


def test_one_colour_an_optimizer_and_dashed_without_lce() -> None:
    drawn = lines(draw())
    assert drawn[0][0] == drawn[1][0] != drawn[2][0] == drawn[3][0]
    assert [style for _, style in drawn] == ["--", "-", "--", "-"]


def test_axes_have_units_and_the_cost_of_a_training_is_marked() -> None:
    axes = draw().axes[0]
    assert axes.get_xlabel() == "simulated time (s)"
    assert axes.get_ylabel() == "mean true test regret (percentage points)"
    assert axes.get_yscale() == axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["one full training (4.9 s)"]
    assert axes.get_xlim()[1] == 400


def test_the_legend_names_optimizers_and_styles() -> None:
    texts = [text.get_text() for text in draw().legends[0].get_texts()]
    assert texts == ["re", "rs", "with LCE: lv", "without LCE"]


def test_the_curve_is_the_mean_in_points() -> None:
    line = next(line for line in draw().axes[0].lines if line.get_drawstyle() == "steps-post")
    last = FRAME[(FRAME["optimizer"] == "re") & (FRAME["lce"] == "none")].groupby("seed")["regret"].last()
    assert np.asarray(line.get_ydata())[-1] == pytest.approx(100 * last.mean())


def test_test_error_where_the_best_is_unknown() -> None:
    frame = runs({("re", "none"): many(0.3)}, best=None)
    figure = draw_anytime(frame, title="", budget_s=400, training_s=None, settings=FigureSettings())
    assert figure.axes[0].get_ylabel() == "mean true test error (%)"


def test_a_regret_of_zero_does_not_break_the_log_axis() -> None:
    frame = runs({("re", "none"): [[(1, 0.2), (9, 0.0)], [(2, 0.1), (8, 0.0)]]})
    figure = draw_anytime(frame, title="", budget_s=10, training_s=1, settings=FigureSettings())
    low, high = figure.axes[0].get_ylim()
    assert 0 < low < high


def test_no_incumbent_at_all_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="nothing to draw"):
        draw_anytime(FRAME.iloc[:0], title="", budget_s=1, training_s=1, settings=FigureSettings())


def test_bad_settings() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'linear'"):
        FigureSettings(x="linea")  # type: ignore[arg-type]


def test_files_png_and_vector_pdf_with_embedded_fonts_the_same_each_time(tmp_path: Path) -> None:
    png, pdf = save_figures({"anytime": draw()}, tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    first = pdf.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", first, re.DOTALL)
    assert b"/FontFile2" in first
    assert b"/Type3" not in first
    assert b"/Subtype /Image" not in first
    assert any(zlib.decompressobj().decompress(stream).count(b" l\n") > 50 for stream in streams[:3])
    save_figures({"anytime": draw()}, tmp_path)
    assert pdf.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["anytime.pdf", "anytime.png"]


MANY = runs({(o, lce): many(0.2 + 0.02 * len(lce)) for o in ("rs", "re", "ls") for lce in ("none", *"abcd")})


def panels(frame: pd.DataFrame, **settings: str) -> list[Axes]:
    chosen = FigureSettings(**settings)  # type: ignore[arg-type]
    figure = draw_anytime(frame, title="bench-v1", budget_s=400, training_s=4.9, settings=chosen)
    return [axes for axes in figure.axes if axes.get_visible()]


def test_each_optimizer_has_a_panel_where_there_are_many_ways_of_lce() -> None:
    assert len(panels(FRAME)) == len(panels(MANY, panels="one")) == 1
    assert len(panels(FRAME, panels="optimizer")) == 2
    for size in ("page", "column"):
        drawn = panels(MANY, size=size)
        assert [axes.get_title() for axes in drawn] == ["rs", "re", "ls"]
        for axes in drawn:
            steps = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
            assert len({line.get_color() for line in steps}) == len(steps) == 5
            assert [line.get_linestyle() for line in steps].count("-") == 4
        legend = drawn[0].figure.legends[0]
        assert [text.get_text() for text in legend.get_texts()] == [*"abcd", "without LCE"]


def test_of_very_many_methods_the_best_are_drawn_and_the_title_says_so() -> None:
    curves = {(f"o{n}", "none"): many(0.1 + 0.01 * (60 - n), n=3) for n in range(60)}
    figure = draw_anytime(
        runs(curves), title="bench-v1", budget_s=400, training_s=4.9, settings=FigureSettings()
    )
    assert figure.axes[0].get_title() == "bench-v1: best 40 of 60 methods, 3 seeds, 95 % band"
    ends = {key[0]: np.mean([seed[-1][1] for seed in seeds]) for key, seeds in curves.items()}
    best = sorted(ends, key=lambda name: ends[name])[:40]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {*best, "without LCE"}
    looks = [
        (line.get_color(), line.get_marker()) for line in figure.axes[0].lines if line.get_marker() != "None"
    ]
    assert len(set(looks)) == len(looks) == 40
    tight = figure.get_tightbbox(figure.canvas.get_renderer())  # type: ignore[attr-defined]
    assert tight.y0 >= 0
    assert tight.x1 <= figure.get_size_inches()[0]
