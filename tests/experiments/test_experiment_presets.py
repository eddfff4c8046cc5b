"""`experiment=NAME`: the published studies as presets of `nascurve compare`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import nascurve
from nascurve.errors import ConfigError, DataFileError, UnknownIdError
from nascurve.experiments.cli import main
from nascurve.experiments.compare_command import _compose
from nascurve.experiments.experiment_presets import ExperimentPreset, experiment_names
from nascurve.experiments.methods import Method, read_methods
from nascurve.experiments.source import mean_training_s
from nascurve.experiments.usage import UsageError
from nascurve.lce._epochs import first_look, predicted_epoch
from nascurve.simulator.types import Problem

# The published settings: epochs of the benchmark, budget in seconds and in trainings; for each optimizer with
# WPM and with SVR: epochs seen, epoch predicted, top fraction.
PUBLISHED: dict[str, tuple[int, int, int, dict[str, tuple[int, int, float]]]] = {
    "x11_nb101": (
        *(108, 560_000, 500),
        {
            **{"re+wpm": (12, 36, 0.2), "ls+wpm": (12, 36, 0.2), "bananas+wpm": (12, 108, 0.2)},
            **{"re+svr": (12, 108, 0.5), "ls+svr": (12, 108, 0.2), "bananas+svr": (12, 108, 0.5)},
        },
    ),
    **{
        name: (
            *(200, budget_s, 100),
            {f"{o}+{lce}": (20, 100, 0.5) for o in ("re", "ls", "bananas") for lce in ("wpm", "svr")},
        )
        for name, budget_s in (
            ("x11_nb201", 400_000),
            ("x11_nb201_cifar100", 800_000),
            ("x11_nb201_imagenet16", 1_000_000),
        )
    },
    "x11_nb301": (
        *(98, 5_000_000, 500),
        {f"{o}+{lce}": (20, 49, 0.2) for o in ("re", "ls", "bananas") for lce in ("wpm", "svr")},
    ),
    "x11_nb301_efew": (
        *(98, 1_900_000, 190),
        {
            f"{o}+{lce}-{e_few}": (e_few, 49, 0.2)
            for o in ("re", "ls", "bananas")
            for lce in ("wpm", "svr")
            for e_few in (10, 20, 30, 40)
        },
    ),
    "x11_nlp": (
        *(50, 1_000_000, 100),
        {
            **{"re+wpm": (10, 50, 0.5), "ls+wpm": (10, 50, 0.2), "bananas+wpm": (10, 50, 0.2)},
            **{"re+svr": (10, 50, 0.2), "ls+svr": (10, 50, 0.2), "bananas+svr": (10, 50, 0.5)},
        },
    ),
}
NAMES = sorted(PUBLISHED)
SAME_METHODS = ("x11_nb201_cifar100", "x11_nb201_imagenet16")
EMBEDDED = "benchmark=pocket201-digits"


@functools.cache
def composed(*args: str) -> tuple[dict[str, Any], list[str]]:
    return _compose(list(args))


def methods(settings: Mapping[str, Any]) -> tuple[Method, ...]:
    return read_methods(
        settings["optimizers"],
        settings["lce"],
        **{name: settings[name] for name in ("methods", "optimizer_options", "lce_options")},
        extrapolator_options=settings["extrapolator_options"],
    )


def test_every_preset_is_tested() -> None:
    assert sorted(experiment_names()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_on_the_official_benchmark_the_published_settings_hold(name: str) -> None:
    last, _, _, published = PUBLISHED[name]
    settings, _ = composed(f"experiment={name}", "budget_trainings=1")  # asks for no official data
    problem = Problem(space=nascurve.create_search_space("cell201"), max_epochs=last, fidelities=None)
    found = {}
    for method in methods(settings):
        options = method.lce.options
        if not method.lce.is_none:
            assert (options["promotion"], options["n_initial"]) == ("history", 20)
            e_few = first_look(options["e_few"], problem)
            predicted = predicted_epoch(options["extrapolate_to"], e_few, problem)
            found[method.name] = (e_few, predicted, options["top_fraction"])
    assert found == published
    assert settings["seeds"] == 30


@pytest.mark.parametrize("name", NAMES)
def test_the_optimizers_are_set_as_published(name: str) -> None:
    settings, _ = composed(f"experiment={name}", EMBEDDED)
    options = {method.optimizer.id: method.optimizer.options for method in methods(settings)}
    assert (options["re"]["population_size"], options["re"]["sample_size"]) == (20, 10)
    assert options["ls"]["n_initial"] == 20
    assert (options["ls"]["whole_neighborhood"], options["ls"]["n_restart"]) == (True, 1)
    assert (options["bananas"]["n_initial"], options["bananas"]["batch_size"]) == (20, 20)
    without = {method.optimizer.label for method in methods(settings) if method.lce.is_none}
    assert without == {"re", "ls", "bananas"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SAME_METHODS])
def test_each_runs_on_embedded_curves(name: str) -> None:
    seeds = 2 if name == "x11_nb201" else 1
    settings, _ = composed(f"experiment={name}", EMBEDDED, f"seeds={seeds}", "budget_trainings=24")
    run = {key: value for key, value in settings.items() if key not in ("figure", "out", "benchmark")}
    # an object is asked in this process, without the seconds that worker processes take to start
    bench = nascurve.load_benchmark(settings["benchmark"])
    result = nascurve.compare(benchmark=bench, **run, quiet=True)
    keys = set(zip(result.runs["optimizer"], result.runs["lce"], strict=True))
    names = {optimizer if lce == "none" else f"{optimizer}+{lce}" for optimizer, lce in keys}
    assert names == {"re", "ls", "bananas", *PUBLISHED[name][3]}
    assert result.runs.groupby(["optimizer", "lce"])["seed"].nunique().eq(seeds).all()
    assert not result.failures


@pytest.mark.parametrize("name", SAME_METHODS)
def test_data_sets_of_one_benchmark_have_the_same_methods(name: str) -> None:
    assert (
        composed(f"experiment={name}", EMBEDDED)[0]["methods"]
        == composed("experiment=x11_nb201", EMBEDDED)[0]["methods"]
    )


def test_candidates_are_stopped_at_the_published_epoch() -> None:
    settings, _ = composed("experiment=x11_nb201", "budget_trainings=1")
    (method,) = (method for method in methods(settings) if method.name == "re+svr")
    bench = nascurve.load_benchmark("synthetic", max_epochs=200)
    frame = nascurve.simulate(method.build(bench.space, 0), bench, budget_epochs=6_000, seed=0).to_frame()
    assert set(frame["epochs"]) == {20, 200}
    assert set(frame["epochs"][:20]) == {200}  # n_initial


def test_on_another_benchmark_the_budget_is_counted_in_trainings() -> None:
    settings, notes = composed("experiment=x11_nb301", EMBEDDED)
    assert (settings["budget_s"], settings["budget_trainings"]) == (None, 500)
    assert settings["benchmark_options"] == {}  # noise=false belongs to nb311
    assert settings["out"] == "results/x11_nb301-pocket201-digits"
    text = "\n".join(notes)
    assert "on pocket201-digits, not nb311" in text
    assert "500 mean full trainings, as published (the published 5,000,000 s belong to nb311)" in text


def official(name: str, budget_s: float) -> ExperimentPreset:
    """A preset for data that are here."""
    settings = {"benchmark": "synthetic", "budget_s": budget_s, "budget_trainings": 100}
    return ExperimentPreset(name=name, about="", expect="", differences=(), settings=settings)


@pytest.mark.parametrize(("times", "kept"), [(1.0, True), (2.5, True), (20.0, False)])
def test_published_seconds_hold_where_a_training_costs_about_what_it_did(times: float, kept: bool) -> None:
    budget_s = round(100 * times * mean_training_s(nascurve.load_benchmark("synthetic")), 2)
    preset = official("mine", budget_s)
    plain, _ = composed()
    config = {**plain, **preset.settings, "methods": []}
    settled, notes = preset.settle(config, plain, ["benchmark_options"])
    assert settled["budget_s"] == (budget_s if kept else None)
    assert settled["out"] == "results/mine"
    assert any(("do not fit" in line) is not kept for line in notes if "budget:" in line)


def test_given_options_win() -> None:
    settings, _ = composed(
        *("experiment=x11_nb101", EMBEDDED, "seeds=[3,4]", "budget_s=70", "out=mine"),
        *("optimizer_options.re.population_size=7", "lce_options.top_fraction=0.3"),
        *("extrapolator_options.lcsvr.search=paper", "optimizers=[re,ls]", "lce=[none,svr]"),
    )
    assert (settings["seeds"], settings["budget_s"], settings["out"]) == ([3, 4], 70, "mine")
    found = {method.name: method for method in methods(settings)}
    assert list(found) == ["re", "re+svr", "ls", "ls+svr"]
    assert found["re+svr"].optimizer.options["population_size"] == 7
    assert found["re+svr"].lce.options["top_fraction"] == found["ls+svr"].lce.options["top_fraction"] == 0.3
    assert found["ls+svr"].lce.extrapolator["search"] == "paper"


def test_given_methods_take_the_place_of_the_preset_s() -> None:
    settings, _ = composed("experiment=x11_nlp", EMBEDDED, "methods=[{optimizer: rs}]")
    assert [method.name for method in methods(settings)] == ["rs"]
    settings, _ = composed("experiment=x11_nlp", EMBEDDED, "methods=null", "optimizers=[re]", "lce=null")
    assert [method.name for method in methods(settings)] == ["re"]
    assert settings["budget_trainings"] == 100


def test_several_embedded_benchmarks() -> None:
    settings, notes = composed("experiment=x11_nb201", "benchmark=[pocket201-digits,pocket201-mnist]")
    assert settings["out"] == "results/x11_nb201"
    assert any("on pocket201-digits, pocket201-mnist, not nb201-cifar10" in line for line in notes)


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        (["experiment=x11_nb21"], UnknownIdError, "Did you mean 'x11_nb201'"),
        (["experiment=x11_nb201,x11_nlp"], UsageError, "expected one experiment"),
        (["experiment=x11_nb201"], DataFileError, "benchmark=pocket201-digits it runs on curves"),
        (["experiment=[x11_nb201]"], UnknownIdError, "no preset is called"),
        (["experiment=x11_nb201", EMBEDDED, "lce_options=3"], ConfigError, "lce_options: expected options"),
    ],
)
def test_bad_presets(args: list[str], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        _compose(args)


def test_the_start_of_a_run_says_what_to_expect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "compare",
        "experiment=x11_nb201",
        EMBEDDED,
        "seeds=1",
        "budget_trainings=2",
        "optimizers=[re]",
    ]
    assert main([*command, "optimizers=[re]", "lce=none", f"out={tmp_path}"]) == 0
    told = capsys.readouterr().err
    assert "ls with svr is first" in told
    assert "differs: incumbents are runs trained to the end" in told


def test_list_says_what_they_are_and_what_to_expect(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "experiments"]) == 0
    table, *texts = capsys.readouterr().out.split("\n\n")
    rows = {line.split()[0]: line.split()[1:5] for line in table.splitlines()[2:]}
    for name, (_, budget_s, trainings, _) in PUBLISHED.items():
        assert rows[name][1:] == [f"{budget_s:,}", str(trainings), "30"]
    assert any(text.startswith("x11_nb301_efew: Published: the best E_few") for text in texts)
