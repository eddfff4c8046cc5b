"""The embedded benchmarks `pocket201-*`: every network of cell201, really trained on a small task."""

from __future__ import annotations

import importlib.resources
import os

from nascurve import options
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.table import CurveTable
from nascurve.benchmarks.table_benchmark import TableBenchmark
from nascurve.errors import DataFileError


def load_pocket201(
    benchmark: str, *, version: int, data_file: str | os.PathLike[str] | None = None
) -> TableBenchmark:
    """Load a table over cell201 by its id (`pocket201-mnist`) and version.

    data_file: a table to read instead of the one that comes with the package, such as one that `nascurve
        assemble` wrote; it must be of the same benchmark and version.

    Raises DataFileError when the file is missing, damaged or of another benchmark, ConfigError when
    `data_file` is no path.
    """
    name = f"{benchmark}-v{version}.npz"
    remedy = (
        "Reinstall nascurve, or make the table with `nascurve collect` and `nascurve assemble` and give it "
        "as data_file=."
    )
    if data_file is None:
        packaged = importlib.resources.files("nascurve.benchmarks.data") / name
        if not packaged.is_file():
            raise DataFileError(f"{packaged}: no such file; expected the table that nascurve ships. {remedy}")
        with importlib.resources.as_file(packaged) as path:
            table = CurveTable.read(path, remedy=remedy)
    else:
        path = options.path("data_file", data_file)
        table = CurveTable.read(path, remedy=remedy)
    if (table.meta.benchmark, table.meta.version) != (benchmark, version):
        raise DataFileError(
            f"{path}: expected the table of {benchmark}-v{version}; this is the one of "
            f"{table.meta.benchmark}-v{table.meta.version}. {remedy}"
        )
    return TableBenchmark(table, Cell201Space(), required_files=(name,))


def load_pocket201_mnist(*, data_file: str | os.PathLike[str] | None = None) -> TableBenchmark:
    """`pocket201-mnist-v1`: 40 classes (digit x quarter turn) on distorted MNIST, 32 epochs. See its data
    card in `docs/`, and `load_pocket201`."""
    return load_pocket201("pocket201-mnist", version=1, data_file=data_file)
