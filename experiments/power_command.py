"""`nascurve power`: how many seeds a difference needs, and how many of them pairing saves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from nascurve.errors import ConfigError, did_you_mean
from nascurve.experiments.folder_arguments import folder_arguments, one_folder
from nascurve.experiments.usage import UsageError
from nascurve.options import choice, real

if TYPE_CHECKING:
    from nascurve.experiments.statistics.power import Design, Goal
    from nascurve.experiments.statistics.variation import Variation

HELP = """\
usage: nascurve power FOLDER [OPTION=VALUE ...]
       nascurve power sd=SD difference=DIFFERENCE [OPTION=VALUE ...]

How many seeds a comparison of two methods needs to show a difference: from a pilot (a folder of results), or
from an assumed spread. By the test that is made (Wilcoxon, simulated) and by the t-test's formula; paired by
seed, and not paired, which shows what pairing saves.

options (defaults):
  a=METHOD b=METHOD      the methods of the pilot, such as a=re b=re+last_value (if it has two: these)
  difference=D           to be shown, percentage points (what the pilot shows)
  score=final|area       what the runs end with, or the mean over time from a tenth of the budget on (final)
  task=TITLE             of a folder that holds several benchmarks
  power=.8 alpha=.05     probability of finding it; level of the two-sided test
  sd=SD correlation=R    without a pilot: sd over seeds, percentage points; correlation of paired runs (0)

examples:
  nascurve power results/compare a=re b=re+last_value difference=.1
  nascurve power sd=.5 difference=.1 correlation=.3
