"""The performance table: that its command runs and prints. The numbers are measured by hand (`make perf`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def _run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks_perf", "quick", f"out={out}", f"peer={out / 'none'}"]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_one_command_prints_one_table_and_resumes(tmp_path: Path) -> None:
    arguments = ("benchmark=synthetic", "rows=simulation,overhead,help", "repeats=1")
    done = _run(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(row) for row in cells} == {7}
    assert cells[0][:3] == ["row", "what was measured", "ours"]
    measured = [(row[0], row[1].split()[0].rstrip(":")) for row in cells[2:]]
    assert measured[:2] == [("simulation", "rs"), ("simulation", "rs")]
    assert [row for row, _ in measured[-4:]] == ["overhead", "overhead", "overhead", "help"]
    assert all(row[6] in ("yes", "**no**") for row in cells[2:] if row[5] != "–")
    assert (tmp_path / "table.md").read_text() == done.stdout

    kept = json.loads((tmp_path / "help.json").read_text())
    kept["lines"][0]["ours"] = "measured before"
    (tmp_path / "help.json").write_text(json.dumps(kept))
    again = _run(tmp_path, *arguments, "rows=help", "resume")
    assert "measured before" in again.stdout
    assert "measured before" not in _run(tmp_path, *arguments, "rows=help").stdout


def test_usage_errors_and_failed_rows(tmp_path: Path) -> None:
    for wrong in ("rows=speed", "repeats=0", "size=3"):
        done = _run(tmp_path, wrong)
        assert done.returncode == 2, wrong
        assert wrong.partition("=")[0] in done.stderr
    failed = _run(tmp_path, "benchmark=nowhere", "rows=overhead,help")
    assert failed.returncode == 1
    assert "| overhead | failed" in failed.stdout
    assert "| help | `nascurve --help`" in failed.stdout, "the other rows are measured all the same"


def test_made_up_results_are_aggregated(tmp_path: Path) -> None:
    done = _run(tmp_path, "rows=aggregation")
    assert done.returncode == 0, done.stderr
    assert "40 runs (8 methods × 5 seeds" in done.stdout
    assert "100 runs (20 methods × 5 seeds" in done.stdout
