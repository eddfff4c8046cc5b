"""What the report is about, in words: before any figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nascurve.experiments.methods import method_name
from nascurve.experiments.report.markup import Markup, join, tag
from nascurve.experiments.report.summary_table import failed_runs
from nascurve.experiments.report.words import listed, plural, ranges

if TYPE_CHECKING:
    from nascurve.experiments.results import Results

_KINDS = {
    "real": "every learning curve was measured in a training.",
    "surrogate": "the learning curves come from a model fitted to real trainings; not measured.",
    "synthetic": "the learning curves are made up by a formula; no network was trained.",
}


def heading(study: Mapping[str, Results]) -> Markup:
    """Title and one sentence on everything."""
    names = list(study)
    methods = list(dict.fromkeys(key for results in study.values() for key in results.methods))
    n_failed = sum(sum(failed_runs(results).values()) for results in study.values())
    kinds = sorted({str(results.config["experiment"]["benchmark"]["kind"]) for results in study.values()})
    failed = f" {plural(n_failed, 'run')} failed." if n_failed else " No run failed."
    return join(
        tag("h1", f"Architecture search on {listed(names)}"),
        tag(
            "p",
            f"{plural(len(methods), 'method')} ({listed([method_name(key) for key in methods])}) on "
            f"{plural(len(study), 'task')}, with {_kinds_in_words(kinds)} learning curves.{failed}",
            class_="lead",
        ),
    )


def task_facts(results: Results) -> Markup:
    """What data, seeds, budget and failures the results of one task stand on."""
    experiment, reference = results.config["experiment"], results.config["reference"]
    benchmark, run = experiment["benchmark"], experiment["run"]
    kind = str(benchmark["kind"])
    seeds = [int(seed) for seed in experiment["seeds"]]
    budget = f"{float(run['budget_s']):g} simulated seconds a run"
    training_s = reference.get("mean_training_s")
    if training_s:
        budget += f", {float(run['budget_s']) / training_s:.4g} mean full trainings of {training_s:g} s"
    best = reference.get("best_test_acc")
    n_failed = sum(failed_runs(results).values())
    facts = [
        ("Data", join(tag("strong", kind, class_=f"kind kind-{kind}"), " ", _KINDS.get(kind, kind))),
        (
            "Benchmark",
            f"{benchmark['name']}, version {benchmark['version']}: space {benchmark['space']}, "
            f"{benchmark['max_epochs']} epochs, at least "
            f"{plural(int(benchmark['n_seeds']), 'training seed')} a network",
        ),
        ("Seeds", f"{plural(len(seeds), 'seed')} a method: {ranges(seeds)}{_missing(results, len(seeds))}"),
        ("Budget", budget),
        ("Workers", plural(int(run["workers"]), "simulated worker")),
        (
            "Best network",
            "not known: figures and tables show the test error"
            if best is None
            else f"{100 * best:.2f} % true test accuracy; regret is the distance to it",
        ),
        ("Failed runs", join(tag("a", f"{n_failed}, listed below", href="#failed")) if n_failed else "none"),
    ]
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in facts), class_="facts")


def _missing(results: Results, n_seeds: int) -> str:
    """Runs that have not ended yet, of those that are known."""
    if not len(results.totals):
        return ""
    missing = n_seeds * len(results.methods) - len(results.totals)
    return f"; {plural(missing, 'run')} not done yet" if missing > 0 else ""


def _kinds_in_words(kinds: Sequence[str]) -> str:
    return listed([{"real": "really measured"}.get(kind, kind) for kind in kinds])
