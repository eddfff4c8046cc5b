"""The real command in subprocesses: what it writes, exit codes, bad input, interrupts and kills."""

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from nascurve import load_benchmark
from nascurve.errors import DataFileError
from nascurve.experiments.results import read_results, read_study
from nascurve.locks import exclusive

FAST = ["benchmark=synthetic", "budget_trainings=10"]
SLOW = [
    "compare",
    "benchmark=synthetic",
    "optimizers=[rs]",
    "lce=[none]",
    "seeds=12",
    "budget_trainings=1000",
]


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "nascurve.experiments.cli", *args]


def nascurve(*args: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*args), cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | environment
    )


def test_help_is_fast_and_names_all_commands(tmp_path: Path) -> None:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = nascurve("--help", cwd=tmp_path)
        times.append(time.perf_counter() - start)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("list", "run", "compare", "plot", "convert", "collect"))
    assert min(times) < 0.5


def test_the_installed_command_is_this_one(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("nascurve")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("nascurve 0.")


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["compar"], 2, "Did you mean 'compare'?"),
        (["--vresion"], 2, "Did you mean '--version'?"),
        ([], 2, "usage: nascurve"),
        (["compare", "--foo"], 2, "unknown flag '--foo'"),
        (["compare", "foo"], 2, "expected option=value"),
        (["compare", "optimizers=[rs"], 2, "cannot read 'optimizers=[rs'"),
        (["compare", "-m"], 2, "compare runs its own grid"),
        (["compare", "seeds=range(0,3)"], 2, "lists several values"),
        (["compare", "benchmrak=x"], 1, "Did you mean 'benchmark'?"),
        (["compare", "figure.y=log"], 1, "no option 'figure.y'"),
        (["compare", "benchmark=syntetic"], 1, "Did you mean 'synthetic'?"),
        (["compare", *FAST, "optimizers=[rz]"], 1, "Did you mean 'rs'?"),
        (["compare", *FAST, "lce=[lastvalue]"], 1, "Did you mean 'last_value'?"),
        (["compare", *FAST, "budget_s=0"], 1, "budget_s: expected a finite number above 0, got 0"),
        (["compare", *FAST, "budget_s=-5"], 1, "got -5"),
        (["compare", *FAST, "budget_s=nan"], 1, "got nan"),
        (["compare", *FAST, "workers=0"], 1, "workers: expected an integer of at least 1, got 0"),
        (["compare", *FAST, "seeds=[]"], 1, "seeds: expected at least one seed, got an empty list"),
        (["compare", *FAST, "lce_options.e_few=32"], 1, "e_few"),
        (["compare", *FAST, "lce_options.top_n=9"], 1, "top_n"),
        (["compare", *FAST, "optimizer_options.re.popsize=9"], 1, "Did you mean 'population_size'?"),
        (["compare", *FAST, "out=/proc/nowhere"], 1, "Cannot write /proc/nowhere"),
        (
            ["compare", *FAST, "optimizers=[rs]", "overwrite=no"],
            1,
            "overwrite: expected true or false, got 'no'",
        ),
        (
            ["compare", *FAST, "optimizers=[rs]", "retry_failed=2"],
            1,
            "retry_failed: expected true or false, got 2",
        ),
        (
            ["compare", *FAST, "optimizers=[rs]", "job_s=0", "hydra/launcher=joblib"],
            1,
            "job_s: expected a finite number above 0",
        ),
        (["compare", *FAST, "optimizers=[rs]", "hydra/launcher=jobllib"], 1, "Did you mean 'joblib'?"),
        (["compare", *FAST, "hydra.launcher.partition=x"], 2, "name it, hydra/launcher=NAME"),
        (["compare", *FAST, "hydra/launcher=joblib", "hydra.sweep.dir=x"], 2, "got 'hydra.sweep.dir=x'"),
        (["compare", "benchmark=[synthetic,synthetic-v1]"], 1, "stands there more than once"),
        (["compare", "benchmark=[{name: x}]"], 1, "expected an id or a mapping {id: …"),
        (["compare", "benchmark=[synthetic]", "benchmark_options.x=1"], 2, "give each its own options"),
        (["run", "--multi"], 2, "Did you mean '--multirun'?"),
        (["run", "optimizer=rs,re"], 2, "add -m"),
        (["run", "sede=3"], 1, "Did you mean 'seed'?"),
        (["run", "optimizer=rz"], 1, "Did you mean 'rs'?"),
        (["run", "optimizer.popsize=3"], 1, "Did you mean 'population_size'?"),
        (["run", "lce=last_value", "lce.kk=3"], 1, "Did you mean 'k'?"),
        (["run", "hydra/launcher=nothing"], 1, "Available options in 'hydra/launcher'"),
        (["run", *FAST, "lce=last_value", "lce.e_few=40"], 1, "e_few"),
        (["run", *FAST, "seed=-1"], 1, "seed: expected an integer of at least 0, got -1"),
        (["run", *FAST, "budget_s=0"], 1, "budget_s"),
        (["plot"], 2, "expected one folder"),
        (["plot", "nowhere"], 1, "not a folder of results"),
        (["plot", "nowhere", "x=lin"], 1, "Did you mean 'linear'?"),
        (["list", "optimisers"], 2, "Did you mean 'optimizers'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_clear_error(args: list[str], code: int, text: str, tmp_path: Path) -> None:
    done = nascurve(*args, cwd=tmp_path)
    assert text in done.stderr
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4 or not args
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = nascurve("compare", *FAST, "workers=0", "--debug", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_compare_and_plot(tmp_path: Path) -> None:
    args = ["compare", *FAST, "optimizers=[rs,re]", "seeds=3", "out=results/mine", "processes=2"]
    args += [
        "optimizer_options.re.population_size=5",
        "optimizer_options.re.sample_size=2",
        "lce_options.e_few=4",
    ]
    done = nascurve(*args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "results" / "mine"
    runs = pd.read_parquet(out / "runs.parquet")
    assert list(runs.columns) == [
        *("optimizer", "lce", "seed", "time_s", "epochs", "evaluations", "val_acc", "test_acc", "regret")
    ]
    assert set(zip(runs["optimizer"], runs["lce"], strict=True)) == {
        *(("rs", "none"), ("rs", "last_value"), ("re", "none"), ("re", "last_value"))
    }
    for _, run in runs.groupby(["optimizer", "lce", "seed"]):
        assert run["time_s"].is_monotonic_increasing
        assert run["val_acc"].is_monotonic_increasing
    summary = pd.read_csv(out / "summary.csv")
    assert len(summary) == 4
    last = runs[(runs["optimizer"] == "re") & (runs["lce"] == "none")].groupby("seed")["regret"].last()
    assert summary["final_regret_mean"][2] == pytest.approx(last.mean())
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["experiment"]["methods"][3]["optimizer"]["population_size"] == 5
    assert config["experiment"]["methods"][3]["lce"]["e_few"] == 4
    assert "last_value" in done.stdout
    assert "speed-up" in done.stdout

    again = nascurve(*args, cwd=tmp_path)
    assert "12 of 12 runs are there already" in again.stderr
    assert again.stdout == done.stdout

    changed = nascurve(*args, "budget_s=77", cwd=tmp_path)
    assert changed.returncode == 1
    assert "run.budget_s" in changed.stderr
    assert "77.0 now" in changed.stderr
    assert (out / "summary.csv").exists()

    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("runs.parquet", "config.yaml"):
        shutil.copy(out / name, moved)
    plotted = nascurve("plot", "elsewhere", "x=linear", "size=column", cwd=tmp_path)
    assert plotted.returncode == 0, plotted.stderr
    assert (moved / "anytime.pdf").stat().st_size > 5000


def test_the_main_job_on_the_embedded_benchmark(tmp_path: Path) -> None:
    """All four optimizers with and without LCE on really trained curves, as `make compare` runs them."""
    done = nascurve("compare", "seeds=2", "budget_trainings=40", "out=main", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = pd.read_csv(tmp_path / "main" / "summary.csv")
    assert list(zip(summary["optimizer"], summary["lce"], strict=True)) == [
        (optimizer, lce) for optimizer in ("rs", "re", "ls", "bananas") for lce in ("none", "last_value")
    ]
    assert (summary["n_seeds"] == 2).all()
    assert summary["final_regret_mean"].between(0, 0.2).all()
    with_lce = summary["lce"] != "none"
    assert (summary["evaluations_mean"][with_lce] > 1.5 * summary["evaluations_mean"][~with_lce].max()).all()
    bench = load_benchmark("pocket201-mnist")
    runs = pd.read_parquet(tmp_path / "main" / "runs.parquet")
    best = bench.best()
    assert best is not None
    assert runs["regret"].to_numpy() == pytest.approx(best[1] - runs["test_acc"].to_numpy())
    run = runs[(runs["optimizer"] == "re") & (runs["lce"] == "last_value") & (runs["seed"] == 1)]
    config = yaml.safe_load((tmp_path / "main" / "config.yaml").read_text())
    budget_s = config["experiment"]["run"]["budget_s"]
    alone = nascurve(
        "run", "optimizer=re", "lce=last_value", "seed=1", f"budget_s={budget_s}", "out=alone", cwd=tmp_path
    )
    assert alone.returncode == 0, alone.stderr
    same = pd.read_parquet(tmp_path / "alone" / "runs.parquet")
    assert same["time_s"].tolist() == run["time_s"].tolist()
    assert (tmp_path / "main" / "anytime.png").stat().st_size > 20_000


def test_run_and_sweep(tmp_path: Path) -> None:
    done = nascurve(
        "run",
        *FAST,
        "optimizer=re",
        "lce=last_value",
        "lce.k=4",
        "lce.e_few=4",
        "seed=3",
        "out=a",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "re+last_value, seed 3" in done.stdout
    runs = pd.read_parquet(tmp_path / "a" / "runs.parquet")
    evaluations = pd.read_parquet(tmp_path / "a" / "evaluations.parquet")
    assert runs["seed"].unique().tolist() == [3]
    assert evaluations["is_incumbent"].sum() == len(runs)
    assert sorted(evaluations["epochs"].unique()) == [4, 32]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]  # and no log files

    sweep = [
        "run",
        "optimizer=rs,re",
        "-m",
        *FAST,
        "lce=none,last_value",
        "seed=range(3,5)",
        "out=s",
        "lce.e_few=4",
    ]
    done = nascurve(*sweep, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "s").glob("*/runs.parquet"))) == 8
    assert "re         last_value      2" in done.stdout
    inner = tmp_path / "s" / "lce=last_value,optimizer=re,seed=3" / "runs.parquet"
    same = nascurve(
        "run", *FAST, "optimizer=re", "lce=last_value", "lce.e_few=4", "seed=3", "out=b", cwd=tmp_path
    )
    assert same.returncode == 0
    assert (tmp_path / "b" / "runs.parquet").read_bytes() == inner.read_bytes()
    assert nascurve(*sweep, cwd=tmp_path).stdout.count("this run is there already") == 8
    assert nascurve("plot", "s", cwd=tmp_path).returncode == 0

    other = nascurve("run", *FAST, "optimizer=rs", "out=a", cwd=tmp_path)
    assert other.returncode == 1
    assert "holds results of another configuration" in other.stderr


def test_run_and_compare_leave_a_folder_to_the_process_that_holds_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with exclusive(tmp_path / "a" / ".lock", "this test"):
        for args in (["run", "optimizer=rs"], ["compare", "optimizers=[rs]"]):
            done = nascurve(*args, *FAST, "out=a", "overwrite=true", cwd=tmp_path)
            assert done.returncode == 1
            assert f"Another nascurve writes to a at this moment (process {os.getpid()} on " in done.stderr
            assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "a").iterdir()] == [".lock"]


