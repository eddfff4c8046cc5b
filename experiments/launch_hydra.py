"""Launchers of Hydra's: joblib, submitit (SLURM), Ray, and any other that is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError, NascurveError, did_you_mean
from nascurve.experiments.launchers import Packing, Poll, WorkersLostError
from nascurve.processes import available_cores

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nascurve.experiments.packs import Pack

_PLUGINS = {
    "joblib": ("hydra_joblib_launcher", "hydra-joblib-launcher"),
    "submitit_local": ("hydra_submitit_launcher", "nascurve[slurm]"),
    "submitit_slurm": ("hydra_submitit_launcher", "nascurve[slurm]"),
    "ray": ("hydra_ray_launcher", "nascurve[ray]"),
    "ray_aws": ("hydra_ray_launcher", "nascurve[ray]"),
}
"""Launcher: its module in hydra_plugins, and what pip installs it with."""
_POLL_S = 0.5


class HydraLauncher:
    """`hydra/launcher=NAME`, with settings `hydra.launcher.OPTION=VALUE`.

    job_s: real seconds a packed job should take; None: what suits the launcher. max_jobs: at most so many at a
    time (SLURM's MaxArraySize is 1001 unless an administrator changed it).
    """

    def __init__(
        self, name: str, overrides: Sequence[str] = (), *, job_s: float | None = None, max_jobs: int = 1000
    ) -> None:
        check_launcher(name)
        self.name = name
        self._overrides = list(overrides)
        cores = available_cores()
        if name == "submitit_local":  # it starts all of them at once
            self.packing = Packing(job_s=job_s or 1e9, at_least=cores, at_most=min(cores, max_jobs))
        elif name == "submitit_slurm":
            self.packing = Packing(job_s=job_s or 300.0, at_most=max_jobs)
        else:
            self.packing = Packing(job_s=job_s or 10.0, at_least=8 * cores, at_most=max_jobs)

    def launch(self, packs: Sequence[Pack], poll: Poll) -> None:
        logs = (packs[0].folder / "jobs" / "logs").absolute()
        listed = logs / f"{packs[0].name}.list.json"
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text(json.dumps([[str(pack.folder.absolute()), pack.name] for pack in packs]))
        args = [
            *("-m", f"hydra/launcher={self.name}", *self._overrides),
            f"hydra.sweep.dir={_quoted(logs)}",
            f"list={_quoted(listed)}",
            f"number=range({len(packs)})" if len(packs) > 1 else "number=0",
        ]
        try:
            with _polled(poll):
                self._run_hydra(args)
        finally:
            listed.unlink(missing_ok=True)

    def _run_hydra(self, args: list[str]) -> None:
        import hydra

        try:
            with _command_line(args):
                hydra.main(
                    version_base="1.3", config_path="pkg://nascurve.experiments.conf.pack", config_name="pack"
                )(do_listed)()
        except NascurveError:
            raise
        except Exception as error:
            raise WorkersLostError(
                f"The launcher {self.name} reports {type(error).__name__}: {_short(error)}"
            ) from error


def check_launcher(name: str) -> None:
    """Raises ConfigError for one that does not exist or is not installed."""
    if name in _PLUGINS:
        module, package = _PLUGINS[name]
        if importlib.util.find_spec(f"hydra_plugins.{module}") is None:
            raise ConfigError(
                f"hydra/launcher={name} needs a package that is not installed: pip install '{package}'."
            )
        return
    from hydra.core.plugins import Plugins
    from hydra.plugins.launcher import Launcher

    known = {plugin.__module__.split(".")[1] for plugin in Plugins.instance().discover(Launcher)}
    if not any(name in module for module in known):
        raise ConfigError(
            f"hydra/launcher: nothing is called {name!r}. {did_you_mean(name, {'basic', *_PLUGINS})}"
        )


def do_listed(cfg: DictConfig) -> None:
    """Hydra's task: one packed job of a list. Raises NascurveError."""
    from nascurve.experiments.launchers import load_runner
    from nascurve.experiments.packs import Pack
    from nascurve.experiments.runner import log_each_once
    from nascurve.processes import single_threaded

    folder, name = json.loads(Path(cfg.list).read_text())[cfg.number]
    with single_threaded():
        log_each_once()
        runner = load_runner(Path(folder))
        Pack(Path(folder), name).run(runner, runner.names)


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


@contextmanager
def _command_line(args: list[str]) -> Iterator[None]:
    """Hydra reads sys.argv, and hands errors on instead of printing them when HYDRA_FULL_ERROR is set."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["nascurve compare", *args]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _short(error: Any, limit: int = 600) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = "; ".join(lines)
    return text if len(text) <= limit else f"… {text[-limit:]}"
