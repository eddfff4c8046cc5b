"""A study's report, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from nascurve.errors import ConfigError
from nascurve.experiments.report.appendix import configuration_section, failures_section
from nascurve.experiments.report.heading import heading
from nascurve.experiments.report.page import page
from nascurve.experiments.report.statistics_section import statistics_section
from nascurve.experiments.report.task_section import task_section

if TYPE_CHECKING:
    from nascurve.experiments.report.markup import Markup
    from nascurve.experiments.results import Results


ReplaySeed = int | Literal["first", "none"]


def build_report(
    study: Mapping[str, Results],
    *,
    replay_seed: ReplaySeed = "first",
    say: Callable[[str], object] = lambda line: None,
) -> str:
    """The report as one HTML file that needs nothing else.

    study: of `read_study`.  replay_seed: the seed of the searches that are simulated again to be shown in
    detail; "first": the first one of each task; "none": none are shown.  say: gets a line before what takes
    long.  The same study gives the same text. Raises ConfigError for a seed that a task does not have.
    """
    seeds = {title: _seed(title, results, replay_seed) for title, results in study.items()}
    sections: list[tuple[str, str, Markup]] = []
    for number, (title, results) in enumerate(study.items(), 1):
        seed = seeds[title]
        again = "" if seed is None else f"simulating seed {seed} of every method again, "
        say(f"{title}: {again}drawing figures …")
        id_ = f"task-{number}"
        sections.append((id_, title, task_section(results, id=id_, replay_seed=seed)))
    say("Statistics …")
    sections.append(("statistics", "Statistics", statistics_section(study)))
    failures = failures_section(study)
    if failures is not None:
        sections.append(("failed", "Failed runs", failures))
    sections.append(("configuration", "Configuration and versions", configuration_section(study)))
    return page(f"nascurve report: {', '.join(study)}", heading(study), sections)


def _seed(title: str, results: Results, wanted: ReplaySeed) -> int | None:
    seeds = [int(seed) for seed in results.config["experiment"]["seeds"]]
    if wanted == "none":
        return None
    if wanted == "first":
        return seeds[0]
    if wanted not in seeds:
        raise ConfigError(
            f"replay_seed: expected a seed of {title} ({_short(seeds)}), or none; got {wanted}."
        )
    return wanted


def _short(seeds: list[int]) -> str:
    shown = ", ".join(map(str, seeds[:10]))
    return shown if len(seeds) <= 10 else f"{shown}, … {seeds[-1]}"
