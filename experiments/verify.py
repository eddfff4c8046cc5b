"""`nascurve collect … --verify N`: a table's runs trained again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nascurve.errors import ConfigError
from nascurve.options import integer

if TYPE_CHECKING:
    from nascurve.benchmarks.table import CurveTable


def verify_table(benchmark: Any, n: Any, *, processes: Any) -> int:
    """Train n random runs of a table again and print how they differ; returns the exit code, 1 when they
    differ by more than seed noise. Raises ConfigError, DataFileError, UnknownIdError."""
    from tqdm import tqdm

    from nascurve.benchmarks.tasks import create_task
    from nascurve.benchmarks.verification import LEVEL, verify

    n = integer("verify", n, at_least=1)
    if processes is not None:
        processes = integer("processes", processes, at_least=1)
    table = read_table(str(benchmark))
    name = f"{table.meta.benchmark}-v{table.meta.version}"
    recipe = table.meta.recipe
    task = create_task(str(recipe.get("task")), **recipe.get("task_options", {}))
    bar = tqdm(unit="run", file=sys.stderr, dynamic_ncols=True)
    with bar:
        result = verify(table, task, n=n, rng=np.random.default_rng(), processes=processes, on_run=bar.update)
    points = 100 * result.difference
    for (network, seed), difference in zip(result.entries, points, strict=True):
        print(f"seed {seed}  {difference:+7.2f} points  {network}")
    print(f"{name}: {result.n_exact} of {len(result.entries)} runs agree in every stored number")
    if result.seed_difference is not None:
        print(
            f"final validation accuracy, trained again minus table: mean {points.mean():+.3f}, standard "
            f"deviation {points.std():.3f} points; between two seeds {100 * result.seed_difference.std():.3f}"
        )
        print(
            f"mean differs from 0: p = {result.p_mean:.3g} (t-test); spreads more than seeds do: "
            f"p = {result.p_spread:.3g} (Levene, one-sided); level {LEVEL}"
        )
        print(f"table made with {table.meta.software}")
    print(f"verdict: {result.verdict}")
    return 1 if result.verdict == "differs" else 0


def read_table(source: str) -> CurveTable:
    """The table of a benchmark's id, or of a file. Raises ConfigError, DataFileError, UnknownIdError."""
    from nascurve.benchmarks.table import CurveTable
    from nascurve.registry import load_benchmark

    if source.endswith(".npz"):
        return CurveTable.read(Path(source))
    table = getattr(load_benchmark(source), "table", None)
    if table is None:
        raise ConfigError(
            f"collect: {source} is no table of collected curves. Give the id of one (pocket201-mnist), or "
            "its file."
        )
    return cast("CurveTable", table)
