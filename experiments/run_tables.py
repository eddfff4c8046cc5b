"""Runs of a store as the tables that statistics and figures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nascurve.errors import DataFileError
from nascurve.experiments.record import TRAJECTORY
from nascurve.experiments.store_schema import TOTAL_COLUMNS, WHOLE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class RunTables(NamedTuple):
    """runs: as runs.parquet, one row per change of an incumbent.  totals: one row a run, the columns
    TOTAL_COLUMNS. Both in the order of the methods, then of the seeds."""

    runs: pd.DataFrame
    totals: pd.DataFrame


def run_tables(
    table: pa.Table, methods: Sequence[tuple[str, str]], seeds: Sequence[int] | None = None
) -> RunTables:
    """From rows of a store; those of other methods or seeds are left out. seeds: None for all, ascending.

    Raises DataFileError for lists of unequal lengths."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    key = table.select(["optimizer", "lce", "seed"]).to_pandas()
    places = pd.MultiIndex.from_tuples(methods, names=["optimizer", "lce"]) if methods else None
    method = (
        places.get_indexer(pd.MultiIndex.from_frame(key[["optimizer", "lce"]]))
        if places is not None
        else np.full(len(key), -1)
    )
    seed = key["seed"].to_numpy()
    order_of_seeds = np.unique(seed) if seeds is None else np.asarray(seeds, dtype=np.int64)
    rank = pd.Index(order_of_seeds).get_indexer(pd.Index(seed))
    rows = np.lexsort((rank, method))
    rows = rows[(method[rows] >= 0) & (rank[rows] >= 0)]
    table = table.take(pa.array(rows)).combine_chunks()
    totals = _frame(table, TOTAL_COLUMNS)
    lengths = table["time_s"].combine_chunks().value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    repeat = np.repeat(np.arange(len(rows)), lengths)
    _check_lengths(table, len(repeat))
    columns: dict[str, Any] = {
        name: totals[name].take(repeat).reset_index(drop=True) for name in ("optimizer", "lce", "seed")
    }
    for name in TRAJECTORY:
        values = table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        columns[name] = values.astype("int64" if name in WHOLE_COLUMNS else "float64")
    return RunTables(runs=pd.DataFrame(columns), totals=totals)


def _check_lengths(table: pa.Table, n: int) -> None:
    for name in TRAJECTORY:
        if len(table[name].combine_chunks().flatten()) != n:
            raise DataFileError(
                f"The store is damaged: a run's column {name} has another length than time_s. Give another "
                "out=…, or remove the file of the store that nascurve did not write."
            )


def _frame(table: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    frame = table.select(list(names)).to_pandas()
    texts = [name for name in names if name not in _numbers(table)]
    typed: pd.DataFrame = frame.astype(dict.fromkeys(texts, "str"))
    return typed


def _numbers(table: pa.Table) -> set[str]:
    import pyarrow as pa

    return {field.name for field in table.schema if not pa.types.is_string(field.type)}
