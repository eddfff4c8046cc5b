"""`nascurve noise`: its files, figures and errors."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from nascurve.benchmarks.noise.estimate import Bootstrap, Estimate
from nascurve.benchmarks.noise.study import NoiseStudy
from nascurve.benchmarks.noise.transfer import Transfer
from nascurve.benchmarks.synthetic import SyntheticBenchmark
from nascurve.errors import ConfigError, UnknownIdError
from nascurve.experiments import noise_figure
from nascurve.experiments.cli import main as cli
from nascurve.experiments.noise_command import main, transfers_between
from nascurve.experiments.noise_figure import FIGURES, draw_noise, save_noise_figures
from nascurve.experiments.noise_table import NoiseTable
from nascurve.experiments.usage import UsageError


def study(**options: Any) -> NoiseStudy:
    return NoiseStudy.of(SyntheticBenchmark(max_epochs=16, **options), bootstrap=Bootstrap(resamples=3))


@pytest.fixture(scope="module")
def studies() -> dict[str, NoiseStudy]:
    return {
        "a benchmark of three runs": study(n_seeds=3, noise=0.03),
        "another benchmark, with a long name (of a single run)": study(n_seeds=1),
    }


@pytest.fixture(scope="module")
def transfers(studies: dict[str, NoiseStudy]) -> dict[str, Transfer]:
    benchmarks = [SyntheticBenchmark(), SyntheticBenchmark()]
    return transfers_between(studies, benchmarks, bootstrap=Bootstrap(resamples=3))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# the command


def test_the_shipped_table_side_by_side_with_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [
        "benchmark=pocket201-mnist",
        "reference=synthetic",
        "reference.n_seeds=2",
        "resamples=2",
        "figures=false",
    ]
    assert cli(["noise", *args, f"out={tmp_path / 'a'}"]) == 0
    out = capsys.readouterr()
    assert "noise.csv, noise.md" in out.err
    rows = read(tmp_path / "a" / "noise.csv")
    assert list(rows[0]) == [
        *("benchmark", "section", "statistic", "value", "low", "high", "n", "unit", "note"),
    ]
    names = list(dict.fromkeys(row["benchmark"] for row in rows))
    assert names == ["pocket201-mnist-v2", "synthetic-v1 (n_seeds=2)"]
    by_label = {(row["benchmark"], row["statistic"]): row for row in rows}
    assert by_label[names[0], "networks"]["value"] == "5425"
    best = by_label[names[1], "best"]
    assert float(best["value"]) == pytest.approx(100 * SyntheticBenchmark(n_seeds=2).best()[1], rel=1e-5)  # type: ignore[index]
    tau = by_label[names[1], "tau between runs, all"]
    assert float(tau["low"]) <= float(tau["high"])
    for row in rows:
        assert row["value"] or row["note"], row
    assert by_label[names[0], "networks in both"]["value"] == by_label[names[1], "networks in both"]["value"]
    assert "tau between runs, all" in out.out
    assert names[1] in out.out
    # the same command, the same bytes
    cli(["noise", *args, f"out={tmp_path / 'b'}"])
    for name in ("noise.csv", "noise.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_markdown_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise_figure, "FIGURES", ("distribution", "seeds"))
    main(["benchmark=synthetic", "benchmark.n_seeds=1", "resamples=0", "markdown=true", f"out={tmp_path}"])
    out = capsys.readouterr().out
    assert out.strip() == (tmp_path / "noise.md").read_text(encoding="utf-8").strip()
    assert "### Landscape" in out
    assert "needs two runs of a network; there is one" in out
    drawn = {path.stem.removeprefix("noise-") for path in tmp_path.glob("noise-*.png")}
    assert drawn == {"distribution"}  # a single run
    assert {path.stem.removeprefix("noise-") for path in tmp_path.glob("noise-*.pdf")} == drawn


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        (["data_file=x.npz"], ConfigError, r"no option 'data_file'.*benchmark\.data_file="),
        (["benchmark=pocket201"], UnknownIdError, "Did you mean 'pocket201-mnist'"),
        (["benchmark=[a,b]"], UsageError, "takes one id"),
        (["benchmark=null"], UsageError, "needs an id"),
        (["reference.dataset=cifar10"], UsageError, "reference= is missing"),
        (["resamples=-1"], ConfigError, "resamples: expected an integer of at least 0"),
        (["figures=maybe"], ConfigError, "figures: expected true or false"),
        (["out="], ConfigError, "out: expected the path"),
        (["--force"], UsageError, "unknown flag"),
        (["benchmark=synthetic", "benchmark.seeds=3"], ConfigError, "unexpected keyword argument 'seeds'"),
    ],
)
def test_mistakes(args: list[str], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        main(args)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "usage: nascurve noise" in capsys.readouterr().out
    cli(["--help"])
    assert "\n  noise " in capsys.readouterr().out


# the table


def estimate(label: str, value: float, **more: Any) -> Estimate:
    return Estimate(section="part", label=label, value=value, **more)


def test_cells_and_notes() -> None:
    table = NoiseTable(
        {
            "x": [
                estimate("networks", 100, n=100),
                estimate("tau", 0.91234, low=0.9, high=0.92, n=50),
                estimate("curse", math.nan, unit="points", note="needs two runs"),
                estimate("zero", -0.0004, n=100, low=-1, high=1),
            ],
            "y": [
                estimate("networks", 20, n=20),
                estimate("curse", 1.234, n=20, unit="points"),
                estimate("more", 3.0, n=20, unit="s", note="needs two runs"),
            ],
        }
    )
    assert table.to_markdown().splitlines()[:11] == [
        "### Part",
        "",
        "| statistic | x | y |",
        "| :-- | --: | --: |",
        "| networks | 100 | 20 |",
        "| tau | 0.912 [0.900, 0.920], n = 50 | - |",
        "| curse (points) | - (1) | 1.23 |",
        "| more (s) | - | 3 (1) |",
        "| zero | 0.000 [-1.000, 1.000] | - |",
        "",
        "1. needs two runs",
    ]
    assert "(1) needs two runs" in table.to_text()
    csv_lines = table.to_csv().splitlines()
    assert "x,part,curse,,,,0,points,needs two runs" in csv_lines
    assert "x,part,tau,0.91234,0.9,0.92,50,," in csv_lines


# the figures


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("first", [0, 1])
def test_nothing_is_clipped_or_covered(
    name: str, first: int, studies: dict[str, NoiseStudy], transfers: dict[str, Transfer]
) -> None:
    """Alone (first = 1: the benchmark of a single run) and side by side."""
    shown = dict(list(studies.items())[first:])
    figure = draw_noise(name, shown, transfers if first == 0 else {})
    if name in ("seeds", "transfer") and first == 1:
        assert figure is None  # a single run, and of a single benchmark: nothing to show
        return
    assert figure is not None
    with rc_context(noise_figure.RC):
        check_layout(figure)


def check_layout(figure: Figure) -> None:
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    tight, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    assert tight.x0 >= 0
    assert tight.y0 >= 0
    assert tight.x1 <= width
    assert tight.y1 <= height
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
    boxes += [legend.get_window_extent(renderer) for legend in figure.legends]
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])  # type: ignore[union-attr, arg-type]
    for axes in figure.axes:
        assert axes.get_title()
        assert axes.get_ylabel() or not axes.get_yticks().size


def test_colours_tell_studies_apart_and_the_legend_names_them(studies: dict[str, NoiseStudy]) -> None:
    figure = draw_noise("drops", studies)
    assert figure is not None
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == [*studies, "drop of more than 3 points", "of more than 10 points"]
    lines = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines]
    assert lines == [("#0072B2", "-"), ("#0072B2", "--"), ("#E69F00", "-"), ("#E69F00", "--")]
    smooth = draw_noise("residuals", dict(list(studies.items())[1:]))
    assert smooth is not None
    assert [text.get_text() for text in smooth.legends[0].get_texts()] == ["off a smooth fit of the curve"]
    alone = draw_noise("seeds", dict(reversed(studies.items())))
    assert alone is not None
    assert alone.get_suptitle() == "a benchmark of three runs"  # the reference alone keeps its colour
    assert alone.axes[0].collections[0].get_facecolor()[0][:3] == pytest.approx((0.902, 0.624, 0), abs=0.01)


def test_a_panel_without_data_says_so(studies: dict[str, NoiseStudy]) -> None:
    figure = draw_noise("selection", dict(list(studies.items())[1:]))
    assert figure is not None
    assert [text.get_text() for text in figure.axes[1].texts] == ["needs two runs of each network"]


def test_figure_files_have_embedded_fonts_and_the_same_bytes(
    tmp_path: Path, studies: dict[str, NoiseStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise_figure, "FIGURES", ("epochs", "landscape"))
    paths = save_noise_figures(studies, tmp_path)
    assert [path.name for path in paths] == [
        f"noise-{name}.{suffix}" for name in ("epochs", "landscape") for suffix in ("png", "pdf")
    ]
    first = {path: path.read_bytes() for path in paths}
    assert first[tmp_path / "noise-epochs.png"].startswith(b"\x89PNG")
    assert b"/FontFile2" in first[tmp_path / "noise-epochs.pdf"]
    assert b"/Type3" not in first[tmp_path / "noise-epochs.pdf"]
    save_noise_figures(studies, tmp_path)
    assert {path: path.read_bytes() for path in paths} == first
    assert len(list(tmp_path.iterdir())) == 4
