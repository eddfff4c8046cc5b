"""A benchmark that answers from a `CurveTable`."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.enumeration import all_architectures
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.table import CurveTable
from nascurve.errors import ArchitectureError, ConfigError
from nascurve.simulator.types import Architecture, BenchmarkInfo, LearningCurve, SearchSpace


class TableBenchmark(CurveBenchmark):
    """Every architecture of `space` is answered by its network's row, which is named `space.key(arch)`.

    space: the table's search space, or a `HeldSpace` of a part of it.
    seed: counts the trainings that there are of an architecture, in the order of the table's seeds. Each
        network that was trained at all has at least `info.n_seeds` of them; asking beyond what there is
        raises ConfigError, asking for a network without any ArchitectureError.
    Curves: `val_acc`, `val_loss`, `train_loss` after each epoch; `test_acc` NaN before the last epoch, since
        it was not measured; `epoch_s` = seconds of training + of evaluation, by the table's cost model.
    A diverged run is a run: accuracies as measured, losses NaN from that epoch.
    `info.details["data_sha256"]` tells tables apart by their content, whatever file they came from.
    """

    def __init__(
        self, table: CurveTable, space: SearchSpace, *, required_files: tuple[str, ...] = ()
    ) -> None:
        meta = table.meta
        base = space.base if isinstance(space, HeldSpace) else space
        if meta.space != base.name:
            raise ConfigError(
                f"{meta.benchmark}: expected the table's search space, {meta.space!r}, got {base.name!r}. "
                f"Give space=nascurve.create_search_space({meta.space!r}), or a table of {base.name!r}."
            )
        counts = table.trained.sum(axis=0)
        if not counts.any():
            raise ConfigError(
                f"{meta.benchmark}: the table holds no trained network; collect some (nascurve collect, "
                "nascurve assemble)."
            )
        super().__init__(
            space=space,
            info=BenchmarkInfo(
                name=meta.benchmark,
                version=meta.version,
                kind=meta.kind,
                space=space.name,
                max_epochs=table.max_epochs,
                n_seeds=int(counts[counts > 0].min()),
                metrics=("val_acc", "test_acc", "val_loss", "train_loss"),
                licence=meta.licence,
                citation=meta.citation,
                description=meta.description,
                required_files=required_files,
                training_seeds=meta.training_seeds,
                details={
                    "n_train": meta.n_train,
                    "n_val": meta.n_val,
                    "n_test": meta.n_test,
                    "n_networks": int((counts > 0).sum()),
                    "n_runs": int(counts.sum()),
                    "n_diverged": int((table.trained & (table.diverged_epoch > 0)).sum()),
                    "recipe": meta.recipe,
                    "software": meta.software,
                    "data_sha256": table.data_sha256(),
                },
            ),
        )
        self._table = table
        self._rows = {name: row for row, name in enumerate(table.network.tolist()) if counts[row]}
        self._counts = counts.tolist()
        # _runs[k, row]: first axis of the table where the row's k-th training stands (stable: seeds' order)
        self._runs = np.argsort(~table.trained, axis=0, kind="stable")
        test_acc = table.test_correct / meta.n_test
        self._test_acc = np.where(table.trained, test_acc, 0.0).sum(axis=0) / np.maximum(counts, 1)
        self._epoch_s = table.train_epoch_s.astype(np.float64) + table.eval_epoch_s

    @property
    def table(self) -> CurveTable:
        return self._table

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        rows = [self._row(arch) for arch in archs]
        table, epochs = self._table, self._table.max_epochs
        where = self._runs[np.asarray(seeds, dtype=np.intp), rows], rows
        test_acc = np.full((len(rows), epochs), np.nan)
        test_acc[:, -1] = table.test_correct[where] / table.meta.n_test
        return curve_rows(
            val_acc=table.val_correct[where] / table.meta.n_val,
            epoch_s=np.repeat(self._epoch_s[rows][:, None], epochs, axis=1),
            test_acc=test_acc,
            val_loss=table.val_loss[where].astype(np.float64),
            train_loss=table.train_loss[where].astype(np.float64),
        )

    def _row(self, arch: Architecture) -> int:
        row = self._rows.get(self._space.key(arch))
        if row is None:
            raise ArchitectureError(
                f"{self.info.name} holds no training of {arch} (network {self._space.key(arch)!r}), only of "
                f"{len(self._rows)} networks. Collect the rest (nascurve collect, nascurve assemble), or "
                "search only among these."
            )
        return row

    def training_runs(self, arch: Architecture) -> int:
        """How many training runs the table holds of the architecture's network."""
        return int(self._counts[self._row(arch)])

    def official_seeds(self, arch: Architecture) -> tuple[int, ...]:
        """The seeds that the architecture's network was trained with, in the order of `query`'s seed."""
        row = self._row(arch)
        runs = self._runs[: self._counts[row], row].tolist()
        return tuple(self.info.training_seeds[run] for run in runs)

    def true_test_acc(self, arch: Architecture) -> float:
        """Test accuracy after the last epoch, mean over the architecture's trainings. For reporting only."""
        if not self._space.contains(arch):
            raise self._foreign(arch)
        return float(self._test_acc[self._row(arch)])

    def best(self) -> tuple[Architecture, float] | None:
        """The best architecture by `true_test_acc` and that value (of several strings of its network, the
        first); None in a space too large to be searched for it."""
        return self._best

    @functools.cached_property
    def _best(self) -> tuple[Architecture, float] | None:
        archs = all_architectures(self._space)
        rows = sorted(self._rows.values(), key=lambda row: -self._test_acc[row])
        if archs is None:
            return None
        for row in rows:  # the first has an architecture, unless the table holds networks of no architecture
            name = self._table.network[row]
            for arch in archs:
                if self._space.key(arch) == name:
                    return arch, float(self._test_acc[row])
        return None
