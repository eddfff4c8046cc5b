"""An experiment's folder: its configuration, which must not change, and its results."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.files import clear_write_errors, write_atomically
from nascurve.experiments.journal import read_journal
from nascurve.experiments.packs import packs_in, unstored_records
from nascurve.experiments.record import RunRecord
from nascurve.experiments.store import RunStore
from nascurve.locks import exclusive, is_held

_OURS = "Written by nascurve"
"""How the first line of a config.yaml of ours begins, after its `# `: nothing else is ever replaced."""

_RESULTS = (
    "runs.jsonl",  # of nascurve 0.1
    "runs.parquet",
    "evaluations.parquet",
    "summary.csv",
    "anytime.png",
    "anytime.pdf",
    "report.html",
)


class ExperimentFolder:
    """`out` of an experiment.

    store/ holds the runs (`RunStore`), jobs/ what is at work (`Pack`).
    config.yaml holds `experiment` (what decides about results: a folder belongs to one such configuration),
    `reference` (values of the benchmark that tables and figures need) and `versions`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.store = RunStore(self.path / "store")
        self.jobs = self.path / "jobs"
        self.lock = self.path / ".lock"
        self.old_journal = self.path / "runs.jsonl"
        self.runs = self.path / "runs.parquet"
        self.evaluations = self.path / "evaluations.parquet"
        self.summary = self.path / "summary.csv"

    @contextlib.contextmanager
    def opened(self, config: Mapping[str, Any], *, overwrite: bool) -> Iterator[None]:
        """Hold the folder for this process, once it was created for a configuration or belongs to it.

        overwrite: throw away the results that are there. Raises ConfigError when the folder holds another
        configuration, or results on other data, with the differences; DataFileError when it cannot be
        written, when another process holds it, and when its config.yaml is not one of ours, which is left
        alone whatever `overwrite`.
        """
        self._refuse_foreign()
        with clear_write_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        # Before anything is cleared, and in a file that `clear` leaves: or a process that holds the folder
        # would lose its results.
        with self._held():
            self._open(config, overwrite=overwrite)
            yield

    def discard(self) -> None:
        """Throw away the results that are there. Raises DataFileError as `opened` does."""
        self._refuse_foreign()
        with self._held():
            self.clear()

    def _held(self) -> contextlib.AbstractContextManager[None]:
        return exclusive(self.lock, f"Another nascurve writes to {self.path} at this moment")

    def _open(self, config: Mapping[str, Any], *, overwrite: bool) -> None:
        if overwrite:
            self._refuse_at_work()
            self.clear()
        elif self._has_results():
            if not self.config.exists():
                raise DataFileError(
                    f"{self.path} holds results without a config.yaml. Give another out=…, or overwrite=true "
                    "to throw them away."
                )
            self._refuse_other(config)
            return
        write_yaml(self.config, config, comment=f"{_OURS}. A folder belongs to one configuration.")

    def _refuse_foreign(self) -> None:
        try:
            with self.config.open("rb") as file:
                first = file.readline(200)
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataFileError(
                f"Cannot read {self.config}: {error.strerror or error}. Give another out=…"
            ) from error
        if not first.startswith(f"# {_OURS}".encode()):
            raise DataFileError(
                f"{self.config} was not written by nascurve (expected a first line '# {_OURS} …'), and is "
                "not replaced. Give another out=…"
            )

    def _refuse_at_work(self) -> None:
        """Jobs outlive the command that sent them to a cluster: what they do must not be thrown away, nor
        come into the folder of another configuration."""
        alive = [pack.name for pack in packs_in(self.path) if is_held(pack.journal)]
        if alive:
            raise DataFileError(
                f"{self.path} cannot be overwritten: {len(alive)} of its packed jobs are still at work, the "
                f"first of them {alive[0]}. Wait for them (`nascurve status {self.path}`) or cancel them, or "
                "give another out=…"
            )

    def has_runs(self) -> bool:
        """Whether there are runs of a comparison, or jobs that were to give some."""
        return bool(self.store or packs_in(self.path) or self.old_journal.exists())

    def _has_results(self) -> bool:
        return self.has_runs() or any((self.path / name).exists() for name in _RESULTS)

    def clear(self) -> None:
        """Remove what nascurve wrote, and nothing else."""
        with clear_write_errors(self.path):
            for name in ("config.yaml", *_RESULTS):
                (self.path / name).unlink(missing_ok=True)
            self.store.clear()
            for pack in packs_in(self.path):
                pack.remove()

    def unstored_records(self) -> list[RunRecord]:
        """Runs that are not in the store yet: of nascurve 0.1, and of packed jobs that are at work, or that
        dead processes left."""
        return [*read_journal(self.old_journal), *unstored_records(self.path)]

    def migrate(self) -> None:
        """Put the runs of a folder that nascurve 0.1 wrote into the store. Raises DataFileError."""
        records = read_journal(self.old_journal)
        if records:
            self.store.append("migrated-from-1", records)
        with clear_write_errors(self.old_journal):
            self.old_journal.unlink(missing_ok=True)

    def read_config(self) -> dict[str, Any]:
        """Raises DataFileError when it is missing or cannot be read."""
        import yaml

        if not self.config.is_file():
            raise DataFileError(
                f"{self.path} is not the folder of an experiment: there is no config.yaml. Expected the "
                "`out` of `nascurve compare` or `nascurve run`."
            )
        try:
            # libyaml's loader, where it is there, reads thousands of seeds ten times as fast
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            content = yaml.load(self.config.read_text(encoding="utf-8"), Loader=loader)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise DataFileError(f"Cannot read {self.config}: {error}") from error
        if not isinstance(content, dict) or not isinstance(content.get("experiment"), dict):
            raise DataFileError(
                f"{self.config}: expected a mapping with `experiment`, as nascurve writes it."
            )
        return content

    def _refuse_other(self, config: Mapping[str, Any]) -> None:
        there = self.read_config()
        differences = differing(_with_defaults(there["experiment"]), config["experiment"])
        if not differences:
            self._refuse_other_data(there, config)
        else:
            raise ConfigError(
                f"{self.path} holds results of another configuration:\n"
                + "\n".join(f"  {line}" for line in differences)
                + "\nGive another out=…, or overwrite=true to throw those results away."
            )

    def _refuse_other_data(self, there: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        differences = differing_data(there, now)
        if differences:
            raise ConfigError(
                f"{self.path} holds results on other data: the benchmark has the same name and version, but\n"
                + "\n".join(f"  {line}" for line in differences)
                + "\nGive another out=…, or overwrite=true to throw those results away."
            )


def _with_defaults(experiment: Mapping[str, Any]) -> Mapping[str, Any]:
    """A configuration of nascurve 0.1 did not say what has become an option since."""
    run = experiment.get("run")
    return (
        {**experiment, "run": {**run, "common_noise": run.get("common_noise", False)}}
        if isinstance(run, Mapping)
        else experiment
    )


def differing_data(there: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The differences in what two config.yaml know of the benchmark's data: of the values that both have."""
    sides = [side if isinstance(side := config.get("reference"), Mapping) else {} for config in (there, now)]
    common = [key for key in sides[0] if key in sides[1]]
    return differing(*({"reference": {key: side[key] for key in common}} for side in sides))


def differing(there: Any, now: Any) -> list[str]:
    """The differences of two configurations, one a line: `key: there -> now`."""
    flat_there, flat_now = dict(_flatten(there)), dict(_flatten(now))
    keys = [*flat_there, *(key for key in flat_now if key not in flat_there)]
    absent = object()
    return [
        f"{key}: {_show(flat_there, key)} there, {_show(flat_now, key)} now"
        for key in keys
        if flat_there.get(key, absent) != flat_now.get(key, absent)
    ]


def write_yaml(path: Path, content: Mapping[str, Any], *, comment: str) -> None:
    """Write a mapping as YAML, atomically. Raises DataFileError."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    body = yaml.dump(dict(content), Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    text = f"# {comment}\n{body}"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _flatten(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        items = [(f"{prefix}.{key}" if prefix else str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        items = [(f"{prefix}[{_name(item, index)}]", item) for index, item in enumerate(value)]
    else:
        return [(prefix, value)]
    return [pair for key, item in items for pair in _flatten(item, key)]


def _name(item: Any, index: int) -> str:
    if isinstance(item, Mapping) and {"optimizer", "lce"} <= item.keys():
        return f"{item['optimizer']['label']}+{item['lce']['label']}"
    return str(index)


def _show(flat: Mapping[str, Any], key: str) -> str:
    if key not in flat:
        return "absent"
    text = str(flat[key])
    return text if len(text) <= 80 else f"{text[:60]} … ({len(text)} characters)"
