"""The results of an experiment: a folder of Parquet files that only grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import DataFileError
from nascurve.experiments.files import write_atomically
from nascurve.experiments.record import TRAJECTORY, RunRecord
from nascurve.experiments.store_schema import (
    SCHEMA_VERSION,
    TOTAL_COLUMNS,
    VERSION_KEY,
    schema,
    to_records,
    to_table,
)

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = ["optimizer", "lce", "seed"]


class RunStore:
    """The Parquet files of a folder, one for each packed job, which make one data set of one row a run.

    Files are written whole under names of their own and never changed, so that any number of processes may
    add some at the same time. A run that stands there twice (a job was done again after its machine was
    lost) counts once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __bool__(self) -> bool:
        return any(self.path.glob("*.parquet"))

    def append(self, name: str, records: Sequence[RunRecord]) -> None:
        """Add a file of records, atomically. Raises DataFileError."""
        import pyarrow.parquet as pq

        table = to_table(records)
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(
            self.path / f"{name}.parquet",
            lambda temporary: pq.write_table(table, temporary, compression="zstd"),
            suffix="",  # or readers of store/*.parquet would take what a kill left for a file of the store
        )

    def records_of(self, name: str) -> list[RunRecord]:
        """Those of one file, in order; none when it is not there. Raises DataFileError."""
        path = self.path / f"{name}.parquet"
        return list(to_records(self._read_file(path, schema().names))) if path.exists() else []

    def read(
        self,
        more: Sequence[RunRecord] = (),
        *,
        columns: Sequence[str] | None = None,
        repeatable: bool = True,
    ) -> pa.Table:
        """All runs, each once, in no particular order.

        more: records that are not in the folder yet, taken as if they were.
        columns: of these alone, which must include the key and `status`; then runs that stand there twice are
        not compared.
        repeatable: whether a run that is done again gives the same (not so with real time in it).
        A run that ended well counts before a failed one, the last of failed ones before the others. Raises
        DataFileError for a file that is not of a store, or of a newer version, and for a run that stands
        there twice with different results.
        """
        import pyarrow as pa

        names = list(columns) if columns is not None else schema().names
        tables = [self._read_file(path, names) for path in sorted(self.path.glob("*.parquet"))]
        tables.append(to_table(more).select(names))
        # Metadata name the version that wrote a file: it may differ.
        table = pa.concat_tables(table.replace_schema_metadata(None) for table in tables)
        return self._each_once(table, compared=repeatable and columns is None)

    def _read_file(self, path: Path, names: list[str]) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        hint = (
            f"Expected a file of runs that nascurve wrote. Remove {path.name}: the same `nascurve compare` "
            "does its runs again."
        )
        try:
            with pq.ParquetFile(path) as file:
                version = int((file.schema_arrow.metadata or {}).get(VERSION_KEY, b"0"))
                if version > SCHEMA_VERSION:
                    raise DataFileError(
                        f"{path} was written by a newer nascurve: its schema has version {version}, this "
                        f"nascurve reads up to {SCHEMA_VERSION}. Install a newer one."
                    )
                expected = schema()
                if version < 1 or not file.schema_arrow.remove_metadata().equals(expected.remove_metadata()):
                    raise DataFileError(f"{path} is a Parquet file of something else. {hint}")
                return file.read(columns=names)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataFileError(f"Cannot read {path}: {str(error).rstrip('.')}. {hint}") from error

    def _each_once(self, table: pa.Table, *, compared: bool) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        key = table.select(_KEY).to_pandas()
        repeated = key.duplicated(keep=False).to_numpy()
        if not repeated.any():
            return table
        ended = [name for name in ("status", "finished_at_s") if name in table.column_names]
        order = key.assign(**{name: table[name].to_pandas() for name in ended}).sort_values(
            ended, ascending=[True, False][: len(ended)], kind="stable"
        )
        kept = np.sort(order.index[~order.duplicated(_KEY)].to_numpy())
        if compared:
            self._refuse_differing(table.take(pa.array(np.flatnonzero(repeated))))
        return table.take(pa.array(kept))

    def _refuse_differing(self, repeated: pa.Table) -> None:
        first: dict[tuple[Any, ...], Any] = {}
        for row in repeated.select([*_KEY, "status", *TRAJECTORY]).to_pylist():
            if row["status"] != "done":
                continue
            key = tuple(row[name] for name in _KEY)
            found = repr([row[name] for name in TRAJECTORY])  # repr: NaN equals NaN
            if first.setdefault(key, found) != found:
                raise DataFileError(
                    f"{self.path}: seed {key[2]} of {key[0]}, {key[1]} stands there twice, with different "
                    "results: files of different experiments, or machines whose rounding differs, were "
                    "mixed. Remove the files that do not belong there, or give another out=…"
                )

    def drop_unfinished(self) -> None:
        """Remove what processes left that were killed while they wrote a file. Nobody may be writing one."""
        for path in self.path.glob(".*.tmp"):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all files of runs."""
        self.drop_unfinished()
        for path in self.path.glob("*.parquet"):
            path.unlink()
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()


def totals_of(table: pa.Table) -> Any:
    """The columns that hold one value a run, as a DataFrame."""
    return table.select(list(TOTAL_COLUMNS)).to_pandas()
