"""`nascurve results`: what is listed, filtered and written, of one experiment and of several."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

import nascurve
from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.folder import ExperimentFolder, write_yaml
from nascurve.experiments.record import TRAJECTORY, RunRecord
from nascurve.experiments.results_command import main
from nascurve.experiments.usage import UsageError

Changes = Sequence[tuple[float, float]]
SEEDS = [0, 1, 2, 5]
CURVES: dict[tuple[str, str], dict[int, Changes | None]] = {
    ("rs", "none"): {seed: [(10, 0.3), (60, 0.10 + 0.01 * seed)] for seed in SEEDS},
    ("rs", "last_value"): {seed: [(8, 0.3), (30, 0.05 + 0.01 * seed)] for seed in SEEDS},
    ("re", "none"): {0: [(10, 0.2)], 1: None, 2: [(12, 0.1)], 5: None},  # None: failed
    ("re", "last_value"): {0: [(10, 0.02)], 2: [(5, 0.02)]},  # seeds 1 and 5 are missing
}


def write_experiment(
    folder: Path,
    curves: Mapping[tuple[str, str], Mapping[int, Changes | None]] = CURVES,
    *,
    name: str = "bench",
    best_known: bool = True,
) -> None:
    """As `nascurve compare` leaves it."""
    folder.mkdir(parents=True)
    methods = [
        {"optimizer": {"label": opt, "id": opt}, "lce": {"label": lce, "id": lce}} for opt, lce in curves
    ]
    benchmark = {"id": name, "name": name, "version": 1, "kind": "real"}
    experiment = {"benchmark": benchmark, "seeds": SEEDS, "run": {"budget_s": 100.0}, "methods": methods}
    config = {"experiment": experiment, "reference": {"mean_training_s": 5.0}, "versions": {}}
    write_yaml(folder / "config.yaml", config, comment="Written by nascurve.")
    records = [
        record(key, seed, changes, best_known)
        for key, by_seed in curves.items()
        for seed, changes in by_seed.items()
    ]
    ExperimentFolder(folder).store.append("job", records)


def record(key: tuple[str, str], seed: int, changes: Changes | None, best_known: bool) -> RunRecord:
    optimizer, lce = key
    if changes is None:
        trace = "Traceback (most recent call last):\n  the line that broke\nRuntimeError: the disk is gone\n"
        return RunRecord(
            optimizer=optimizer,
            lce=lce,
            seed=seed,
            status="failed",
            error="RuntimeError: the disk is gone",
            traceback=trace,
        )
    columns: dict[str, list[float]] = {
        "time_s": [float(time_s) for time_s, _ in changes],
        "epochs": [10 * n for n in range(1, len(changes) + 1)],
        "evaluations": list(range(1, len(changes) + 1)),
        "val_acc": [0.9 - regret for _, regret in changes],
        "test_acc": [1.0 - regret for _, regret in changes],
        "regret": [regret if best_known else float("nan") for _, regret in changes],
    }
    assert set(columns) == set(TRAJECTORY)
    return RunRecord(
        optimizer=optimizer,
        lce=lce,
        seed=seed,
        trajectory=columns,
        archs=["a"] * len(changes),
        total_evaluations=1200,
        total_epochs=400,
        total_time_s=99.0,
        wall_s=0.5,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "one"
    write_experiment(folder)
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "study"
    write_experiment(folder / "easy", name="easy")
    plain = {key: by_seed for key, by_seed in CURVES.items() if key[1] == "none"}
    write_experiment(folder / "hard", plain, name="hard", best_known=False)
    return folder


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def cells(text: str, *start: str) -> list[str]:
    """Of the line of a printed table that begins with these cells."""
    lines = [line.split() for line in text.splitlines()]
    (found,) = [line for line in lines if line[: len(start)] == list(start)]
    return found


def test_each_method_is_listed_with_what_is_done_failed_and_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, folder)
    assert (
        "bench-v1: 4 methods × 4 seeds, budget 100 simulated s; runs: 12 done, 2 failed, 2 missing." in text
    )
    assert cells(text, "rs", "none")[2:6] == ["4", "0", "0", "12.00"]
    assert cells(text, "re", "none")[2:6] == ["2", "2", "0", "15.00"]
    assert cells(text, "re", "last_value")[2:6] == ["2", "0", "2", "2.00"]
    assert "unequal numbers of seeds (2 to 4)" in text
    assert "show=failures tells why" in text
    assert "Missing runs" in text


def test_filtered_methods_keep_their_comparison_with_the_optimizer_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = printed(capsys, folder)
    text = printed(capsys, folder, "optimizer=rs", "lce=[last_value]")
    assert cells(text, "rs", "last_value") == cells(everything, "rs", "last_value")
    assert "2.00 [" in text, "the speed-up: 60 s against 30 s"
    assert "re" not in [line.split()[0] for line in text.splitlines() if line]
    assert "last_value" not in printed(capsys, folder, "lce=none")


def test_statistics_are_those_of_the_seeds_that_are_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seeds in ("seeds=[0,2]", "seeds=0-2"):
        text = printed(capsys, folder, seeds, "optimizer=rs")
        assert cells(text, "rs", "none")[5] == "11.00"
    assert "4 methods × 2 seeds" in printed(capsys, folder, "seeds=[1,5]")
    assert "1 method × 4 seeds" in printed(capsys, folder, "status=missing")
    assert "2 failed, 0 missing" in printed(capsys, folder, "status=failed")


def test_csv_holds_what_is_shown_unrounded(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, folder, "--csv", tmp_path / "methods.csv")
    assert text.endswith(f"Written: {tmp_path / 'methods.csv'}.\n")
    table = pd.read_csv(tmp_path / "methods.csv")
    assert table["task"].tolist() == ["bench-v1"] * 4
    assert table["final_regret_mean"][0] == pytest.approx(0.12)
    assert table[["n_seeds", "n_failed", "n_missing"]].to_numpy().tolist()[2:] == [[2, 2, 0], [2, 0, 2]]

    text = printed(capsys, folder, "show=runs", "limit=3", f"--csv={tmp_path / 'runs.csv'}")
    assert "16 runs, of which 3 are printed" in text
    assert cells(text, "bench-v1", "rs", "none", "2")[4:] == ["done", "12", "88", "1200", "400", "99", "0.5"]
    rows = pd.read_csv(tmp_path / "runs.csv")
    assert rows["status"].value_counts().to_dict() == {"done": 12, "failed": 2, "missing": 2}
    assert rows["seed"].tolist() == SEEDS * 4
    done = rows[rows["status"] == "done"]
    assert done["final_regret"].tolist()[:4] == pytest.approx([0.10, 0.11, 0.12, 0.15])
    assert rows.loc[rows["status"] != "done", ["final_regret", "final_test_acc"]].isna().all(axis=None)

    printed(capsys, folder, "show=runs", "status=missing", "--csv", tmp_path / "missing.csv")
    missing = pd.read_csv(tmp_path / "missing.csv")
    assert missing[["optimizer", "lce", "seed"]].to_numpy().tolist() == [
        ["re", "last_value", 1],
        ["re", "last_value", 5],
    ]


def test_failures_are_shown_with_their_errors_and_on_request_their_tracebacks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, folder, "show=failures")
    assert cells(text, "bench-v1", "re", "none", "5")[4:] == ["RuntimeError:", "the", "disk", "is", "gone"]
    assert "2 failed runs." in text
    assert "the line that broke" not in text
    text = printed(capsys, folder, "show=failures", "traceback=true", "seeds=5")
    assert text.count("the line that broke") == 1
    assert "no failed run" in printed(capsys, folder, "show=failures", "optimizer=rs")


def test_latex_of_one_task_has_the_best_in_bold_and_what_the_numbers_are(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(capsys, folder, "--latex", tmp_path / "table.tex")
    text = (tmp_path / "table.tex").read_text()
    assert text.count(r"\textbf{") == 3
    assert (
        r"re & last\_value & 2 & 0 & 2 & \textbf{2.00 {[}2.00, 2.00{]}} & \textbf{2.00} & \textbf{98.00}"
        in text
    )
    assert r"rs & none & 4 & 0 & 0 & 12.00 {[}" in text
    assert "best true test accuracy minus the incumbent's" in text
    printed(capsys, folder, "optimizer=rs", "--latex", tmp_path / "rs.tex")
    assert "failed" not in (tmp_path / "rs.tex").read_text(), "columns of noughts are left out of a paper"


def test_a_study_has_a_table_a_task_and_one_for_a_paper(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, study, "--latex", tmp_path / "study.tex", "--csv", tmp_path / "study.csv")
    assert text.index("easy-v1: 4 methods") < text.index("hard-v1: 2 methods")
    assert "final test error (pp)" in text
    latex = (tmp_path / "study.tex").read_text()
    assert "optimizer & lce & easy-v1 & hard-v1" in latex
    assert r"re & last\_value & \textbf{2.00 {[}2.00, 2.00{]}} & -- \\" in latex
    assert r"rs & none & 12.00 {[}" in latex
    assert "hard-v1: test error in place of regret" in latex
    assert pd.read_csv(tmp_path / "study.csv")["task"].tolist() == ["easy-v1"] * 4 + ["hard-v1"] * 2
    for name in ("hard", "hard-v1"):
        assert "easy" not in printed(capsys, study, f"task={name}")


def test_statistics_of_the_methods_that_are_asked_for(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, folder, "show=statistics", "optimizer=rs", "--latex", tmp_path / "all.tex")
    assert "final: " in text
    assert "rank: " in text
    assert "rs+last_value" in text
    assert "re+last_value" not in text
    assert (tmp_path / "all.tex").read_text().count(r"\begin{table}") == text.count("\n---") > 2
    arguments = (folder, "show=statistics", "optimizer=rs", "table=rank")
    assert "final: " not in printed(capsys, *arguments, "--csv", tmp_path / "rank.csv")
    assert pd.read_csv(tmp_path / "rank.csv")["method"].tolist() == ["rs", "rs+last_value"]
    with pytest.raises(ConfigError, match="Did you mean 'rank'"):
        main([str(folder), "show=statistics", "optimizer=rs", "table=rnk"])


def test_a_folder_with_runs_parquet_alone_is_listed_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    nascurve.compare(["rs"], "synthetic", lce=["none"], seeds=3, budget_trainings=10, out=out, quiet=True)
    whole = cells(printed(capsys, out), "rs", "none")
    shutil.rmtree(out / "store")
    text = printed(capsys, out)
    assert cells(text, "rs", "none") == whole[:-1], "all but the evaluations"
    assert "Only runs.parquet is there" in text
    assert "3 runs." in printed(capsys, out, "show=runs", "status=done")


def test_errors_say_what_to_do(folder: Path, tmp_path: Path) -> None:
    for arguments, error, message in (
        ([], UsageError, "expected one folder of results, got none"),
        ([folder, tmp_path], UsageError, "got 2"),
        ([tmp_path], DataFileError, "no config.yaml"),
        ([folder, "--cvs", "x"], UsageError, "Did you mean '--csv'"),
        ([folder, "--csv"], UsageError, "--csv needs a value"),
        ([folder, "--csv="], UsageError, "--csv needs a value"),
        ([folder, "shwo=runs"], ConfigError, "Did you mean 'show'"),
        ([folder, "show=rnus"], ConfigError, "Did you mean 'runs'"),
        ([folder, "optimizer=rss"], ConfigError, "optimizer: there is no 'rss'. Did you mean 'rs'"),
        ([folder, "lce=[none,last]"], ConfigError, "lce: there is no 'last'"),
        ([folder, "lce={a: 1}"], ConfigError, r"expected lce=NAME or lce=\[NAME,NAME\]"),
        ([folder, "task=other"], ConfigError, "task: there is no 'other'"),
        ([folder, "seeds=7"], ConfigError, "has no seed 7. Expected some of its 4 seeds, 0 to 5"),
        ([folder, "seeds=10-20"], ConfigError, "has no seed 10-20"),
        ([folder, "seeds=5-2"], ConfigError, "smaller seed first"),
        ([folder, "seeds=x"], ConfigError, "seeds: expected an integer"),
        ([folder, "status=broken"], ConfigError, "status: there is no 'broken'"),
        ([folder, "limit=-1"], ConfigError, "limit"),
        ([folder, "traceback=true"], UsageError, "traceback= is an option of show=failures"),
        ([folder, "table=rank"], UsageError, "table= is an option of show=statistics"),
        ([folder, "show=failures", "status=done"], UsageError, "status= is a filter of"),
        ([folder, "show=runs", "--latex", tmp_path / "x.tex"], UsageError, "--latex writes the tables of"),
        ([folder, "show=statistics", "--csv", tmp_path / "x.csv"], UsageError, "table=NAME"),
        ([folder, "--csv", tmp_path / "nowhere" / "x.csv"], DataFileError, "Cannot write"),
    ):
        with pytest.raises(error, match=message):
            main([str(argument) for argument in arguments])
    assert list(tmp_path.iterdir()) == []
