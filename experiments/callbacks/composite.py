"""All callbacks of a sweep as one."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve import registry
from nascurve.errors import ConfigError, NascurveError, did_you_mean
from nascurve.experiments.callbacks.callback import Callback
from nascurve.experiments.options import OptionSchema

if TYPE_CHECKING:
    import pandas as pd

_METHODS = ("begin", "run_finished", "end", "close")


class Callbacks:
    """Passes on what it is told, in their order; a context that closes them. One that raises is switched off
    with a warning, so that the runs go on.

    named: what messages call each callback, and the callback.
    """

    def __init__(self, named: Sequence[tuple[str, Callback]] = ()) -> None:
        self._named = list(named)
        self._active = list(named)

    @property
    def members(self) -> list[Callback]:
        return [callback for _, callback in self._named]

    def __enter__(self) -> Callbacks:
        return self

    def __exit__(self, *exception: object) -> None:
        active = {id(callback) for _, callback in self._active}
        for name, callback in self._named:
            if id(callback) in active:
                self._tell(name, callback, lambda callback: callback.close())
            else:
                with contextlib.suppress(Exception):  # it was warned of
                    callback.close()

    def begin(self, config: Mapping[str, Any], folder: Path | None, total: int, done: int = 0) -> None:
        """See Callback. Raises NascurveError: a mistake in the settings shows before anything is run."""

        def tell(callback: Callback) -> None:
            callback.begin(config, folder, total, done)

        for name, callback in list(self._active):
            self._tell(name, callback, tell, passing=NascurveError)

    def run_finished(self, run: Mapping[str, Any]) -> None:
        """See Callback."""
        for name, callback in list(self._active):
            self._tell(name, callback, lambda callback: callback.run_finished(run))

    def end(self, runs: pd.DataFrame, summary: pd.DataFrame, figures: Sequence[Path] = ()) -> None:
        """See Callback."""
        for name, callback in list(self._active):
            self._tell(name, callback, lambda callback: callback.end(runs, summary, figures))

    def _tell(
        self,
        name: str,
        callback: Callback,
        tell: Callable[[Callback], None],
        *,
        passing: type[Exception] | tuple[()] = (),
    ) -> None:
        try:
            tell(callback)
        except passing:
            raise
        except Exception as error:  # whatever somebody else's package raises
            self._active.remove((name, callback))
            warnings.warn(
                f"The callback {name} failed and is switched off; the runs go on. "
                f"{type(error).__name__}: {error}",
                stacklevel=3,
            )


def read_callbacks(entries: Any) -> Callbacks:
    """Build the callbacks of a sweep.

    entries: None; an id; a mapping {id, option: value, …}; an object with the methods of Callback; or a
    sequence of these.
    Raises UnknownIdError, and ConfigError for an option that a callback does not have, a package that is not
    installed, and an entry that is none of these.
    """
    if entries is None:
        return Callbacks()
    if isinstance(entries, str | Mapping) or not isinstance(entries, Sequence):
        entries = [entries]
    return Callbacks([_read(entry) for entry in entries])


def _read(entry: Any) -> tuple[str, Callback]:
    if all(callable(getattr(entry, name, None)) for name in _METHODS) and not isinstance(entry, type):
        return type(entry).__name__, entry
    options = {"id": entry} if isinstance(entry, str) else entry
    if not isinstance(options, Mapping) or not isinstance(options.get("id"), str):
        valid = registry.ids("callbacks")
        raise ConfigError(
            "callbacks: expected an id, {id: …, option: value} or an object with the methods "
            f"{', '.join(_METHODS)}; got {entry!r:.200}. {did_you_mean(str(entry), valid)}"
        )
    name = str(options["id"])
    given = {str(key): value for key, value in options.items() if key != "id"}
    build = registry.component("callbacks", name)
    callback: Callback = build(**OptionSchema.of("callbacks", name).resolve(given))
    return name, callback
