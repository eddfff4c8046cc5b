"""One sweep under every launcher: `python -m benchmarks_perf.launchers OUT [seeds=100] [launchers=…]`.

Four methods with and without LCE on both embedded tasks. Prints how long each launcher took and the SHA-256
of what it wrote; exits with 1 when they differ.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

LAUNCHERS = ("processes", "joblib", "submitit_local", "ray")
_TASKS = ("pocket201-mnist", "pocket201-digits")
_FILES = ("runs.parquet", "summary.csv")
_SWEEP = (
    *("optimizers=[rs,re,ls,bananas]", "lce=[none,last_value]", f"benchmark=[{','.join(_TASKS)}]"),
    "budget_trainings=50",
)


def main(argv: list[str]) -> int:
    options = dict(arg.split("=", 1) for arg in argv if "=" in arg)
    (out,) = (Path(arg) for arg in argv if "=" not in arg)
    launchers = options.get("launchers", ",".join(LAUNCHERS)).split(",")
    hashes: dict[str, set[str]] = {}
    for launcher in launchers:
        start_s = time.perf_counter()
        _sweep(out / launcher, launcher, options.get("seeds", "100"))
        wall_s = time.perf_counter() - start_s
        files = sum(1 for _ in (out / launcher).glob("*/store/*.parquet"))
        print(f"{launcher}: {wall_s:.0f} s, {files} files in the stores", flush=True)
        for task in _TASKS:
            for name in _FILES:
                content = (out / launcher / task / name).read_bytes()
                digest = hashlib.sha256(content).hexdigest()
                hashes.setdefault(f"{task}/{name}", set()).add(digest)
                print(f"  {digest[:16]}  {task}/{name}", flush=True)
    equal = all(len(found) == 1 for found in hashes.values())
    print("equal" if equal else "DIFFERENT")
    return 0 if equal else 1


def _sweep(out: Path, launcher: str, seeds: str) -> None:
    chosen = [] if launcher == "processes" else [f"hydra/launcher={launcher}"]
    command = [sys.executable, "-m", "nascurve.experiments.cli", "compare", *_SWEEP, f"seeds={seeds}"]
    subprocess.run([*command, *chosen, f"out={out}"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
