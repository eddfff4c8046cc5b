"""`nascurve lce evaluate`: its files, its cache, its figures and its errors."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from nascurve.errors import CapabilityError, ConfigError, DataFileError, UnknownIdError
from nascurve.experiments import lce_evaluate_run
from nascurve.experiments.cli import main as cli
from nascurve.experiments.lce_command import main
from nascurve.experiments.lce_evaluate_logs import read_logs
from nascurve.experiments.lce_evaluate_source import read_runs
from nascurve.experiments.lce_evaluate_summary import metrics_frame, paired_frame
from nascurve.experiments.lce_evaluate_table import format_evaluation
from nascurve.experiments.usage import UsageError
from nascurve.lce.evaluation import fans as fans_module
from nascurve.lce.evaluation.halves import is_reporting
from nascurve.lce.evaluation.settings import EvaluationSettings
from tests.official_data import real_sample

E = 12
COLUMNS = ["extrapolator", "prefix", "fit_curves", "tau", "rho", "rmse", "recall_top10", "log_lik", "crps"]
COLUMNS += ["coverage_50", "coverage_90", "curves_per_s"]


def curves(n: int = 50, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    final, rate = rng.uniform(0.4, 0.9, (n, 1)), rng.uniform(0.6, 1.4, (n, 1))
    values = final - 0.3 * np.arange(1.0, E + 1) ** -rate + rng.normal(0, 0.003, (n, E))
    return np.clip(values, 0, 1)


def write_csv(path: Path, values: np.ndarray[Any, Any], names: list[str] | None = None) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["architecture", *range(1, values.shape[1] + 1)])
        for place, row in enumerate(values):
            name = f"net-{place}" if names is None else names[place]
            writer.writerow([name, *("" if np.isnan(x) else repr(float(x)) for x in row)])
    return path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    values = curves()
    values[3, 8:] = np.nan  # diverged
    return write_csv(tmp_path / "mine.csv", values)


def args(logs: Path, out: Path, *more: str) -> list[str]:
    return [
        *("lce", "evaluate", "source=logs", f"data={logs}", f"out={out}", "prefixes=[3,.5]", "splits=3"),
        *("fit_curves=[0,8]", "extrapolators=[last_value,power_law]", "figures=false", *more),
    ]


def untimed(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path)
    return frame[[name for name in frame if not name.startswith(("curves_per_s", "cpu_s"))]]


# what it writes


def test_tables_and_what_is_printed(logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert cli(args(logs, out)) == 0
    captured = capsys.readouterr()
    assert (
        "mine: 49 runs of 49 architectures, 12 epochs; left out: 1 runs without an accuracy after epoch 12"
        in captured.err
    )
    metrics = pd.read_csv(out / "metrics.csv")
    assert list(metrics) == [*COLUMNS, *(f"{name}_se" for name in COLUMNS[3:])]
    assert [tuple(row) for row in metrics[COLUMNS[:3]].to_numpy().tolist()] == [
        (label, prefix, n) for label in ("last_value", "power_law") for prefix in (3, 6) for n in (0, 8)
    ]
    assert not metrics.isna().any().any()
    splits = pd.read_csv(out / "splits.csv")
    assert len(splits) == 3 * len(metrics)
    assert set(splits["left_out_runs"]) == {1}
    assert set(splits["n_test"]) == {25}
    cell = splits[
        (splits["extrapolator"] == "power_law") & (splits["prefix"] == 6) & (splits["fit_curves"] == 8)
    ]
    row = metrics.iloc[7]
    assert row["tau"] == pytest.approx(cell["tau"].mean(), rel=1e-5)
    assert row["tau_se"] == pytest.approx(cell["tau"].std() / np.sqrt(3), rel=1e-4)
    paired = pd.read_csv(out / "paired.csv")
    mine = paired[(paired["metric"] == "rmse") & (paired["prefix"] == 6) & (paired["fit_curves"] == 8)]
    against = mine[mine["against"] == "last_value"]
    other = splits[
        (splits["extrapolator"] == "last_value") & (splits["prefix"] == 6) & (splits["fit_curves"] == 8)
    ]
    assert against["difference"].item() == pytest.approx(cell["rmse"].mean() - other["rmse"].mean(), rel=1e-4)
    assert "curves/s" in captured.out
    assert "Paired differences to last_value" in captured.out
    assert "metrics.csv, splits.csv, paired.csv" in captured.err


def test_one_half_and_only_runs_that_learnt(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = pd.read_csv(logs)
    final = values["12"]
    names = values["architecture"][final >= 0.42]
    n_half = sum(is_reporting([name]) for name in names)
    out = tmp_path / "out"
    assert cli(args(logs, out, "test_on=reporting", "min_final_acc=.42")) == 0
    err = capsys.readouterr().err
    assert f"{len(names)} runs of {len(names)} architectures" in err
    assert f"{(final < 0.42).sum()} runs below min_final_acc" in err
    assert (
        f"each tests {-(-n_half // 2)} of {n_half} architectures of the reporting half and fits up to 8"
        in err
    )
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["experiment"]["evaluation"]["test_on"] == "reporting"
    assert config["reference"]["reporting_architectures"] == n_half
    assert set(pd.read_csv(out / "splits.csv")["n_test"]) == {-(-n_half // 2)}


def test_the_same_numbers_again_and_as_markdown(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        assert cli(args(logs, tmp_path / name, "markdown=true")) == 0
    for name in ("metrics.csv", "splits.csv", "paired.csv"):
        assert untimed(tmp_path / "a" / name).equals(untimed(tmp_path / "b" / name))
    assert "| :-- | --: |" in capsys.readouterr().out


@pytest.mark.slow
def test_the_same_numbers_with_several_processes(logs: Path, tmp_path: Path) -> None:
    for name, jobs in (("one", 1), ("two", 2)):
        assert cli(args(logs, tmp_path / name, "extrapolators=[last_value,lightgbm]", f"jobs={jobs}")) == 0
    for name in ("metrics.csv", "splits.csv"):
        assert untimed(tmp_path / "one" / name).equals(untimed(tmp_path / "two" / name))


def draw_all(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> list[Any]:
    """The figures (fans, prefixes, calibration) that the command writes."""
    from nascurve.experiments import lce_figures

    drawn: list[Any] = []
    for name in ("draw_fans", "draw_prefixes", "draw_calibration"):
        draw = getattr(lce_figures, name)
        monkeypatch.setattr(lce_figures, name, lambda *a, d=draw, **k: drawn.append(d(*a, **k)) or drawn[-1])
    assert cli(arguments) == 0
    return drawn


def test_figures(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(fans_module, "SHOWN", (0.05, 0.5, 0.95))
    small = ["figures=true", "splits=1", "prefixes=[3]", "fit_curves=[8]"]
    fans, prefixes, calibration = draw_all(monkeypatch, args(logs, out, *small))
    for name in ("lce-fans", "lce-prefix", "lce-calibration"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"/Type3" not in (out / f"{name}.pdf").read_bytes()
    assert len(fans.axes) == 2 * 3
    assert [axes.get_title() for axes in fans.axes[:3]] == [".04", ".50", ".96"]
    assert [len(axes.lines) for axes in prefixes.axes] == [2, 2]
    assert prefixes.axes[0].get_title() == "8 fitted curves"
    assert calibration.axes[0].get_title() == "3 epochs seen, 8 fitted curves"
    assert {text.get_text() for text in calibration.legends[0].get_texts()} == {"last_value", "power_law"}
    level, below = calibration.axes[0].lines[1].get_data()
    cell = json.loads((out / "cache" / "last_value" / "split-0000.json").read_text())[0]
    assert below.tolist() == cell["scores"]["below"]
    assert len(level) == 19
    assert_nothing_is_clipped_or_covered(fans)


@pytest.mark.slow
def test_large_figures_are_laid_out(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = ["figures=true", "prefixes=[1,2,4,8]", "fit_curves=[0,2,8]"]
    entries = ",".join(f"{{id: power_law, label: a-long-label-{n}}}" for n in range(9))
    for figure in draw_all(monkeypatch, args(logs, tmp_path / "out", *large, f"extrapolators=[{entries}]")):
        assert_nothing_is_clipped_or_covered(figure)


def assert_nothing_is_clipped_or_covered(figure: Any) -> None:
    renderer = figure.canvas.get_renderer()
    tight, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    assert min(tight.x0, tight.y0) >= 0
    assert tight.x1 <= width
    assert tight.y1 <= height
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes if axes.axison]
    boxes += [legend.get_window_extent(renderer) for legend in figure.legends]
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


# the cache


def test_what_was_done_is_not_done_again(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    compute = lce_evaluate_run._compute

    def counted(part: lce_evaluate_run.Part) -> Any:
        if len(done) == 4 and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        done.append(f"{part.spec.label} {part.name}")
        return compute(part)

    interrupted: list[bool] = []
    monkeypatch.setattr(lce_evaluate_run, "_compute", counted)
    out = tmp_path / "out"
    assert cli(args(logs, out)) == 130
    assert "4 of 6 parts are done. They are kept" in capsys.readouterr().err
    assert not (out / "metrics.csv").exists()
    assert cli(args(logs, out)) == 0
    assert len(done) == len(set(done)) == 6
    whole = untimed(out / "metrics.csv")
    assert cli(args(logs, tmp_path / "fresh")) == 0
    assert whole.equals(untimed(tmp_path / "fresh" / "metrics.csv"))

    done.clear()
    cli(args(logs, out))
    assert done == []
    # more splits, one more extrapolator: only these; a damaged file is made again
    damaged = out / "cache" / "last_value" / "split-0001.json"
    damaged.write_text(damaged.read_text()[:-9])
    entries = "extrapolators=[last_value,power_law,{id: power_law, label: steep/1, recency: 2.0}]"
    assert cli(args(logs, out, "splits=4", entries)) == 0
    assert sorted(done) == [
        *("last_value split-0001", "last_value split-0003", "power_law split-0003"),
        *(f"steep/1 split-000{number}" for number in range(4)),
    ]
    assert len(pd.read_csv(out / "splits.csv")) == 3 * 4 * 4
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["extrapolators"]["steep/1"]["options"]["recency"] == 2.0
    # fewer splits, fewer extrapolators: the table is of those asked for
    cli(args(logs, out))
    assert untimed(out / "metrics.csv").equals(whole)
    assert "steep/1" in yaml.safe_load((out / "config.yaml").read_text())["extrapolators"]


def test_another_configuration_is_refused_with_the_difference(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli(args(logs, out)) == 0
    capsys.readouterr()
    for change, text in (
        ("seed=1", "evaluation.seed: 0 there, 1 now"),
        ("prefixes=[4]", "evaluation.prefixes: [3, 6] there, [4] now"),
        ("test_on=development", "evaluation.test_on: all there, development now"),
        ("min_final_acc=.5", "evaluation.min_final_acc: None there, 0.5 now"),
        ("extrapolator_options.power_law.recency=0.5", "power_law.options.recency: 1.0 there, 0.5 now"),
    ):
        assert cli(args(logs, out, change)) == 1
        assert text in capsys.readouterr().err
    values = curves()
    values[3, 8:] = np.nan
    values[0, 0] += 0.001
    write_csv(logs, values)
    assert cli(args(logs, out)) == 1
    assert "results on other data" in capsys.readouterr().err
    assert cli(args(logs, out, "overwrite=true", "seed=1")) == 0
    assert len(list(out.glob("cache/*/*.json"))) == 6


def test_labels_never_share_what_is_kept(logs: Path, tmp_path: Path) -> None:
    labels = [".", "..", "a", ".a", "a/b", "a_b", "../x"]
    entries = ",".join(
        f"{{id: power_law, label: '{label}', recency: {place}.0}}" for place, label in enumerate(labels)
    )
    out = tmp_path / "out"
    assert cli(args(logs, out, f"extrapolators=[{entries}]", "splits=1")) == 0
    assert len(list((out / "cache").glob("*/split-0000.json"))) == len(labels)
    assert len(list(tmp_path.rglob("split-0000.json"))) == len(labels), "and nowhere else"


def test_a_folder_of_something_else_is_left_alone(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("mine: true\n")
    assert cli(args(logs, tmp_path)) == 1
    assert "was not written by nascurve" in capsys.readouterr().err
    assert (tmp_path / "config.yaml").read_text() == "mine: true\n"


# mistakes


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (["source=logs"], ConfigError, "needs data=FOLDER"),
        (["source=logs", "data=nowhere"], DataFileError, "nowhere: there is no such file or folder"),
        (["source=logs", "source.n=1"], ConfigError, r"source\.n: source=logs has no options"),
        (["source=pocket201"], UnknownIdError, "Did you mean 'pocket201-mnist'"),
        (["source=[a]"], UsageError, "takes one id"),
        (["source=nbnlp", "data=x", "source.data_dir=y"], ConfigError, r"short for source\.data_dir"),
        (["data=x"], ConfigError, "pocket201-mnist has no option data_dir"),
        (["extrapolators=[]"], ConfigError, "extrapolators: expected a list"),
        (["extrapolators=[lastvalue]"], UnknownIdError, "Did you mean 'last_value'"),
        (["extrapolators=[none]"], UnknownIdError, "No extrapolator is called 'none'"),
        (["extrapolators=[3]"], ConfigError, "extrapolators: expected an id, or a mapping"),
        (["extrapolators=[{label: x}]"], ConfigError, "extrapolators: expected an id, or a mapping"),
        (["extrapolators=[{id: power_law, label: ''}]"], ConfigError, "a label of 1 to 60 printable"),
        (
            ['extrapolators=[{id: power_law, label: "a\tb"}]'],
            ConfigError,
            r"printable characters, got 'a\\tb'",
        ),
        (["extrapolators=[power_law,power_law]"], ConfigError, "stands there more than once"),
        (["extrapolators=[{id: power_law, recency: -1}]"], ConfigError, r"PowerLaw\.recency"),
        (["extrapolators=[{id: power_law, x: 1}]"], ConfigError, "power_law has no option 'x'"),
        (["extrapolators=[last_value]", "extrapolator_options.wpm.x=1"], ConfigError, "wpm: not evaluated"),
        (["extrapolator=[wpm]"], ConfigError, "Did you mean 'extrapolator"),
        (["splits=0"], ConfigError, "splits: expected an integer of at least 1"),
        (["splits=2,3"], UsageError, "lists several values"),
        (["jobs=0"], ConfigError, "jobs"),
        (["figures=1"], ConfigError, "figures: expected true or false"),
        (["out="], ConfigError, "out: expected the path"),
        (["--force"], UsageError, "unknown flag"),
        (["extrapolators=[rs"], UsageError, "cannot read"),
    ],
)
def test_mistakes(given: list[str], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        main(["evaluate", *(["extrapolators=[last_value]"] if "extrap" not in given[0] else []), *given])


def test_help_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["lce"]) == 2
    assert "usage: nascurve lce COMMAND" in capsys.readouterr().err
    assert cli(["lce", "--help"]) == 0
    assert "\n  evaluate " in capsys.readouterr().out
    assert cli(["lce", "evaluate", "--help"]) == 0
    text = capsys.readouterr().out
    assert "usage: nascurve lce evaluate" in text
    from nascurve.experiments.lce_evaluate_options import DEFAULTS
    from nascurve.experiments.overrides import parse_overrides

    shown = dict(re.findall(r"(?m)^  (?:splits=20 +)?(\w+)=(\S+)", text)) | {"splits": "20"}
    for name, value in {**DEFAULTS, **EvaluationSettings.defaults()}.items():
        if name != "data":
            (override,) = parse_overrides([f"{name}={shown[name]}"], command="test")
            assert override.value() == (list(value) if isinstance(value, tuple) else value), name
    assert cli(["lce", "evalute"]) == 2
    assert "Did you mean 'evaluate'?" in capsys.readouterr().err
    cli(["--help"])
    assert "\n  lce " in capsys.readouterr().out


# sources


def test_logs_in_three_formats(tmp_path: Path) -> None:
    values = curves(6)
    values[2, 4] = np.nan
    names = ["a", "b", "b", "c", "d", "e"]
    text = write_csv(tmp_path / "1.csv", values, names).read_text("utf-8").replace("\nc,", "\n c ,")
    (tmp_path / "1.csv").write_text(text, "utf-8-sig")  # spaces and byte order mark, as of Excel
    np.savez(tmp_path / "2.npz", architecture=np.array(names), val_acc=values[:, :5])
    lists = [[None if np.isnan(x) else float(x) for x in row] for row in values]
    lists[5] = lists[5][:7]
    pd.DataFrame({"architecture": names, "key": [n.upper() for n in names], "val_acc": lists}).to_parquet(
        tmp_path / "3.parquet"
    )
    (tmp_path / "notes.txt").write_text("not curves")
    found, read = read_logs(tmp_path)
    assert found == [*names, *names, *"ABBCDE"]
    assert read.shape == (18, E)
    assert np.array_equal(read[:6], values, equal_nan=True)
    assert np.array_equal(read[6:12, :5], values[:, :5], equal_nan=True)
    assert np.isnan(read[6:12, 5:]).all()
    assert np.array_equal(read[12:17], values[:5], equal_nan=True)
    assert np.isnan(read[17, 7:]).all()
    alone, _ = read_logs(tmp_path / "1.csv")
    assert alone == names


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.csv", "", "expected the header architecture,1,2"),
        ("a.csv", "arch,1,2\nx,0.1,0.2\n", "expected the header architecture,1,2"),
        ("a.csv", "architecture,1,3\nx,0.1,0.2\n", "expected the header"),
        ("a.csv", "architecture,1,2\n", "there are no runs in it"),
        ("a.csv", "architecture,1,2\nx,0.1\n", "line 2: expected 3 cells, got 2"),
        (
            "a.csv",
            "architecture,1,2\nx,0.1,good\n",
            "line 2: expected an accuracy or an empty cell, got 'good'",
        ),
        ("a.csv", "architecture,1,2\nx,0.1,91.5\n", "run 1, epoch 2: .* got 91.5. In percent"),
        ("a.csv", "architecture,1,2\nx,-0.1,0.5\n", "got -0.1"),
        ("a.csv", "architecture,1,2\nx,0.1,inf\n", "got inf"),
        ("a.csv", "architecture,1,2\nx,,\n", "run 1: expected at least one accuracy"),
        ("a.csv", "architecture,1,2\n,0.1,0.2\n", "name of each run's architecture"),
        ("a.csv", "architecture,1\nx\xff,0.1\n", "Cannot read"),
        ("a.csv", "architecture,1,2\nx,0_1,0.2\n", "got '0_1'"),
        ("a.npz", "no archive", "Cannot read"),
        ("a.parquet", "no parquet", "Cannot read"),
        ("a.json", "{}", "got the suffix '.json'"),
    ],
)
def test_bad_logs(tmp_path: Path, name: str, content: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DataFileError, match=text):
        read_logs(path)


def test_arrays_and_columns_of_a_wrong_kind(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", architecture=np.array(["x"]), val_acc=np.array([0.1]))
    np.savez(tmp_path / "b.npz", architecture=np.array([1]), val_acc=np.array([[0.1]]))
    np.savez(tmp_path / "c.npz", architecture=np.array(["x"], dtype=object), val_acc=np.array([[0.1]]))
    np.savez(tmp_path / "d.npz", architecture=np.array(["x"]))
    pd.DataFrame({"architecture": ["x"], "acc": [[0.1]]}).to_parquet(tmp_path / "e.parquet")
    pd.DataFrame({"architecture": ["x"], "val_acc": [["good"]]}).to_parquet(tmp_path / "f.parquet")
    pd.DataFrame({"architecture": ["x"], "val_acc": ["1"]}).to_parquet(tmp_path / "g.parquet")
    pd.DataFrame({"architecture": ["x"], "val_acc": [[True]]}).to_parquet(tmp_path / "h.parquet")
    pd.DataFrame({"architecture": ["x"], "val_acc": [[[0.1]]]}).to_parquet(tmp_path / "i.parquet")
    with (tmp_path / "j.npz").open("wb") as file:
        np.save(file, np.zeros((1, 2)))
    for name, text in (
        *((f"{name}.parquet", "lists of numbers") for name in "ghi"),
        ("j.npz", "Cannot read"),
        ("a.npz", "numbers val_acc"),
        ("b.npz", "architectures as text, got 1"),
        ("c.npz", "Cannot read"),
        ("d.npz", "no array 'val_acc'"),
        ("e.parquet", "expected the columns"),
        ("f.parquet", "lists of numbers"),
    ):
        with pytest.raises(DataFileError, match=text):
            read_logs(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataFileError, match="no files of learning curves"):
        read_logs(tmp_path / "empty")


def test_a_benchmark_with_encodings(tmp_path: Path) -> None:
    import nascurve

    runs = read_runs("pocket201-mnist", {}, data=None, cache=tmp_path, max_architectures=30)
    benchmark = nascurve.load_benchmark("pocket201-mnist")
    found = runs.complete(at_epoch=32, kinds=[benchmark.space.encodings[0]])
    assert len(found.keys) == 30
    assert found.n_left_out == 0
    encoded = found.encodings[benchmark.space.encodings[0]]
    arch = next(a for a in benchmark.space.all() if benchmark.space.key(a) == found.keys[7])  # type: ignore[attr-defined]
    assert np.array_equal(encoded[7], benchmark.space.encode([arch])[0])
    names: dict[str, list[str]] = {}
    for one in benchmark.space.all():  # type: ignore[attr-defined]
        names.setdefault(benchmark.space.key(one), []).append(str(one))
    assert max(len(names[key]) for key in found.keys) > 1
    assert found.reporting.tolist() == [is_reporting(names[key]) for key in found.keys]
    mine = found.curves[found.architecture == 7]
    assert np.array_equal(mine[0], benchmark.query(arch, seed=0).val_acc)
    assert dataclasses.replace(runs, keys=list(runs.keys)).sha256 == runs.sha256
    assert dataclasses.replace(runs, curves=runs.curves + 1e-9).sha256 != runs.sha256


def test_runs_that_have_no_curves_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    import nascurve
    from nascurve.experiments.source import BenchmarkSource

    info = nascurve.load_benchmark("pocket201-mnist").info
    benchmark = SimpleNamespace(info=dataclasses.replace(info, resumable=False))
    monkeypatch.setattr(BenchmarkSource, "load", lambda self: benchmark)
    with pytest.raises(CapabilityError, match="a training of its own"):
        read_runs("synthetic", {}, data=None, cache=tmp_path, max_architectures=30)


def test_the_real_curves_of_nas_bench_nlp(tmp_path: Path) -> None:
    """The last value on all complete curves (τ over all of them is .837 after 10 epochs, .909 after 20); the
    data folder stays as it is."""
    data = real_sample("nas-bench-nlp-wikitext2")
    before = sorted(path.name for path in data.iterdir())
    given = ["source=nbnlp", f"data={data}", f"out={tmp_path}", "extrapolators=[last_value]"]
    given += ["prefixes=[10,20]", "fit_curves=[0,96]", "splits=8", "figures=false"]
    assert cli(["lce", "evaluate", *given]) == 0
    metrics = pd.read_csv(tmp_path / "metrics.csv").set_index(["prefix", "fit_curves"])
    assert metrics.loc[(10, 96), "tau"] == pytest.approx(0.837, abs=0.03)
    assert metrics.loc[(20, 96), "tau"] == pytest.approx(0.909, abs=0.03)
    assert (pd.read_csv(tmp_path / "splits.csv")["left_out_runs"] == 4).all()
    assert sorted(path.name for path in data.iterdir()) == before


# the summary


def frame(values: dict[str, list[float]]) -> pd.DataFrame:
    rows = []
    for label, taus in values.items():
        for split, tau in enumerate(taus):
            rest = dict.fromkeys(COLUMNS[4:], 0.5)
            rows.append(
                {"extrapolator": label, "prefix": 3, "fit_curves": 0, "split": split, "tau": tau, **rest}
            )
    return pd.DataFrame(rows)


def test_paired_differences_by_hand() -> None:
    splits = frame(
        {"last_value": [0.5, 0.6, 0.7, 0.6], "a": [0.6, 0.7, 0.8, 0.71], "b": [0.5, 0.6, 0.7, 0.6]}
    )
    paired = paired_frame(splits, n_testable=90, n_test=30)
    tau = paired[paired["metric"] == "tau"].set_index(["against", "extrapolator"])
    assert set(tau.index) == {("best", "last_value"), ("best", "b"), ("last_value", "a"), ("last_value", "b")}
    assert set(tau.loc["best", "reference"]) == {"a"}
    row = tau.loc[("last_value", "a")]
    difference = np.array([0.1, 0.1, 0.1, 0.11])
    se = difference.std(ddof=1) * np.sqrt(1 / 4 + 30 / 60)
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["se"] == pytest.approx(se)
    from scipy import stats

    assert row["p"] == pytest.approx(2 * stats.t.sf(difference.mean() / se, 3))
    assert row["p_holm"] == pytest.approx(2 * row["p"])
    same = tau.loc[("last_value", "b")]
    assert (same["difference"], same["p"]) == (0, 1)
    text = format_evaluation(metrics_frame(splits), paired, markdown=False)
    starred = [line.split()[0] for line in text.splitlines()[2:5] if line.split()[6] == "*"]
    assert starred == ["a"]


def test_one_split_has_no_error() -> None:
    splits = frame({"last_value": [0.5], "a": [0.6]})
    metrics = metrics_frame(splits)
    assert metrics["tau_se"].isna().all()
    paired = paired_frame(splits, n_testable=90, n_test=30)
    assert paired["p"].isna().all()
    assert " 0.600 *" in format_evaluation(metrics, paired, markdown=False)


def test_what_is_kept_is_plain_json(logs: Path, tmp_path: Path) -> None:
    cli(args(logs, tmp_path / "out", "splits=1"))
    (part, *_) = sorted((tmp_path / "out" / "cache").glob("*/split-0000.json"))
    cells = json.loads(part.read_text())
    assert len(cells) == 4
    assert len(cells[0]["scores"]["below"]) == 19
