"""What the six benchmarks say of themselves without data."""

from __future__ import annotations

from nascurve.benchmarks.files.card import OfficialCard, OfficialFile
from nascurve.benchmarks.nb201.archives import NASLIB_FILES, SSS, TSS

_AT_NATS = "linked from github.com/D-X-Y/NATS-Bench"
_AT_201 = "linked from github.com/D-X-Y/NAS-Bench-201"
_AT_NASLIB = "linked from github.com/automl/NASLib, one trial without its seed"

_FILES = {
    TSS.name: (
        OfficialFile(name=f"{TSS.files[0][0]} (a folder)", published=_AT_NATS),
        OfficialFile(name=TSS.files[1][0], published=_AT_NATS),
        OfficialFile(name=TSS.files[2][0], published=_AT_201, bytes=4_700_000_000),
        OfficialFile(name=TSS.files[3][0], published=_AT_201, bytes=2_200_000_000),
    ),
    SSS.name: (
        OfficialFile(name=f"{SSS.files[0][0]} (a folder)", published=_AT_NATS),
        OfficialFile(name=SSS.files[1][0], published=_AT_NATS),
    ),
}
_CITATION_201 = (
    "X. Dong, Y. Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search. "
    "ICLR 2020."
)
_CITATION_NATS = (
    "X. Dong, L. Liu, K. Musial, B. Gabrys. NATS-Bench: Benchmarking NAS Algorithms for Architecture "
    "Topology and Size. IEEE TPAMI 2021."
)
_DATASETS = {
    "cifar10": ("CIFAR-10", "cifar10-valid"),
    "cifar100": ("CIFAR-100", "cifar100"),
    "imagenet16": ("ImageNet16-120", "ImageNet16-120"),
}


def official_card(benchmark_id: str) -> OfficialCard:
    """The card of nb201-<data set> or nats-sss-<data set>."""
    start, _, last = benchmark_id.rpartition("-")
    family = TSS if start == "nb201" else SSS
    spoken, dataset = _DATASETS[last]
    files = _FILES[family.name]
    if family is TSS:
        files += (OfficialFile(name=NASLIB_FILES[dataset], published=_AT_NASLIB),)
    max_epochs = max(family.schedules)
    what = "cells" if family is TSS else "layer widths"
    return OfficialCard(
        id=benchmark_id,
        kind="real",
        space=family.space.name,
        max_epochs=max_epochs,
        n_seeds=3 if family is TSS else 1,
        files=files,
        licence="MIT",
        citation=_CITATION_201 if family is TSS else _CITATION_NATS,
        description=f"Trainings of all {family.space.size:,} {what} on {spoken}, {max_epochs} epochs each.",
    )