def test_list_shows_everything_registered(tmp_path: Path) -> None:
    done = nascurve("list", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("bananas", "last_value", "cell201", "pocket201-mnist", "synthetic"):
        assert word in done.stdout
    only = nascurve("list", "benchmarks", cwd=tmp_path)
    row = next(line for line in only.stdout.splitlines() if line.startswith("synthetic "))
    assert row.split()[1:6] == ["synthetic", "cell201", "32", "3", "there"]
    assert "bananas" not in only.stdout


def test_list_tells_of_official_benchmarks_without_their_data(tmp_path: Path) -> None:
    lines = nascurve("list", "benchmarks", cwd=tmp_path).stdout.splitlines()
    facts, description = (line for line in lines if line.startswith("nbasr "))
    assert facts.split()[1:] == ["real", "asr", "40", "3", "missing", "nb-asr-e40-<seed>.pickle"]
    assert "Phoneme error rates" in description
    assert max(map(len, lines)) <= 110
    wide = nascurve("list", "benchmarks", cwd=tmp_path, COLUMNS="300").stdout.splitlines()
    assert max(map(len, wide)) > 110


def test_list_needs_no_heavy_imports_and_no_optional_dependencies(tmp_path: Path) -> None:
    script = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "optuna", "lightgbm", "pandas", "pyarrow", "sklearn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from nascurve.experiments.cli import main
sys.exit(main(["list"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for word in ("bananas", "rs", "cell201", "darts", "nbasr", "pocket201-mnist", "last_value"):
        rows = [line for line in done.stdout.splitlines() if line.startswith(f"{word} ")]
        assert rows
        assert "cannot be imported" not in "".join(rows)


def ended(out: Path) -> int:
    """Runs that have ended, also while a sweep is at work."""
    try:
        return len(read_results(out).totals)
    except DataFileError:  # nothing yet
        return 0


def _wait_for_runs(out: Path, n: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while ended(out) < n:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    done = nascurve(*SLOW, "out=whole", "processes=1", cwd=folder)
    assert done.returncode == 0, done.stderr
    return (folder / "whole" / "runs.parquet").read_bytes()


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_comparison_goes_on_and_ends_the_same(
    kill: signal.Signals, uninterrupted: bytes, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        command(*SLOW, "out=x", "processes=2"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _wait_for_runs(tmp_path / "x", 2, process)
    if kill == signal.SIGINT:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
    else:
        process.kill()  # the parent alone: its workers must notice
    _, stderr = process.communicate(timeout=30)
    if kill == signal.SIGINT:
        assert process.returncode == 130
        assert "of 12 runs are done. They are kept in x" in stderr
        assert "Traceback" not in stderr
    _wait_until_gone(process.pid)
    kept = ended(tmp_path / "x")
    assert 2 <= kept < 12
    assert not (tmp_path / "x" / "runs.parquet").exists()

    done = nascurve(*SLOW, "out=x", "processes=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{kept} of 12 runs are there already" in done.stderr
    assert (tmp_path / "x" / "runs.parquet").read_bytes() == uninterrupted
    assert math.isfinite(pd.read_csv(tmp_path / "x" / "summary.csv")["final_regret_mean"][0])


def test_a_disk_that_is_full_in_a_worker_keeps_what_was_done(uninterrupted: bytes, tmp_path: Path) -> None:
    """A limit on the size of a file is the same to a program: the system refuses a write in the middle."""
    small = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (6000, -1)); " + (
        "sys.argv[0] = 'nascurve'; runpy.run_module('nascurve.experiments.cli', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", small, *SLOW, "out=x", "processes=2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert "Free some space and give the same command again: what was done is kept." in done.stderr
    assert "Traceback" not in done.stderr
    kept = ended(tmp_path / "x")
    done = nascurve(*SLOW, "out=x", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert kept > 0
    assert f"{kept} of 12 runs are there already" in done.stderr
    assert (tmp_path / "x" / "runs.parquet").read_bytes() == uninterrupted


def test_slurm_where_there_is_none_is_one_clear_error(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    done = nascurve(*SLOW, "budget_trainings=3", "out=x", "hydra/launcher=submitit_slurm", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "The launcher submitit_slurm reports RuntimeError: Could not detect" in done.stderr.splitlines()[-1]
    )
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Could not detect") == 1


def test_several_benchmarks_go_into_folders_of_their_own(tmp_path: Path) -> None:
    args = ["compare", "benchmark=[synthetic,pocket201-digits]", "optimizers=[rs]", "lce=[none]", "seeds=2"]
    args += ["budget_trainings=3", "out=both", "hydra/launcher=basic"]
    done = nascurve(*args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("synthetic-v1 (synthetic)") < done.stdout.index("pocket201-digits-v1")
    assert done.stdout.count("Written to both/") == 2
    study = read_study(tmp_path / "both")
    assert {results.path.name for results in study.values()} == {"synthetic", "pocket201-digits"}
    again = nascurve(*args, cwd=tmp_path)
    assert "4 of 4 runs are there already; 0 to do." in again.stderr
    assert again.stdout == done.stdout


def _wait_until_gone(group: int) -> None:
    """No process of the group is left."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("worker processes outlived the command")
