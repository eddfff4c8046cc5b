"""Results read back: of a comparison, of one run, of all runs of a sweep, or of several comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.folder import ExperimentFolder, differing, differing_data
from nascurve.experiments.methods import NO_LCE
from nascurve.experiments.record import RunKey, read_frame
from nascurve.experiments.run_tables import RunTables, run_tables
from nascurve.experiments.source import benchmark_title
from nascurve.experiments.store_schema import TOTAL_COLUMNS
from nascurve.experiments.summary import summarise

if TYPE_CHECKING:
    import pandas as pd


def _no_totals() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns=list(TOTAL_COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """Of one experiment: a folder, with one benchmark.

    runs: rows of runs.parquet.  totals: one row a run, the columns TOTAL_COLUMNS; none where only
    runs.parquet is there.  config: a config.yaml.
    n_runs: finished runs of each method, where that is known without totals.  path: the folder.
    """

    runs: pd.DataFrame
    config: Mapping[str, Any]
    path: Path
    totals: pd.DataFrame = field(default_factory=_no_totals)
    n_runs: Mapping[tuple[str, str], int] | None = None

    @property
    def methods(self) -> list[tuple[str, str]]:
        """Labels of optimizer and LCE, in the order of the configuration."""
        return method_labels(self.config)

    @property
    def title(self) -> str:
        """The benchmark, with its version, and what its curves are where they are not real."""
        return benchmark_title(self.config["experiment"]["benchmark"])

    def summarise(self) -> pd.DataFrame:
        """As summary.csv."""
        return summarise(
            self.runs,
            budget_s=float(self.config["experiment"]["run"]["budget_s"]),
            methods=self.methods,
            n_runs=self.n_runs,
            totals=self.totals,
        )


def method_labels(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of the methods in a config.yaml."""
    return [
        (str(entry["optimizer"]["label"]), str(entry["lce"]["label"]))
        for entry in config["experiment"]["methods"]
    ]


def read_study(path: Path) -> dict[str, Results]:
    """The experiments of a folder by the titles of their benchmarks: one, or those in folders of its own
    (what `nascurve compare benchmark=[a,b]` writes). Those without any result yet are left out.

    Raises DataFileError, ConfigError.
    """
    if (path / "config.yaml").is_file() or not _is_study(path):
        results = read_results(path)
        return {results.title: results}
    study: dict[str, Results] = {}
    for folder in inner_folders(path):
        if not (ExperimentFolder(folder).has_runs() or ExperimentFolder(folder).runs.exists()):
            continue
        results = read_results(folder)
        if results.title in study:
            raise ConfigError(
                f"{study[results.title].path} and {folder} hold the same benchmark, {results.title}: "
                "expected one experiment for each. Give one of the two folders."
            )
        study[results.title] = results
    if not study:
        raise DataFileError(f"{path} holds experiments, but no run has ended yet.")
    return study


def _is_study(path: Path) -> bool:
    """Whether the folder holds comparisons, rather than the single runs of a sweep."""
    return any(ExperimentFolder(folder).has_runs() for folder in inner_folders(path))


def inner_folders(path: Path) -> list[Path]:
    """The folders in it that hold an experiment, or a run of a sweep, in order of their names."""
    return sorted(config.parent for config in path.glob("*/config.yaml")) if path.is_dir() else []


def read_results(path: Path) -> Results:
    """Of a folder of `nascurve compare` or `nascurve run`, or of a sweep.

    Of a comparison all runs that have ended count, also while it is at work. Raises DataFileError,
    ConfigError.
    """
    folder = ExperimentFolder(path)
    if folder.config.is_file():
        config = folder.read_config()
        _require_seconds(config, path)
        tables = read_tables(folder, config)
        if tables is not None:
            return Results(runs=tables.runs, totals=tables.totals, config=config, path=path)
        return Results(
            runs=read_frame(folder.runs), config=config, path=path, n_runs=_only_run(config["experiment"])
        )
    inner = inner_folders(path)
    if not inner:
        raise DataFileError(
            f"{path} is not a folder of results: there is no config.yaml in it. Expected the `out` of "
            "`nascurve compare`, `nascurve run` or a sweep."
        )
    return _read_sweep(path, inner)


