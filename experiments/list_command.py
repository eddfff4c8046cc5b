"""`nascurve list`: what is registered, and whether its data are there."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from nascurve import registry
from nascurve.errors import DataFileError, NascurveError, did_you_mean
from nascurve.experiments.table import format_table
from nascurve.experiments.usage import UsageError
from nascurve.registry import Group

HELP = """\
usage: nascurve list [optimizers|benchmarks|extrapolators|spaces ...]

What there is: ids with a description; of benchmarks also where the curves come from, and whether their data
are there.
"""
_SECTIONS: dict[str, Group] = {
    "optimizers": "optimizers",
    "extrapolators": "extrapolators",
    "benchmarks": "benchmarks",
    "spaces": "search_spaces",
}


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    for arg in argv:
        if arg not in _SECTIONS:
            raise UsageError(f"list: there is no {arg!r} to list. {did_you_mean(arg, _SECTIONS)}")
    sections = argv or list(_SECTIONS)
    for section in sections:
        group = _SECTIONS[section]
        if len(sections) > 1:
            print(f"{'' if section == sections[0] else chr(10)}{section}")
        print(_benchmarks() if group == "benchmarks" else _components(group))
    return 0


def _components(group: Group) -> str:
    rows = [[id_, _description(group, id_)[0]] for id_ in registry.ids(group)]
    return format_table(["id", "description"], rows)


def _benchmarks() -> str:
    header = ["id", "curves", "space", "epochs", "seeds", "data", "needs", "description"]
    rows = []
    for id_ in registry.ids("benchmarks"):
        text, component = _description("benchmarks", id_)
        rows.append([id_, *_state(component), text])
    return format_table(header, rows, right=[3, 4])


def _state(component: Callable[..., Any] | None) -> list[str]:
    """Kind, space, epochs, seeds, whether the data are there, and what is needed."""
    if component is None:
        return ["?", "?", "?", "?", "broken", ""]
    try:
        info = component().info
    except DataFileError as error:
        return ["?", "?", "?", "?", "missing", _first_line(str(error))]
    except (NascurveError, TypeError) as error:  # a TypeError: an option without a default
        return ["?", "?", "?", "?", "needs options", _first_line(str(error))]
    except Exception as error:  # somebody else's plug-in must not hide all the others
        return ["?", "?", "?", "?", "broken", _first_line(f"{type(error).__name__}: {error}")]
    needs = ", ".join(info.required_files) or "-"
    return [info.kind, info.space, str(info.max_epochs), str(info.n_seeds), "there", needs]


def _description(group: Group, id_: str) -> tuple[str, Callable[..., Any] | None]:
    """First line of the docstring, and the component; None where it cannot be imported."""
    try:
        component = registry.component(group, id_)
    except Exception as error:  # somebody else's plug-in must not hide all the others
        return f"cannot be imported: {_first_line(f'{type(error).__name__}: {error}')}", None
    return _first_line(inspect.getdoc(component) or "-"), component


def _first_line(text: str) -> str:
    line = text.strip().split("\n\n")[0].replace("\n", " ")
    width = 100 if sys.stdout.isatty() else 200
    return line if len(line) <= width else f"{line[: width - 1]}…"
