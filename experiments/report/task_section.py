"""The section of one task: its anytime chart, its summary, and one search in detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nascurve.experiments.comparison_result import draw_results
from nascurve.experiments.figure import FigureSettings
from nascurve.experiments.methods import NO_LCE, method_name
from nascurve.experiments.report.anytime import anytime_payload
from nascurve.experiments.report.chart import chart_box
from nascurve.experiments.report.figures import figure_links
from nascurve.experiments.report.heading import task_facts
from nascurve.experiments.report.markup import Markup, join, json_block, tag
from nascurve.experiments.report.replay import Replay, replay_methods
from nascurve.experiments.report.replay_payload import packed, replay_payload
from nascurve.experiments.report.summary_table import summary_table
from nascurve.experiments.report.thinning import MAX_POINTS
from nascurve.experiments.report.words import plural

if TYPE_CHECKING:
    from nascurve.experiments.results import Results


def task_section(results: Results, *, id: str, replay_seed: int | None) -> Markup:  # noqa: A002
    """Everything about one task. replay_seed: None leaves the searches in detail out."""
    return tag(
        "section",
        tag("h2", results.title, id=f"{id}-title"),
        task_facts(results),
        _anytime(results, id),
        tag("h3", "Summary"),
        summary_table(results, id=f"{id}-summary").to_html(),
        tag("h3", "One search in detail"),
        _search(results, id, replay_seed),
        id=id,
        aria_labelledby=f"{id}-title",
    )


def _anytime(results: Results, id: str) -> Markup:  # noqa: A002
    title = f"Anytime curves of {results.title}"
    data = anytime_payload(results)
    if not any(any(drawn) for drawn in data["curves"].values()):
        return join(
            tag("h3", "Anytime curves"),
            tag("p", "No run had an incumbent within its budget, so there is nothing to draw."),
        )
    file_name = f"{id}-anytime"
    data |= {"title": title, "file_name": file_name, "x_label": "simulated time (s)", "x_unit": "s"}
    return join(
        tag("h3", "Anytime curves"),
        chart_box(data, id=f"{id}-chart", caption=_caption(data["n_seeds"], data["tolerance"])),
        figure_links(
            draw_results(results.runs, results.config, FigureSettings()), id=file_name, caption=title
        ),
    )


def _caption(n_seeds: list[int], tolerance: float) -> str:
    most, fewest = max(n_seeds), min(n_seeds)
    text = "What the incumbent is worth against simulated time, over "
    text += plural(most, "seed") if most == fewest else f"{fewest} to {plural(most, 'seed')}"
    if most > 1:
        text += "; bands are 95 % bootstrap intervals. A curve begins when all its seeds have an incumbent"
    text += ". Dashed lines with hollow markers are without LCE. The files hold the figure of nascurve plot."
    if tolerance:
        text += (
            f" Curves are thinned to at most {MAX_POINTS} steps: no value is off by more than "
            f"{100 * tolerance:.2g} % of itself."
        )
    return text


def _search(results: Results, id: str, seed: int | None) -> Markup:  # noqa: A002
    if seed is None:
        return tag("p", "Left out, as replay_seed=none asks for.")
    replays = replay_methods(results, seed)
    if all(replay.absent for replay in replays):
        reasons = " ".join(dict.fromkeys(replay.absent for replay in replays))
        return tag("p", f"Not there: the searches could not be simulated again. {reasons}")
    n_workers = int(results.config["experiment"]["run"]["workers"])
    methods = [
        {"name": method_name(key), **_entry(replay, n_workers)}
        for key, replay in zip(results.methods, replays, strict=True)
    ]
    data = {
        "budget_s": float(results.config["experiment"]["run"]["budget_s"]),
        "methods": methods,
        "first": _first_shown(results, replays),
    }
    return join(
        tag("div", tag("noscript", "The replay needs JavaScript."), data_search=f"{id}-search"),
        json_block(f"{id}-search", data),
    )


def _first_shown(results: Results, replays: list[Replay]) -> int:
    """With extrapolation, where there is one: it has more to show."""
    there = [place for place, replay in enumerate(replays) if not replay.absent]
    with_lce = [place for place in there if results.methods[place][1] != NO_LCE]
    return (with_lce or there)[0]


def _entry(replay: Replay, n_workers: int) -> dict[str, str]:
    if replay.absent:
        return {"absent": replay.absent}
    return {"packed": packed(replay_payload(replay, n_workers=n_workers))}
