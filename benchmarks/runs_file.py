"""A Parquet file of training runs: its columns, and a writer that takes some rows at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from nascurve.simulator.types import BenchmarkInfo

FORMAT = "nascurve-runs"
FORMAT_VERSION = 1
CURVES = {
    "val_acc": "validation accuracy after each epoch, in [0, 1]",
    "test_acc": "test accuracy after each epoch, in [0, 1]",
    "val_loss": "validation loss after each epoch",
    "train_loss": "training loss of each epoch",
    "epoch_s": "seconds that each epoch cost",
}
"""The columns that are lists, one value an epoch."""
_ABOUT = (
    *("name", "version", "kind", "space", "max_epochs", "fidelities", "resumable", "training_seeds"),
    *("licence", "citation", "description", "details"),
)


class RunsFile:
    """Writes rows, mappings from column to value, as Parquet. A context manager.

    Columns: see `export_runs`; of the curves those that `info` names. NaN in a curve becomes null. The
    schema's metadata hold what `info` says, under `nascurve.<name>`, JSON where it is no string; and
    `nascurve.format`, `nascurve.format_version`.
    """

    def __init__(self, path: Path, info: BenchmarkInfo) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow: Any = pyarrow
        parquet: Any = pyarrow.parquet
        self.curves = [name for name in CURVES if name == "epoch_s" or name in info.metrics]
        self._schema = self._schema_of(info)
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()

    @property
    def columns(self) -> list[tuple[str, str, str]]:
        """Name, Arrow type and description of each column."""
        return [
            (field.name, str(field.type), field.metadata[b"description"].decode()) for field in self._schema
        ]

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows as one group; nothing for no rows."""
        if not rows:
            return
        arrays = []
        for field in self._schema:
            values = [row[field.name] for row in rows]
            if field.name not in CURVES:
                arrays.append(self._arrow.array(values, field.type))
                continue
            ends = np.cumsum([0, *map(len, values)], dtype=np.int32)
            flat = self._arrow.array(np.concatenate(values), from_pandas=True)  # NaN: null
            arrays.append(self._arrow.ListArray.from_arrays(ends, flat))
        self._writer.write_batch(self._arrow.record_batch(arrays, schema=self._schema))

    def _schema_of(self, info: BenchmarkInfo) -> Any:
        arrow = self._arrow
        text, number = arrow.string(), arrow.float64()
        columns = [
            ("architecture", text, f"canonical string of the search space {info.space}"),
            ("key", text, "equal exactly for architectures that build the same network"),
            ("seed", arrow.int32(), "index of the training run among those of its architecture"),
            (
                "training_seed",
                arrow.int64(),
                "seed that the run was trained with; null where it is not known",
            ),
            ("epochs", arrow.int32(), "epochs of the run, the length of its lists"),
            ("diverged", arrow.bool_(), "whether the run ended without a finite accuracy or loss"),
            ("true_test_acc", number, "what regrets are counted in: see nascurve.details"),
            *((name, arrow.list_(number), f"{CURVES[name]}; null: none") for name in self.curves),
        ]
        about = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "nascurve": version("nascurve"),
            **{name: getattr(info, name) for name in _ABOUT},
        }
        return arrow.schema(
            [arrow.field(name, kind, metadata={"description": said}) for name, kind, said in columns],
            metadata={
                f"nascurve.{name}": value if isinstance(value, str) else json.dumps(value, default=str)
                for name, value in about.items()
            },
        )
