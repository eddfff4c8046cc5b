"""Results read back: of a comparison, of one run, or of all runs of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.folder import ExperimentFolder, differing
from nascurve.experiments.journal import read_records
from nascurve.experiments.methods import NO_LCE
from nascurve.experiments.record import RunRecord, read_frame
from nascurve.experiments.summary import summarise

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """runs: rows of runs.parquet.  config: a config.yaml.  records: totals, where there are some."""

    runs: pd.DataFrame
    config: Mapping[str, Any]
    records: tuple[RunRecord, ...] = ()

    def summarise(self) -> pd.DataFrame:
        """As summary.csv."""
        experiment = self.config["experiment"]
        methods = [(entry["optimizer"]["label"], entry["lce"]["label"]) for entry in experiment["methods"]]
        return summarise(
            self.runs,
            budget_s=float(experiment["run"]["budget_s"]),
            methods=methods,
            n_seeds=len(experiment["seeds"]),
            records=self.records,
        )


def read_results(path: Path) -> Results:
    """Of a folder of `nascurve compare` or `nascurve run`, or of a sweep.

    Raises DataFileError, ConfigError.
    """
    folder = ExperimentFolder(path)
    if folder.config.is_file():
        config = folder.read_config()
        _require_seconds(config, path)
        return Results(
            runs=read_frame(folder.runs), config=config, records=tuple(read_records(folder.journal))
        )
    inner = sorted(config.parent for config in path.glob("*/config.yaml")) if path.is_dir() else []
    if not inner:
        raise DataFileError(
            f"{path} is not a folder of results: there is no config.yaml in it. Expected the `out` of "
            "`nascurve compare`, `nascurve run` or a sweep."
        )
    return _read_sweep(inner)


def _read_sweep(folders: list[Path]) -> Results:
    """Runs of a sweep, put together. What else than optimizer, LCE and seed was swept is put into labels."""
    import pandas as pd

    configs = {path: ExperimentFolder(path).read_config() for path in folders}
    first = configs[folders[0]]
    frames: list[pd.DataFrame] = []
    methods: dict[tuple[str, str], Any] = {}
    seeds: set[int] = set()
    for path, config in configs.items():
        _require_seconds(config, path)
        experiment = config["experiment"]
        for part in ("benchmark", "run"):
            differences = differing(first["experiment"][part], experiment[part])
            if differences:
                raise ConfigError(
                    f"The runs in {path.parent} cannot be drawn together: {folders[0].name} and {path.name} "
                    f"differ in {'; '.join(differences)} Draw one of them, or sweep over these in folders of "
                    "their own."
                )
        method = experiment["methods"][0]
        key = _labels(method, config.get("swept", {}))
        frame = read_frame(ExperimentFolder(path).runs)
        if key in methods and len(frame) and int(experiment["seeds"][0]) in _seen(frames, key):
            continue  # `lce=none` is the same run whatever the options of LCE
        frames.append(frame.assign(optimizer=key[0], lce=key[1]))
        methods[key] = {"optimizer": {"label": key[0]}, "lce": {"label": key[1]}}
        seeds.update(experiment["seeds"])
    first_of: dict[str, int] = {}
    for optimizer, _ in methods:
        first_of.setdefault(optimizer, len(first_of))
    order = sorted(methods, key=lambda key: (first_of[key[0]], key[1] != NO_LCE))
    merged = {"methods": [methods[key] for key in order], "seeds": sorted(seeds)}
    return Results(
        runs=_sorted(pd.concat(frames, ignore_index=True), order),
        config={**first, "experiment": {**first["experiment"], **merged}},
    )


def _sorted(runs: pd.DataFrame, order: list[tuple[str, str]]) -> pd.DataFrame:
    rank = [order.index(key) for key in zip(runs["optimizer"], runs["lce"], strict=True)]
    return runs.assign(rank=rank).sort_values(["rank", "seed", "time_s"], kind="stable").drop(columns="rank")


def _seen(frames: list[pd.DataFrame], key: tuple[str, str]) -> set[int]:
    return {
        int(seed)
        for frame in frames
        if len(frame) and (frame["optimizer"].iloc[0], frame["lce"].iloc[0]) == key
        for seed in frame["seed"]
    }


def _labels(method: Mapping[str, Any], swept: Mapping[str, Any]) -> tuple[str, str]:
    optimizer, lce = str(method["optimizer"]["label"]), str(method["lce"]["label"])
    extras: dict[str, list[str]] = {"optimizer": [], "lce": []}
    for name, value in swept.items():
        root, _, option = name.partition(".")
        if option and root in extras:
            extras[root].append(f"{option}={value}")
    if extras["optimizer"]:
        optimizer += f" ({', '.join(extras['optimizer'])})"
    if extras["lce"] and lce != NO_LCE:
        lce += f" ({', '.join(extras['lce'])})"
    return optimizer, lce


def _require_seconds(config: Mapping[str, Any], path: Path) -> None:
    try:
        budget_s = config["experiment"]["run"]["budget_s"]
    except (KeyError, TypeError) as error:
        raise DataFileError(
            f"{path}/config.yaml: expected `experiment` with `run.budget_s`, as nascurve writes it."
        ) from error
    if budget_s is None:
        raise ConfigError(f"{path}: the run had a budget in epochs alone; figures need budget_s.")
