"""The SLURM launcher, on a cluster that is made of shell scripts; and clusters that are not there."""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from nascurve.experiments.compare import compare
from nascurve.experiments.comparison_result import ComparisonResult
from nascurve.experiments.hydra_jobs import LaunchFailedError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hydra_plugins.hydra_submitit_launcher") is None,
    reason="pip install 'nascurve[slurm]'",
)
quick: Callable[..., ComparisonResult] = functools.partial(
    compare, ["rs", "re"], "synthetic", lce="none", budget_trainings=5, seeds=3, quiet=True
)
SBATCH = """#!{python}
# Takes a job file as SLURM does: the flags in it, an array of tasks that run in the background, in an
# environment of SLURM's.
import os, re, subprocess, sys
script = sys.argv[1]
text = open(script).read()
flags = dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", text, re.M))
open(os.path.join({folder!r}, "flags"), "a").write(repr(flags) + "\\n")
if flags.get("partition") == "nope":
    sys.exit("sbatch: error: invalid partition specified: nope\\n"
             "sbatch: error: Batch job submission failed: Invalid partition name specified")
job = "4242"
array = flags.get("array", "").strip("'")
tasks = range(int(re.match(r"0-([0-9]+)", array)[1]) + 1) if array else [None]
for task in tasks:
    name = job if task is None else job + "_" + str(task)
    environment = dict(os.environ, SLURM_JOB_ID=str(4242 + (task or 0)), SLURM_JOB_NUM_NODES="1",
        SLURM_NTASKS="1", SLURM_NODEID="0", SLURM_PROCID="0", SLURM_LOCALID="0", SLURM_JOB_NODELIST="n1")
    if task is not None:
        environment.update(SLURM_ARRAY_JOB_ID=job, SLURM_ARRAY_TASK_ID=str(task))
    log = open(os.path.join({folder!r}, name + ".log"), "w")
    subprocess.Popen(["bash", script], env=environment, stdout=log, stderr=log, start_new_session=True)
print("Submitted batch job " + job)
"""
SRUN = """#!/bin/bash
# Runs what comes after its own flags.
while [[ "$1" == --* ]]; do
  case "$1" in --output|--error) shift 2;; *) shift;; esac
done
exec "$@"
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cluster"
    folder.mkdir()
    scripts = {
        "sbatch": SBATCH.format(python=sys.executable, folder=str(folder)),
        "srun": SRUN,
        **dict.fromkeys(("squeue", "sacct", "scancel", "scontrol"), "#!/bin/sh\nexit 0\n"),
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_an_array_of_packed_jobs_gives_the_same_runs(cluster: Path, tmp_path: Path) -> None:
    result = quick(
        out=tmp_path / "slurm",
        launcher="submitit_slurm",
        launcher_options=["hydra.launcher.partition=short", "hydra.launcher.timeout_min=7"],
        job_s=1e-3,
        max_jobs=3,
    )
    (flags,) = (cluster / "flags").read_text().splitlines()
    sent: dict[str, str] = ast.literal_eval(flags)
    assert sent["array"].strip("'") == "0-2%3"
    assert (sent["partition"], sent["time"]) == ("short", "7")
    here = quick(out=tmp_path / "here", processes=1)
    pd.testing.assert_frame_equal(result.runs, here.runs)
    for name in ("runs.parquet", "summary.csv"):
        assert (tmp_path / "slurm" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_a_partition_that_does_not_exist_is_named_in_one_error(cluster: Path, tmp_path: Path) -> None:
    call = functools.partial(quick, out=tmp_path / "x", launcher="submitit_slurm", job_s=1e-3)
    with pytest.raises(LaunchFailedError, match="invalid partition specified: nope") as caught:
        call(launcher_options=["hydra.launcher.partition=nope"])
    assert "\n" not in str(caught.value)
    assert len((cluster / "flags").read_text().splitlines()) == 1  # and not sent again
