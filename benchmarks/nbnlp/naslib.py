"""The trainings of NAS-Bench-NLP as NASLib hands them out: `nb_nlp.pickle`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import guarded, open_source
from nascurve.benchmarks.nbnlp.recipe import cell_of_compact
from nascurve.benchmarks.nbnlp.run import LOSSES, MOST_EPOCHS, Run, checked_run
from nascurve.errors import ArchitectureError, DataFileError

_MOST_BYTES = 2**30
_EXPECTED = (
    "NASLib's pickle of NAS-Bench-NLP: compact form -> train_losses, val_losses, test_losses, wall_times"
)


def read_naslib(path: Path, *, remedy: str) -> tuple[list[Run], Counter[str]]:
    """All trainings of the pickle, and what was left out: reason -> number.

    The number of epochs is the longest list's. The pickle names no status and no data set: shorter trainings
    with a NaN are diverged, those without are left out; the data set is taken to be PTB. Compact forms that
    are no cell (the authors' LSTM, see `cell_of_compact`) are left out. Distinct compact forms of one cell
    count as trainings of it, in their order in the file. Raises DataFileError.
    """
    with (
        open_source(path, expected=_EXPECTED, remedy=remedy, magic=(b"\x80",)) as file,
        guarded(path, _EXPECTED, remedy),
    ):
        data = file.read(_MOST_BYTES + 1)
    table = read_pickle(data, path=path, remedy=remedy, max_bytes=_MOST_BYTES)
    runs: list[Run] = []
    left_out: Counter[str] = Counter()
    with guarded(path, _EXPECTED, remedy):
        if not isinstance(table, dict) or not table:
            raise ValueError(f"it is a {type(table).__name__} of no entries")
        epochs = 0
        for compact, record in table.items():
            if not isinstance(record, dict) or not set(LOSSES) <= record.keys():
                raise ValueError(f"{compact!r:.80} has no {', '.join(LOSSES)}")
            epochs = max(epochs, *(len(record[name]) for name in LOSSES))
        if not 1 <= epochs <= MOST_EPOCHS:
            raise ValueError(f"its longest list has {epochs} values")
        for number, (compact, record) in enumerate(table.items()):
            try:
                cell = cell_of_compact(compact)
            except ArchitectureError:
                left_out["compact form that is no valid cell"] += 1
                continue
            run = checked_run(record, cell=cell, order=("", number), data="ptb", epochs=epochs, status="OK")
            if isinstance(run, str):
                left_out[run] += 1
            else:
                runs.append(run)
    if not runs:
        raise DataFileError(
            f"{path}: expected {_EXPECTED}, got no usable training ({dict(left_out)}). {remedy}"
        )
    return runs, left_out
