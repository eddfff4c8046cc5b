"""The columns of the results store, and records as rows of it.

Version 2: one row a run, the changes of its incumbent as lists. Version 1, of nascurve 0.1, was the journal
`runs.jsonl`; `ExperimentFolder.migrate` moves it. The version stands in the metadata of every file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nascurve.experiments.record import TRAJECTORY, RunRecord

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 2
VERSION_KEY = b"nascurve_schema"
TOTAL_COLUMNS = (
    *("optimizer", "lce", "seed", "status"),
    *("total_evaluations", "total_epochs", "total_time_s", "decision_s", "wall_s", "finished_at_s"),
    *("error", "traceback"),
)
"""The columns that hold one value a run."""
LIST_COLUMNS = (*TRAJECTORY, "arch")
"""The columns that hold a list a run: one item per change of the incumbent."""
WHOLE_COLUMNS = ("seed", "epochs", "evaluations", "total_evaluations", "total_epochs")
_TEXT = ("optimizer", "lce", "status", "error", "traceback", "arch")


def schema() -> pa.Schema:
    """Of every file of a store."""
    import pyarrow as pa

    import nascurve

    def kind(name: str) -> pa.DataType:
        return pa.int64() if name in WHOLE_COLUMNS else pa.string() if name in _TEXT else pa.float64()

    columns = [pa.field(name, kind(name)) for name in TOTAL_COLUMNS]
    columns += [pa.field(name, pa.list_(kind(name))) for name in LIST_COLUMNS]
    return pa.schema(
        columns,
        metadata={VERSION_KEY: str(SCHEMA_VERSION).encode(), b"nascurve": nascurve.__version__.encode()},
    )


def to_table(records: Sequence[RunRecord]) -> pa.Table:
    """One row a record, in their order."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {
        name: [getattr(record, name) for record in records] for name in TOTAL_COLUMNS
    }
    columns |= {name: [record.trajectory[name] for record in records] for name in TRAJECTORY}
    columns["arch"] = [record.archs for record in records]
    return pa.table(columns, schema=schema())


def to_records(table: pa.Table) -> Iterator[RunRecord]:
    """The rows as records."""
    for row in table.to_pylist():
        yield RunRecord(
            trajectory={name: row[name] for name in TRAJECTORY},
            archs=row["arch"],
            **{name: row[name] for name in TOTAL_COLUMNS},
        )
