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
        found = f"{table.meta.benchmark}-v{table.meta.version}"
        raise DataFileError(
            f"{path}: expected the table of {benchmark}-v{version}; this is the one of {found}. Load it as "
            f"benchmark {found}, or as benchmark 'table', which takes any. {remedy}"
        )
    return TableBenchmark(table, Cell201Space(), required_files=(name,))


def load_pocket201_mnist(*, data_file: str | os.PathLike[str] | None = None) -> TableBenchmark:
    """`pocket201-mnist-v2`: 40 classes (digit x quarter turn) on distorted MNIST, 32 epochs; three training
    seeds of every network, eight of 400. See its data card in `docs/`, and `load_pocket201`."""
    return load_pocket201("pocket201-mnist", version=2, data_file=data_file)


def load_pocket201_mnist_v1(*, data_file: str | os.PathLike[str] | None = None) -> TableBenchmark:
    """`pocket201-mnist-v1`: the runs of training seed 0 alone. See `load_pocket201_mnist`."""
    return load_pocket201("pocket201-mnist", version=1, data_file=data_file)


def load_pocket201_digits(*, data_file: str | os.PathLike[str] | None = None) -> TableBenchmark:
    """`pocket201-digits-v1`: the same networks, trained in the same way on scikit-learn's 8x8 digits; one
    training seed of every network. See its data card in `docs/`, and `load_pocket201`."""
    return load_pocket201("pocket201-digits", version=1, data_file=data_file)
