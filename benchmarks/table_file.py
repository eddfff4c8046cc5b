"""The benchmark `table`: any table of learning curves that `nascurve assemble` wrote."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from nascurve import options
from nascurve.benchmarks.enumeration import all_architectures
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.table import CurveTable
from nascurve.benchmarks.table_benchmark import TableBenchmark
from nascurve.errors import ConfigError, DataFileError, UnknownIdError
from nascurve.registry import create_search_space
from nascurve.simulator.types import SearchSpace


def load_table(
    *, data_file: str | os.PathLike[str] | None = None, restrict: bool | None = None
) -> TableBenchmark:
    """A table of your own curves, by its file: what `nascurve assemble` makes of a collection.

    data_file: the table; must be given. Its name, version and search space stand in it; the space must be
        installed.
    restrict: whether the search space is cut down to the architectures whose networks the table holds
        (`HeldSpace`), so that a part of a collection can be searched. None: exactly when some are missing,
        in a space that can be listed.

    Raises DataFileError when the file is missing, damaged or needs a space that is not installed, ConfigError
    for bad options.
    """
    if data_file is None:
        raise ConfigError("table: expected data_file=, the table that `nascurve assemble` wrote, got none.")
    path = options.path("data_file", data_file)
    if restrict is not None:
        options.flag("restrict", restrict)
    table = CurveTable.read(path)
    try:
        space = create_search_space(table.meta.space)
    except UnknownIdError as error:
        raise DataFileError(
            f"{path}: expected a table of an installed search space, got one of {table.meta.space!r:.80}. "
            f"Install the package that brings it. {error}"
        ) from error
    if restrict is not False:
        space = _held(space, table, path, always=restrict is True)
    return TableBenchmark(table, space, required_files=(path.name,))


def _held(space: SearchSpace, table: CurveTable, path: Path, *, always: bool) -> SearchSpace:
    """The architectures of the space whose networks were trained; all of it where there is nothing to cut."""
    archs = all_architectures(space)
    if archs is None:
        if always:
            raise ConfigError(
                f"restrict: the space {space.name!r} is too large to look for the table's networks in. Leave "
                "restrict= out."
            )
        return space
    trained = set(cast("list[str]", table.network[table.trained.any(axis=0)].tolist()))
    held = [arch for arch in archs if space.key(arch) in trained]
    if not held:
        raise DataFileError(
            f"{path}: expected networks of the space {space.name!r}, but none of its architectures builds "
            f"one of the {len(trained)} networks in the table. Make it again with `nascurve assemble`, and "
            "give its space=."
        )
    return HeldSpace(space, held, digest=table.data_sha256()) if always or len(held) < len(archs) else space
