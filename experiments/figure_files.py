"""Figures as files, and under our settings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from nascurve.experiments.figure import RC
from nascurve.experiments.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")


def save_figures(drawn: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write each as NAME.png and NAME.pdf (fonts embedded), atomically. Raises DataFileError."""
    from matplotlib import rc_context

    paths = []
    for name, figure in drawn.items():
        for suffix in ("png", "pdf"):
            path = folder / f"{name}.{suffix}"
            metadata = {"CreationDate": None} if suffix == "pdf" else {}
            with rc_context(RC):
                write_atomically(path, lambda to, f=figure, m=metadata: f.savefig(to, metadata=m))  # type: ignore[misc]
            paths.append(path)
    return paths


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw a figure under our settings, which text takes over when it is made."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        from matplotlib import rc_context

        with rc_context(RC):
            return draw(*args, **kwargs)

    return drawn
