"""From the official files to the arrays of our caches: one part for each data set and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import guarded, open_source
from nascurve.benchmarks.nb201.archives import Archive, Family, Source
from nascurve.benchmarks.nb201.columns import Pieces
from nascurve.benchmarks.nb201.trial import (
    SETS,
    Trial,
    checked_percent,
    checked_seconds,
    numbers,
    read_trials,
)
from nascurve.errors import DataFileError

FORMAT_VERSION = 1
_MAX_NASLIB = 2**30
_MAX_NASLIB_EPOCHS = 1000

Part = dict[str, NDArray[Any]]


def convert_source(source: Source, family: Family, dataset: str, *, remedy: str) -> dict[str, Part]:
    """The arrays of every part that the source holds, by part name (`part_name`). dataset: of NASLib's files.

    Arrays of a part, for n architectures in the order of the official index, r trainings, e epochs:
    index (n,) official index; arch (n,) index in our space; first (n + 1,) where each architecture's
    trainings begin; seed (r,), ascending within an architecture (-1: not stated); train_loss (r, e) float32;
    train_s (r, e), or (r, 1) where it is the same in every epoch;
    for each set of images: `<set> acc` (r, e), or (r, 1) where only the last epoch was evaluated: images
    classified correctly, uint16, `columns.MISSING` where not measured; or, should any value be no whole
    number of images, float64 fractions, NaN where not measured; `<set> loss` float32, and `<set> s` seconds,
    in the same shapes.
    Of cifar10-valid also: `cifar10 test` (n,) mean final accuracy on ori-test of the trainings on all
    50,000 images, NaN where there is none.

    Raises DataFileError for files that are not as published.
    """
    if source.layout == "naslib":
        parts, texts = _from_naslib(source, family, dataset, remedy)
    else:
        parts, texts = _from_archive(source, family, remedy)
    if not parts:
        raise DataFileError(f"{source.path}: expected trainings of {family.name}, got none. {remedy}")
    with guarded(source.path, f"architectures of the space {family.space.name}", remedy):
        archs = {index: family.space.parse(text).index for index, text in texts.items()}
        if len(set(archs.values())) != len(archs):
            raise ValueError("one architecture at two indices")
    packed = {}
    for name in list(parts):
        packed[name] = parts.pop(name).pack(archs)  # each part's pieces go before the next is packed
    return packed


def part_name(dataset: str, epochs: int) -> str:
    """The name of a part, such as cifar100-200."""
    return f"{dataset}-{epochs}"


def _from_archive(source: Source, family: Family, remedy: str) -> tuple[dict[str, Pieces], dict[int, str]]:
    archive = Archive(source, remedy=remedy)
    parts = {
        part_name(dataset, epochs): Pieces(dataset, epochs)
        for dataset in SETS
        if dataset != "cifar10"
        for epochs in family.schedules
    }
    stated: dict[int, str] = {}
    known = [key for keys in family.schedules.values() for key in keys]
    total = family.space.size
    for index, infos, path in tqdm(
        archive, desc=f"converting {source.path.name}", total=total, disable=None, leave=False
    ):
        with guarded(path, f"trainings of {family.name} (index {index})", remedy):
            if index in stated:
                raise ValueError("an index that came before")
            if not isinstance(infos, dict) or not any(key in infos for key in known):
                raise ValueError("no trainings of a known schedule")
            for epochs, keys in family.schedules.items():
                state = next((infos[key] for key in keys if key in infos), None)
                if state is None:
                    continue
                if state["arch_index"] != index or type(state["arch_str"]) is not str:
                    raise ValueError(f"the trainings of architecture {state['arch_index']!r:.40}")
                stated[index] = state["arch_str"]
                whole = read_trials(state, "cifar10", epochs)
                for dataset in SETS:
                    if dataset != "cifar10":
                        trials = read_trials(state, dataset, epochs)
                        parts[part_name(dataset, epochs)].add(index, trials, whole)
    strings = archive.strings
    if strings is not None:
        for index, text in stated.items():
            # sizes: that the state repeats the widths, not the cell, is not known of real files
            comparable = ":" in text or family.name == "nats-tss"
            if index >= len(strings) or (comparable and strings[index] != text):
                raise DataFileError(
                    f"{source.path}: expected architecture {index} as its list has it, got {text!r:.120}. "
                    f"{remedy}"
                )
        stated = {index: strings[index] for index in stated}
    return {name: part for name, part in parts.items() if part.indices}, stated


def _from_naslib(
    source: Source, family: Family, dataset: str, remedy: str
) -> tuple[dict[str, Pieces], dict[int, str]]:
    path = source.path
    expected = f"a full-training pickle of NASLib with {dataset}"
    with open_source(path, expected=expected, remedy=remedy, magic=(b"\x80",)) as file:
        data = file.read(_MAX_NASLIB + 1)
    table = read_pickle(data, path=path, remedy=remedy, max_bytes=_MAX_NASLIB)
    del data
    texts: dict[int, str] = {}
    pieces: Pieces | None = None
    with guarded(path, expected, remedy):
        if not isinstance(table, dict) or len(table) > family.space.size:
            raise TypeError(f"a {type(table).__name__} with other content")
        # an unofficial file without indices: sorted, so that the order of entries does not matter
        for index, text in enumerate(sorted(table)):
            entry = table[text][dataset]
            if pieces is None:
                pieces = Pieces(dataset, len(entry["eval_acc1es"]))
                if not 1 <= pieces.epochs <= _MAX_NASLIB_EPOCHS:
                    raise ValueError(f"{pieces.epochs} epochs")
            pieces.add(index, [_naslib_trial(entry, dataset, pieces.epochs)], [])
            texts[index] = text
    return ({} if pieces is None else {part_name(dataset, pieces.epochs): pieces}), texts


def _naslib_trial(entry: Any, dataset: str, epochs: int) -> Trial:
    lists = {name: numbers(list(entry[name])) for name in ("train_losses", "eval_losses", "eval_acc1es")}
    if any(len(values) != epochs for values in lists.values()):
        raise ValueError(f"curves of other lengths than {epochs}")
    evaluated = "x-valid" if dataset == "cifar10-valid" else "ori-test"
    nothing = np.full(epochs, np.nan)
    train_s = np.full(epochs, numbers([entry["cost_info"]["train_time"]])[0])
    return Trial(
        seed=-1,
        train_losses=lists["train_losses"],
        train_s=checked_seconds(train_s),
        accs={evaluated: checked_percent(lists["eval_acc1es"])},
        losses={evaluated: lists["eval_losses"]},
        eval_s={evaluated: nothing},
    )
