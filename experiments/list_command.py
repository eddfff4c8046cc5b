"""`nascurve list`: what is registered, and whether its data are there."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nascurve import registry
from nascurve.errors import DataFileError, NascurveError, did_you_mean
from nascurve.experiments.experiment_presets import CONFIGS, ExperimentPreset, experiment_names
from nascurve.experiments.presets import preset_description, preset_names
from nascurve.experiments.table import format_table
from nascurve.experiments.usage import UsageError
from nascurve.registry import Group

if TYPE_CHECKING:
    from nascurve.benchmarks.files.card import OfficialCard
    from nascurve.simulator.types import BenchmarkInfo

_COLUMNS = 110
"""Width of the tables where the output is no terminal."""
_LEAST = 20
_COUNTED = 10_000_000
"""Sizes from here on are shown by their order of magnitude."""
HELP = """\
usage: nascurve list [optimizers|benchmarks|extrapolators|presets|experiments|spaces|callbacks ...]

What there is: ids with a description (presets are settings of learning-curve extrapolation, for lce=;
experiments those of published studies, for `nascurve compare experiment=`, with what to expect of them); of
benchmarks also where the curves come from, whether their data are there, which files they need (give
data_dir=, the folder that holds them), and the size of the search space: the number of architectures, of
those that the data hold where they are there. Lines are cut to the width of the terminal; COLUMNS=200
nascurve list shows more of them.
"""
_EXPERIMENTS = "experiments"
_SECTIONS: dict[str, Group | None] = {
    "optimizers": "optimizers",
    "extrapolators": "extrapolators",
    "presets": None,
    _EXPERIMENTS: None,
    "benchmarks": "benchmarks",
    "spaces": "search_spaces",
    "callbacks": "callbacks",
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
        if section == _EXPERIMENTS:
            print(_experiments(in_full=len(sections) == 1))
        elif group is None:
            print(
                _table(["lce", "description"], [[name, preset_description(name)] for name in preset_names()])
            )
        else:
            print(_benchmarks() if group == "benchmarks" else _components(group))
    return 0


def _components(group: Group) -> str:
    return _table(["id", "description"], [[id_, _description(group, id_)[0]] for id_ in registry.ids(group)])


def _experiments(*, in_full: bool) -> str:
    """What they are; in full with what to expect of them, which would be too long for a column."""
    from hydra import initialize_config_module

    with initialize_config_module(CONFIGS, version_base="1.3"):
        presets = [ExperimentPreset.read(name) for name in experiment_names()]
    rows = [
        [
            preset.name,
            preset.settings["benchmark"],
            f"{preset.settings['budget_s']:,}",
            str(preset.settings["budget_trainings"]),
            str(preset.settings["seeds"]),
            str(len(preset.settings["methods"])),
            preset.about,
        ]
        for preset in presets
    ]
    header = ["experiment", "benchmark", "budget (s)", "trainings", "seeds", "methods", "description"]
    table = _table(header, rows, right=[2, 3, 4, 5])
    if not in_full:
        return table
    width = shutil.get_terminal_size((_COLUMNS, 0)).columns
    texts = [textwrap.fill(f"{preset.name}: {preset.expect}", width) for preset in presets]
    return "\n\n".join(
        [table, *texts, "benchmark=ID runs a study on another benchmark, its budget counted in trainings."]
    )


def _benchmarks() -> str:
    """What is known of each, then in a second table what it is: one would be too wide."""
    rows, descriptions = [], []
    for id_ in registry.ids("benchmarks"):
        text, component = _description("benchmarks", id_)
        card = getattr(component, "card", None)
        *facts, size = _state(component, card)
        rows.append([id_, *facts])
        descriptions.append([id_, size, text if card is None else card.description])
    header = ["id", "curves", "space", "epochs", "seeds", "data", "needs"]
    about = _table(["id", "size", "description"], descriptions, right=[1])
    return f"{_table(header, rows, right=[3, 4])}\n\n{about}"


def _state(component: Callable[..., Any] | None, card: OfficialCard | None) -> list[str]:
    """Kind, space, epochs, seeds, whether the data are there, what is needed, and the number of
    architectures."""
    known, size = ["?"] * 4, "?"
    if card is not None:
        known = [card.kind, card.space, str(card.max_epochs), str(card.n_seeds)]
        size = _size(_description("search_spaces", card.space)[1])
    if component is None:
        return [*known, "broken", "see below", size]
    try:
        benchmark = component()
        info = benchmark.info
    except DataFileError as error:
        files = "" if card is None else ", ".join(file.name for file in card.files)
        return [*known, "missing", files or _first_line(str(error)), size]
    except (NascurveError, TypeError) as error:  # a TypeError: an option without a default
        return [*known, "needs options", _first_line(str(error)), size]
    except Exception as error:  # somebody else's plug-in must not hide all the others
        return [*known, "broken", _first_line(f"{type(error).__name__}: {error}"), size]
    needs = ", ".join(info.required_files) or "-"
    facts = [info.kind, info.space, str(info.max_epochs), _seeds(info)]
    return [*facts, "there", needs, _size(benchmark.space)]


def _seeds(info: BenchmarkInfo) -> str:
    """Training runs of each architecture: a number, or from the fewest to the number of all seeds."""
    most = len(info.training_seeds)
    return f"{info.n_seeds}-{most}" if most > info.n_seeds else str(info.n_seeds)


def _size(space: Any) -> str:
    """Number of architectures of a search space (or its class)."""
    size = getattr(space, "size", None)
    if not isinstance(size, int | float):
        return "?"
    return f"{size:,}" if size < _COUNTED else f"{size:.0e}".replace("e+", "e")


def _description(group: Group, id_: str) -> tuple[str, Callable[..., Any] | None]:
    """First paragraph of the docstring, and the component; None where it cannot be imported."""
    try:
        component = registry.component(group, id_)
    except Exception as error:  # somebody else's plug-in must not hide all the others
        return f"cannot be imported: {_first_line(f'{type(error).__name__}: {error}')}", None
    return _first_line(inspect.getdoc(component) or "-"), component


def _first_line(text: str) -> str:
    return text.strip().split("\n\n")[0].replace("\n", " ")


def _table(header: list[str], rows: list[list[str]], *, right: Sequence[int] = ()) -> str:
    """A table whose last column is cut so that it fits the terminal."""
    widest = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    most = max(
        _LEAST, shutil.get_terminal_size((_COLUMNS, 0)).columns - sum(widest[:-1]) - 2 * len(widest[:-1])
    )
    cut = [[*row[:-1], row[-1] if len(row[-1]) <= most else f"{row[-1][: most - 1]}…"] for row in rows]
    return format_table(header, cut, right=right)
