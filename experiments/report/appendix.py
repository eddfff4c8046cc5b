"""The end of the report: failed runs, configuration and versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nascurve.experiments.methods import method_name
from nascurve.experiments.report.markup import Markup, join, tag
from nascurve.experiments.report.words import plural

if TYPE_CHECKING:
    from nascurve.experiments.results import Results

_MOST_FAILURES = 200


def failures_section(study: Mapping[str, Results]) -> Markup | None:
    """Every failed run with its error and traceback; None where none failed."""
    rows: list[tuple[str, Any]] = []
    for title, results in study.items():
        failed = results.totals[results.totals["status"] == "failed"]
        rows += [(title, row) for row in failed.to_dict("records")]
    if not rows:
        return None
    shown = rows[:_MOST_FAILURES]
    more = len(rows) - len(shown)
    return tag(
        "section",
        tag("h2", "Failed runs", id="failed-title"),
        tag(
            "p",
            f"{plural(len(rows), 'run')} failed; nothing of that is part of a figure or a table. "
            + (f"The first {len(shown)} are listed; nascurve results shows all. " if more else "")
            + "nascurve compare with retry_failed=true runs what failed again.",
        ),
        *(_failure(title, row) for title, row in shown),
        id="failed",
        aria_labelledby="failed-title",
    )


def _failure(title: str, row: Mapping[str, Any]) -> Markup:
    name = method_name((str(row["optimizer"]), str(row["lce"])))
    return tag(
        "details",
        tag("summary", f"{title}: {name}, seed {row['seed']}: {row['error']}"),
        tag("pre", str(row["traceback"]), tabindex=0),
        class_="failure",
    )


def configuration_section(study: Mapping[str, Results]) -> Markup:
    """config.yaml of every task as it is, and the versions that made the results."""
    return tag(
        "section",
        tag("h2", "Configuration and versions", id="configuration-title"),
        *(_configuration(title, results) for title, results in study.items()),
        id="configuration",
        aria_labelledby="configuration-title",
    )


def _configuration(title: str, results: Results) -> Markup:
    import yaml

    versions = results.config.get("versions", {})
    text = yaml.safe_dump(dict(results.config), sort_keys=False, allow_unicode=True)
    return join(
        tag("h3", title),
        tag("p", "Made with ", ", ".join(f"{name} {version}" for name, version in versions.items()), "."),
        tag("details", tag("summary", "config.yaml"), tag("pre", text, tabindex=0)),
    )
