"""Results read back: of a comparison, of one run, or of all runs of a sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.folder import ExperimentFolder, differing, differing_data
from nascurve.experiments.journal import read_records
from nascurve.experiments.methods import NO_LCE
from nascurve.experiments.record import RunKey, RunRecord, read_frame
from nascurve.experiments.summary import summarise

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """runs: rows of runs.parquet.  config: a config.yaml.  records: all finished runs with their totals, or
    none.  n_runs: finished runs of each method, where that is known without records."""

    runs: pd.DataFrame
    config: Mapping[str, Any]
    records: tuple[RunRecord, ...] = ()
    n_runs: Mapping[tuple[str, str], int] | None = None

    def summarise(self) -> pd.DataFrame:
        """As summary.csv."""
        experiment = self.config["experiment"]
        methods = [(entry["optimizer"]["label"], entry["lce"]["label"]) for entry in experiment["methods"]]
        return summarise(
            self.runs,
            budget_s=float(experiment["run"]["budget_s"]),
            methods=methods,
            n_runs=self.n_runs,
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
        runs, records = read_frame(folder.runs), tuple(read_records(folder.journal))
        return Results(
            runs=runs,
            config=config,
            # A journal that lacks runs of the table does not tell how many there were either.
            records=records if _run_keys(runs) <= {record.key for record in records} else (),
            n_runs=_only_run(config["experiment"]),
        )
    inner = sorted(config.parent for config in path.glob("*/config.yaml")) if path.is_dir() else []
    if not inner:
        raise DataFileError(
            f"{path} is not a folder of results: there is no config.yaml in it. Expected the `out` of "
            "`nascurve compare`, `nascurve run` or a sweep."
        )
    return _read_sweep(inner)


def _run_keys(runs: pd.DataFrame) -> set[RunKey]:
    return set(zip(runs["optimizer"], runs["lce"], runs["seed"].tolist(), strict=True))


def _only_run(experiment: Mapping[str, Any]) -> dict[tuple[str, str], int] | None:
    """Of one run alone: its runs.parquet says that it finished. None where there are several."""
    if len(experiment["methods"]) != 1 or len(experiment["seeds"]) != 1:
        return None
    (method,) = experiment["methods"]
    return {(method["optimizer"]["label"], method["lce"]["label"]): 1}


def _read_sweep(folders: list[Path]) -> Results:
    """Runs of a sweep, put together. What else than optimizer, LCE and seed was swept is put into labels."""
    import pandas as pd

    configs = {path: ExperimentFolder(path).read_config() for path in folders}
    first = configs[folders[0]]
    frames: list[pd.DataFrame] = []
    methods: dict[tuple[str, str], Any] = {}
    read: set[RunKey] = set()
    for path, config in configs.items():
        _require_seconds(config, path)
        experiment = config["experiment"]
        if _only_run(experiment) is None:
            raise ConfigError(
                f"{path.parent} is not the folder of a sweep: {path.name} in it holds a comparison of "
                "several runs. Draw the comparisons one by one."
            )
        differences = [
            *differing(first["experiment"]["benchmark"], experiment["benchmark"]),
            *differing(first["experiment"]["run"], experiment["run"]),
        ] or differing_data(first, config)
        if differences:
            raise ConfigError(
                f"The runs in {path.parent} cannot be drawn together: {folders[0].name} and {path.name} "
                f"differ in {'; '.join(differences)}. Draw one of them, or sweep over these in folders of "
                "their own."
            )
        method = experiment["methods"][0]
        key = _labels(method, config.get("swept", {}))
        frame = read_frame(ExperimentFolder(path).runs)
        run = (*key, int(experiment["seeds"][0]))
        if run in read:
            continue  # `lce=none` is the same run whatever the options of LCE
        read.add(run)
        frames.append(frame.assign(optimizer=key[0], lce=key[1]))
        methods[key] = {"optimizer": {"label": key[0]}, "lce": {"label": key[1]}}
    first_of: dict[str, int] = {}
    for optimizer, _ in methods:
        first_of.setdefault(optimizer, len(first_of))
    order = sorted(methods, key=lambda key: (first_of[key[0]], key[1] != NO_LCE))
    merged = {"methods": [methods[key] for key in order], "seeds": sorted({seed for *_, seed in read})}
    return Results(
        runs=_sorted(pd.concat(frames, ignore_index=True), order),
        config={**first, "experiment": {**first["experiment"], **merged}},
        n_runs=Counter((optimizer, lce) for optimizer, lce, _ in read),
    )


def _sorted(runs: pd.DataFrame, order: list[tuple[str, str]]) -> pd.DataFrame:
    rank = [order.index(key) for key in zip(runs["optimizer"], runs["lce"], strict=True)]
    return runs.assign(rank=rank).sort_values(["rank", "seed", "time_s"], kind="stable").drop(columns="rank")


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