def read_tables(folder: ExperimentFolder, config: Mapping[str, Any]) -> RunTables | None:
    """The runs in the store, in journals of jobs at work and in the journal of nascurve 0.1; None where there
    is none of these. Raises DataFileError."""
    if not folder.has_runs():
        return None
    experiment = config["experiment"]
    table = folder.store.read(
        folder.unstored_records(), repeatable=not experiment["run"].get("charge_decisions", False)
    )
    return run_tables(table, method_labels(config), experiment["seeds"])


def _only_run(experiment: Mapping[str, Any]) -> dict[tuple[str, str], int] | None:
    """Of one run alone: its runs.parquet says that it finished. None where there are several."""
    if len(experiment["methods"]) != 1 or len(experiment["seeds"]) != 1:
        return None
    (method,) = experiment["methods"]
    return {(method["optimizer"]["label"], method["lce"]["label"]): 1}


def _read_sweep(path: Path, folders: list[Path]) -> Results:
    """Runs of a sweep, put together. What else than optimizer, LCE and seed was swept is put into labels."""
    import pandas as pd

    configs = {inner: ExperimentFolder(inner).read_config() for inner in folders}
    first = configs[folders[0]]
    frames: list[pd.DataFrame] = []
    methods: dict[tuple[str, str], Any] = {}
    read: set[RunKey] = set()
    for inner, config in configs.items():
        _require_seconds(config, inner)
        experiment = config["experiment"]
        if _only_run(experiment) is None:
            raise ConfigError(
                f"{path} is not the folder of a sweep: {inner.name} in it holds a comparison of "
                "several runs. Draw the comparisons one by one."
            )
        differences = [
            *differing(first["experiment"]["benchmark"], experiment["benchmark"]),
            *differing(first["experiment"]["run"], experiment["run"]),
        ] or differing_data(first, config)
        if differences:
            raise ConfigError(
                f"The runs in {path} cannot be drawn together: {folders[0].name} and {inner.name} "
                f"differ in {'; '.join(differences)}. Draw one of them, or sweep over these in folders of "
                "their own."
            )
        method = experiment["methods"][0]
        key = _labels(method, config.get("swept", {}))
        frame = read_frame(ExperimentFolder(inner).runs)
        run = (*key, int(experiment["seeds"][0]))
        if run in read:
            continue  # `lce=none` is the same run whatever the options of LCE
        read.add(run)
        frames.append(frame.assign(optimizer=key[0], lce=key[1]))
        methods[key] = {
            "optimizer": {**method["optimizer"], "label": key[0]},
            "lce": {**method["lce"], "label": key[1]},
        }
    first_of: dict[str, int] = {}
    for optimizer, _ in methods:
        first_of.setdefault(optimizer, len(first_of))
    order = sorted(methods, key=lambda key: (first_of[key[0]], key[1] != NO_LCE))
    merged = {"methods": [methods[key] for key in order], "seeds": sorted({seed for *_, seed in read})}
    return Results(
        path=path,
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


def require_experiment(config: Mapping[str, Any], path: Path) -> None:
    """Raises DataFileError where a config.yaml lacks what results are read by."""
    try:
        experiment = config["experiment"]
        if not all(isinstance(seed, int) for seed in experiment["seeds"]):
            raise TypeError("seeds")
        method_labels(config)
        benchmark_title(experiment["benchmark"])
        float(experiment["run"]["budget_s"] or 0)
        float(config["reference"]["mean_training_s"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataFileError(
            f"{path / 'config.yaml'}: expected `experiment` with benchmark, seeds, run.budget_s and methods, "
            "and `reference` with mean_training_s, as nascurve writes them; "
            f"{type(error).__name__}: {error}. The same `nascurve compare` with overwrite=true starts anew."
        ) from error


def _require_seconds(config: Mapping[str, Any], path: Path) -> None:
    require_experiment(config, path)
    if config["experiment"]["run"]["budget_s"] is None:
        raise ConfigError(f"{path}: the run had a budget in epochs alone; figures need budget_s.")