"""
_PILOT_OPTIONS = ("a", "b", "score", "task")
_NORMAL_OPTIONS = ("sd", "correlation")
_OPTIONS = (*_PILOT_OPTIONS, *_NORMAL_OPTIONS, "difference", "power", "alpha")
_SEEDS = (10, 20, 30, 50, 100, 200, 500, 1000)
_DESIGNS: tuple[tuple[Design, str], ...] = (
    ("paired", "paired by seed"),
    ("unpaired", "not paired (each)"),
)


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    folders, options = folder_arguments(argv, command="power", options=_OPTIONS)
    if len(folders) > 1:
        one_folder(folders, command="power")
    if bool(folders) == ("sd" in options):
        raise UsageError(
            "power: expected a folder of results, or sd= and difference=. Examples: nascurve power "
            "results/compare a=re b=re+last_value; nascurve power sd=.5 difference=.1"
        )
    foreign = _NORMAL_OPTIONS if folders else _PILOT_OPTIONS
    for name in foreign:
        if name in options:
            raise UsageError(
                f"power: {name}= goes with {'sd= alone' if folders else 'a folder of results'}, not with "
                f"{'a folder' if folders else 'sd='}."
            )
    variation, heading = _pilot(Path(folders[0]), options) if folders else _normal(options)
    print(_report(variation, heading, _goal(options, variation)))
    return 0


def _number(options: dict[str, str], name: str, default: float | None = None) -> float:
    if name not in options:
        if default is None:
            raise UsageError(f"power: {name}= is needed. See `nascurve power --help`.")
        return default
    try:
        return real(name, float(options[name]))
    except ValueError as error:
        raise ConfigError(f"{name}: expected a number, got {options[name]!r}.") from error


def _normal(options: dict[str, str]) -> tuple[Variation, str]:
    from nascurve.experiments.statistics.variation import Variation

    variation = Variation.of_normal(_number(options, "sd"), _number(options, "correlation", 0.0))
    return variation, "normal scores"


def _pilot(path: Path, options: dict[str, str]) -> tuple[Variation, str]:
    from nascurve.experiments.methods import method_name
    from nascurve.experiments.results import read_study
    from nascurve.experiments.statistics.scores import Scores
    from nascurve.experiments.statistics.study import PairedStudy
    from nascurve.experiments.statistics.variation import Variation

    kind = choice("score", options.get("score", "final"), ("final", "area"))
    study = read_study(path)
    title = options.get("task", next(iter(study)) if len(study) == 1 else None)
    if title not in study:
        said = "task: expected one of the benchmarks" if title is None else f"task: got {title!r}"
        raise ConfigError(f"{said}. {did_you_mean(title or '', study)}")
    names = [method_name(key) for key in study[title].methods]
    a, b = options.get("a"), options.get("b")
    if len(names) == 2 and a is None and b is None:
        a, b = names
    if a is None or b is None or a == b:
        raise ConfigError(
            f"Expected two methods, a=METHOD b=METHOD, got a={a} b={b}. Valid: {', '.join(names)}."
        )
    paired = PairedStudy.of({title: study[title]}, methods=[a, b], min_seeds=3)
    scores = Scores.of(paired, kind, reference=b)  # type: ignore[arg-type]
    variation = Variation.of_pilot(100 * scores.values[0, :, 0], 100 * scores.values[1, :, 0])
    lines = [f"pilot: {a} minus {b}, {scores.title}, {title}, {paired.n_seeds} seeds", *scores.notes]
    return variation, "\n".join(lines)


def _goal(options: dict[str, str], variation: Variation) -> Goal:
    from nascurve.experiments.statistics.power import Goal

    if "difference" in options or math.isnan(variation.mean_difference):
        difference_pp = _number(options, "difference")
    elif variation.mean_difference == 0:
        raise ConfigError("The pilot shows no difference. Say which one is to be shown: difference=.1")
    else:
        difference_pp = abs(variation.mean_difference)
    return Goal(
        difference_pp=difference_pp,
        power=_number(options, "power", 0.8),
        alpha=_number(options, "alpha", 0.05),
    )


def _report(variation: Variation, heading: str, goal: Goal) -> str:
    """What the command prints."""
    spread = (
        f"sd over seeds {variation.sd:.3g} pp; of paired differences {variation.sd_difference:.3g} pp; "
        f"correlation of paired runs {variation.correlation:.2f}"
    )
    if variation.n_seeds:
        half = 1.96 * variation.sd_difference / math.sqrt(variation.n_seeds)
        mean = variation.mean_difference
        spread += f"\ndifference {mean:.3g} pp [95 %: {mean - half:.3g}, {mean + half:.3g}]"
    return "\n".join(
        [
            heading,
            spread,
            "",
            f"to show a difference of {goal.difference_pp:.3g} pp with power {goal.power:g} at alpha "
            f"{goal.alpha:g}:",
            _needs(variation, goal),
            "",
            "power by seeds, and the difference that the t-test's formula finds with the power asked for:",
            _by_seeds(variation, goal),
            "",
            "rank test: Wilcoxon signed-rank if paired, else Mann-Whitney; 2,000 simulated experiments each.",
            *(["[95 %]: as far as the pilot's seeds tell the spread."] if variation.n_seeds else []),
            "Of m comparisons corrected by Holm the smallest p meets alpha / m: give that as alpha.",
        ]
    )


def _needs(variation: Variation, goal: Goal) -> str:
    from nascurve.experiments.statistics import power
    from nascurve.experiments.table import format_table

    rows, needed = [], []
    for design, name in _DESIGNS:
        simulated = power.seeds_by_simulation(variation, design, goal)
        formula, *ends = (power.seeds_by_formula(sd, design, goal) for sd in power.spread(variation, design))
        needed.append((simulated, formula))
        cells = [_seeds(number, power.MOST_SEEDS) for number in (formula, *ends)]
        interval = f" [{cells[1]}, {cells[2]}]" if variation.n_seeds else ""
        rows.append([name, _seeds(simulated, power.MOST_SIMULATED), cells[0] + interval])
    saved = [_saved(*both) for both in zip(*needed, strict=True)]
    header = ["seeds needed", "rank test, simulated", "t-test, formula"]
    return format_table(header, [*rows, ["saved by pairing", *saved]], right=(1,))


def _by_seeds(variation: Variation, goal: Goal) -> str:
    from nascurve.experiments.statistics import power
    from nascurve.experiments.table import format_table

    sds = {design: power.spread(variation, design)[0] for design, _ in _DESIGNS}
    rows = []
    for seeds in _SEEDS:
        cells = [str(seeds)]
        for design, sd in sds.items():
            cells.append(f"{power.simulated_power(variation, design, seeds, goal):.2f}")
            cells.append(f"{power.formula_power(sd, design, seeds, goal):.2f}")
        cells += [f"{power.detectable_difference(sd, design, seeds, goal):.3g}" for design, sd in sds.items()]
        rows.append(cells)
    header = ["seeds", "paired: rank", "t", "not paired: rank", "t", "detectable (pp): paired", "not paired"]
    return format_table(header, rows, right=range(7))


def _seeds(number: int | None, most: int) -> str:
    return f"> {most}" if number is None else str(number)


def _saved(paired: int | None, unpaired: int | None) -> str:
    return "-" if paired is None or unpaired is None else f"{100 * (1 - paired / unpaired):.0f} %"
