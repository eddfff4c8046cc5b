"""Jobs for the launchers of Hydra's: joblib, submitit (SLURM), Ray, and any other that is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError, DataFileError, NascurveError, did_you_mean
from nascurve.experiments.files import write_atomically
from nascurve.experiments.hydra_main import hydra_command_line
from nascurve.experiments.ray_cluster import RayCluster

if TYPE_CHECKING:
    from omegaconf import DictConfig

Poll = Callable[[], object]
_PLUGINS = {
    "joblib": ("hydra_joblib_launcher", "hydra-joblib-launcher"),
    "submitit_local": ("hydra_submitit_launcher", "nascurve[slurm]"),
    "submitit_slurm": ("hydra_submitit_launcher", "nascurve[slurm]"),
    "ray": ("hydra_ray_launcher", "nascurve[ray]"),
    "ray_aws": ("hydra_ray_launcher", "nascurve[ray]"),
}
"""Launcher: its module in hydra_plugins, and what pip installs it with."""
_POLL_S = 0.5


class WorkersLostError(NascurveError):
    """Jobs were not completed, though nothing is known to be wrong with them; what was finished is kept."""


class LaunchFailedError(WorkersLostError):
    """A launcher reports an error: of a job, or of its own."""


@dataclass(frozen=True, slots=True)
class HydraJobs:
    """`hydra/launcher=NAME` with settings `hydra.launcher.OPTION=VALUE`.

    Raises ConfigError for a launcher that does not exist or is not installed, and a cluster that does not
    answer.
    """

    name: str
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.name)
        cluster = RayCluster.among(self.overrides)
        if cluster is not None:
            cluster.check()

    def run(self, jobs: Sequence[Mapping[str, Any]], logs: Path, poll: Poll) -> None:
        """Have each job done by a process of the launcher's; return when that is over.

        jobs: mappings with a `kind` of `_KINDS` and what that needs, plain enough for JSON.
        logs: folder for the launcher's own files.  poll: called every now and then, from a thread.
        Raises LaunchFailedError with what the launcher reports, and NascurveError that a job raised.
        """
        cluster = RayCluster.among(self.overrides)
        # A folder for each launch: what submitit finds in it under the number of a process, which comes
        # again, it takes for the result of its own job.
        logs = logs.absolute() / secrets.token_hex(8)
        logs.mkdir(parents=True, exist_ok=True)
        listed = logs / "jobs.json"
        text = json.dumps({"cwd": str(Path.cwd()), "jobs": list(jobs)})
        write_atomically(listed, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        args = [
            *("-m", f"hydra/launcher={self.name}", *self.overrides, *(cluster.overrides if cluster else [])),
            f"hydra.sweep.dir={_quoted(logs)}",
            f"list={_quoted(listed)}",
            f"number=range({len(jobs)})" if len(jobs) > 1 else "number=0",
        ]
        with _polled(poll):
            self._run_hydra(args)
        listed.unlink(missing_ok=True)  # not after an interrupt: jobs of a cluster go on, and read it

    def _run_hydra(self, args: list[str]) -> None:
        import hydra

        try:
            with hydra_command_line("nascurve", args):
                hydra.main(
                    version_base="1.3", config_path="pkg://nascurve.experiments.conf.pack", config_name="pack"
                )(do_listed)()
        except NascurveError:
            raise
        except Exception as error:
            given = f" with {' '.join(self.overrides)}" if self.overrides else ""
            raise LaunchFailedError(
                f"The launcher {self.name}{given} reports {type(error).__name__}: {_short(error)}"
            ) from error


def do_listed(cfg: DictConfig) -> None:
    """Hydra's task: one job of a list. Raises NascurveError."""
    from nascurve.experiments.runner import log_each_once
    from nascurve.processes import single_threaded

    try:
        listed = json.loads(Path(cfg.list).read_text(encoding="utf-8"))
        job, cwd = dict(listed["jobs"][cfg.number]), str(listed["cwd"])
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataFileError(
            f"Cannot read the list of jobs {cfg.list}: {error}. The command that made it is gone: give it "
            "again."
        ) from error
    with single_threaded(), _at(cwd):
        log_each_once()
        _KINDS[job.pop("kind")](**job)


@contextmanager
def _at(cwd: str) -> Iterator[None]:
    """In the folder of the command, where its relative paths begin: processes that a launcher keeps, and
    those of a cluster, may be elsewhere. A machine that does not have the folder stays where it is."""
    before = Path.cwd()
    with suppress(OSError):
        os.chdir(cwd)
    try:
        yield
    finally:
        os.chdir(before)


def _do_pack(folder: str, name: str) -> None:
    from nascurve.experiments.launchers import load_runner
    from nascurve.experiments.packs import Pack

    runner = load_runner(Path(folder))
    Pack(Path(folder), name).run(runner, runner.names)


def _do_shards(**what: Any) -> None:
    from nascurve.experiments.collect_launched import train_listed

    train_listed(**what)


def _do_runs(runs: list[dict[str, Any]]) -> None:
    from nascurve.experiments.packed_sweep import do_runs

    do_runs(runs)


def _do_command(module: str, argv: list[str]) -> None:
    if module not in _COMMANDS:
        raise ConfigError(f"A job may be one of {', '.join(_COMMANDS)}, got {module!r}.")
    code = importlib.import_module(f"nascurve.experiments.{module}").main(argv)
    if code:
        raise NascurveError(f"The command of {module} ended with exit code {code}.")


_KINDS: dict[str, Callable[..., None]] = {
    "pack": _do_pack,
    "shards": _do_shards,
    "runs": _do_runs,
    "command": _do_command,
}
_COMMANDS = ("surrogate_fit",)


def _check(name: str) -> None:
    if name in _PLUGINS:
        module, package = _PLUGINS[name]
        if importlib.util.find_spec(f"hydra_plugins.{module}") is None:
            raise ConfigError(
                f"hydra/launcher={name} needs a package that is not installed: pip install '{package}'."
            )
        return
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins
    from hydra.plugins.launcher import Launcher

    Plugins.instance().discover(Launcher)  # which registers their settings, by name
    installed = {node.removesuffix(".yaml") for node in ConfigStore.instance().list("hydra/launcher")}
    if name not in installed:
        raise ConfigError(
            f"hydra/launcher: nothing is called {name!r}. {did_you_mean(name, {*installed, *_PLUGINS})}"
        )


@contextmanager
def _polled(poll: Poll) -> Iterator[None]:
    """Polls from a thread as long as the block lasts, which waits in the launcher; then once more."""
    over = threading.Event()
    errors: list[Exception] = []

    def keep_polling() -> None:
        while not over.wait(_POLL_S):
            try:
                poll()
            except Exception as error:
                errors.append(error)
                return

    thread = threading.Thread(target=keep_polling, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if errors:
        raise errors[0]
    poll()


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _short(error: Any, limit: int = 600) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = "; ".join(lines)
    return text if len(text) <= limit else f"… {text[-limit:]}"
