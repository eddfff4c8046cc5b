"""`nascurve convert`, on made-up files in the format of NAS-Bench-ASR."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nascurve
from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.convert_command import main
from nascurve.experiments.usage import UsageError
from tests.official_data import nb201, nbasr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "official files"
    folder.mkdir()
    nbasr.write(folder, n_models=20)
    return folder


def test_convert_makes_the_cache_and_says_what_it_holds(data: Path, capsys) -> None:
    main(["benchmark=nbasr", f"data_dir='{data}'"])
    out = capsys.readouterr().out
    cache = data / "nbasr-e40.nascurve"
    bench = nascurve.load_benchmark("nbasr", data_dir=data)
    archs = bench.space.all()
    runs = sum(bench.training_runs(arch) for arch in archs)
    assert out.startswith(f"nbasr: {len(archs)} architectures, {runs} runs, 40 epochs, real curves\n")
    assert f"{cache}: 0." in out
    row = next(line for line in out.splitlines() if line.startswith("val_per "))
    assert row.split()[2:7] == ["3", "x", "20", "x", "40"]


def test_convert_again_leaves_the_cache_alone(data: Path, capsys) -> None:
    main(["benchmark=nbasr", f"data_dir='{data}'"])
    cache = data / "nbasr-e40.nascurve"
    before = cache.stat()
    main(["benchmark=nbasr", f"data_dir='{data}'"])
    assert cache.stat().st_ino == before.st_ino
    first, second = capsys.readouterr().out.strip().split("nbasr: ")[1:]
    assert first.strip() == second.strip()


def test_convert_shows_the_part_of_an_archive_that_was_asked_for(tmp_path: Path, capsys) -> None:
    nb201.write(tmp_path)
    main(["benchmark=nb201-cifar10", f"data_dir='{tmp_path}'", "epochs=12"])
    out = capsys.readouterr().out
    assert "cifar10-valid-12.nascurve: " in out
    assert next(line for line in out.splitlines() if line.startswith("x-valid acc ")).split()[-3] == "12"
    assert out.count(".nascurve") == 1


def test_another_cache_dir_and_options(data: Path, tmp_path: Path, capsys) -> None:
    main(["benchmark=nbasr", f"data_dir='{data}'", f"cache_dir='{tmp_path / 'cache'}'", "restrict=false"])
    assert sorted(path.name for path in (tmp_path / "cache").glob("*.nascurve")) == ["nbasr-e40.nascurve"]
    assert not list(data.glob("*.nascurve"))
    assert "8242 architectures" not in capsys.readouterr().out  # counts what is held


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        (["data_dir=x"], UsageError, "convert: benchmark= is missing"),
        (["benchmark=nbasr"], UsageError, "convert: data_dir= is missing"),
        (
            ["benchmark=nbasr", "data_dir=nowhere"],
            DataFileError,
            "nowhere: expected nb-asr-e40-<seed>.pickle",
        ),
        (["benchmark=nbasr", "data_dir=x", "epoch=5"], ConfigError, "Did you mean 'epochs'"),
        (["benchmark=synthetic", "data_dir=x"], ConfigError, "synthetic has no official files"),
        (["benchmark=nbasr", "data_dir=x", "--force"], UsageError, "unknown flag"),
    ],
)
def test_what_cannot_be_converted(args: list[str], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        main(args)
    assert text in str(caught.value)


def test_the_command_line(data: Path, tmp_path: Path) -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nascurve.experiments.cli", "convert", *args],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    done = run("benchmark=nbasr", f"data_dir='{data}'")
    assert done.returncode == 0, done.stderr
    assert "40 epochs, real curves" in done.stdout
    (data / "nb-asr-e40-1234.pickle").write_text("<html>Not found</html>")
    done = run("benchmark=nbasr", f"data_dir='{data}'")
    assert done.returncode == 1
    assert "nb-asr-e40-1234.pickle: expected" in done.stderr
    assert "a web page" in done.stderr
    assert "Traceback" not in done.stderr
    assert "usage: nascurve convert" in run("--help").stdout
