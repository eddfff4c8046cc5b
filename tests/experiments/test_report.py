"""The report: what is in it, that it is true, and that no text can break it."""

import base64
import dataclasses
import functools
import gzip
import html
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nascurve
from nascurve.errors import ConfigError
from nascurve.experiments import cli
from nascurve.experiments.compare import compare
from nascurve.experiments.comparison_result import ComparisonResult
from nascurve.experiments.report.build import build_report
from nascurve.experiments.report.markup import json_block, raw, tag
from nascurve.experiments.report.recording import Recorder
from nascurve.experiments.report.replay import Replay, replay_methods
from nascurve.experiments.report.replay_payload import packed, replay_payload
from nascurve.experiments.report.tables import frame_table
from nascurve.experiments.report.thinning import thin
from nascurve.experiments.results import Results, read_results, read_study
from nascurve.lce.predictive_distribution import PredictiveDistribution
from nascurve.lce.wrapper import LCE
from nascurve.simulator.types import Architecture, LearningCurve, SearchSpace

from .fakes import Wrapped

quick: Callable[..., ComparisonResult] = functools.partial(compare, quiet=True, processes=1)
HOSTILE = "</script><b>x"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two optimizers, one of them with a name that is HTML, on real curves, two simulated workers."""
    out = tmp_path_factory.mktemp("report") / "digits"
    quick(
        [{"id": "rs", "label": HOSTILE}, "re"],
        "pocket201-digits",
        seeds=3,
        budget_trainings=12,
        workers=2,
        lce=["none", {"id": "power_law", "promotion": "adaptive"}],
        out=out,
    )
    return out


@pytest.fixture(scope="module")
def study(folder: Path) -> dict[str, Results]:
    return read_study(folder)


@pytest.fixture(scope="module")
def text(study: dict[str, Results]) -> str:
    return build_report(study, replay_seed=1)


def data_of(text: str, id: str) -> Any:  # noqa: A002
    found = re.search(rf'<script type="application/json" id="{id}">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def saved(text: str, name: str) -> bytes:
    """What the link with this file name saves."""
    found = re.search(rf'href="data:[^;]*;base64,([^"]*)" download="{re.escape(name)}"', text)
    assert found is not None, name
    return base64.b64decode(found[1])


def payloads(results: Results, seed: int) -> list[dict[str, Any]]:
    return [replay_payload(replay, n_workers=2) for replay in replay_methods(results, seed)]


def test_text_is_escaped_wherever_it_stands() -> None:
    assert tag("p", HOSTILE, title='"&') == ('<p title="&quot;&amp;">&lt;/script&gt;&lt;b&gt;x</p>')
    assert tag("p", raw("<b>")) == "<p><b></p>"
    block = json_block("data", {"label": HOSTILE, "line": "a\u2028b"})
    inner = block.removeprefix('<script type="application/json" id="data">').removesuffix("</script>")
    assert "<" not in inner
    assert json.loads(inner) == {"label": HOSTILE, "line": "a\u2028b"}


def test_a_hostile_label_stands_in_the_report_as_text_alone(text: str) -> None:
    assert HOSTILE not in text
    assert "&lt;/script&gt;&lt;b&gt;x" in text
    assert data_of(text, "task-1-chart")["methods"][0]["name"] == HOSTILE


def test_the_file_asks_for_nothing(text: str) -> None:
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "@import" not in text
    assert "default-src 'none'" in html.unescape(text)


def test_the_same_results_give_the_same_file(study: dict[str, Results], text: str) -> None:
    assert build_report(study, replay_seed=1) == text


def test_it_says_what_was_compared_and_on_what_data(text: str) -> None:
    for said in (
        "4 methods (&lt;/script&gt;&lt;b&gt;x, ",
        "every learning curve was measured in a training",
        "3 seeds a method: 0 to 2",
        "12 mean full trainings",
        "2 simulated workers",
        "No run failed.",
        f"nascurve {nascurve.__version__}",
        "promotion: adaptive",  # the configuration
    ):
        assert said in text


def test_surrogate_and_made_up_data_are_never_called_real() -> None:
    result = quick(["rs"], "synthetic", seeds=2, budget_trainings=5, lce="none")
    made_up = Results(runs=result.runs, config=result.config, path=Path(), totals=result.totals)
    text = build_report({made_up.title: made_up}, replay_seed="none")
    assert "made up by a formula; no network was trained" in text
    assert "was measured in a training" not in text
    assert "Left out, as replay_seed=none asks for." in text


def test_curves_of_the_chart_are_those_of_the_runs(study: dict[str, Results], text: str) -> None:
    (results,) = study.values()
    chart = data_of(text, "task-1-chart")
    summary = results.summarise()
    for row, (_, expected) in enumerate(summary.iterrows()):
        curve = chart["curves"]["mean"][row]
        assert curve["t"] == sorted(curve["t"])
        assert len(curve["t"]) == len(curve["c"]) == len(curve["lo"]) == len(curve["hi"])
        assert curve["c"][-1] == pytest.approx(100 * expected["final_regret_mean"], rel=1e-4)
        assert curve["lo"][-1] == pytest.approx(100 * expected["final_regret_ci_low"], rel=1e-4)
        median = chart["curves"]["median"][row]
        assert median["c"][-1] == pytest.approx(100 * expected["final_regret_median"], rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_thinned_steps_are_few_and_nowhere_off_by_more_than_they_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.lognormal(sigma=2, size=3000))[::-1]
    columns = np.stack([steps, 0.8 * steps, 1.3 * steps * rng.uniform(0.99, 1.01, size=3000)])
    kept, tolerance = thin(columns, max_points=300)
    assert len(kept) <= 300
    assert (kept[0], kept[-1]) == (0, 2999)
    seen = columns[:, kept[np.searchsorted(kept, np.arange(3000), side="right") - 1]]
    allowed = tolerance * np.maximum(columns, 0.001 * columns.max())
    assert (np.abs(seen - columns) <= allowed + 1e-12).all()


def test_few_steps_are_all_kept() -> None:
    kept, tolerance = thin(np.arange(50.0)[np.newaxis], max_points=50)
    assert kept.tolist() == list(range(50))
    assert tolerance == 0


def test_the_search_that_is_shown_is_the_one_that_was_stored(study: dict[str, Results]) -> None:
    (results,) = study.values()
    for seed in (0, 2):
        for replay, key in zip(replay_methods(results, seed), results.methods, strict=True):
            assert replay.differs == ""
            stored = results.totals.set_index(["optimizer", "lce", "seed"]).loc[(*key, seed)]
            assert replay.result is not None
            assert replay.result.n_evaluations == stored["total_evaluations"]


def test_it_says_where_the_search_is_not_the_stored_one(study: dict[str, Results]) -> None:
    (results,) = study.values()
    runs = results.runs.copy()
    runs.loc[(runs["optimizer"] == "re") & (runs["lce"] == "none"), "val_acc"] += 0.01
    changed = Results(runs=runs, config=results.config, path=results.path, totals=results.totals)
    found = [replay.differs for replay in replay_methods(changed, 1)]
    assert [bool(differs) for differs in found] == [False, False, True, False]
    assert "Change 1 of the incumbent has val_acc" in found[2]


def test_trainings_hold_the_benchmarks_curves_and_what_became_of_them(study: dict[str, Results]) -> None:
    (results,) = study.values()
    bench = nascurve.load_benchmark("pocket201-digits")
    for method, payload in enumerate(payloads(results, 1)):
        evaluations = payload["evaluations"]
        reached = np.zeros(len(payload["archs"]), dtype=int)
        np.maximum.at(reached, evaluations["training"], evaluations["epochs"])
        for arch, seed, curve, verdict, epochs in zip(
            payload["archs"], payload["seeds"], payload["curves"], payload["verdicts"], reached, strict=True
        ):
            real = bench.query(bench.space.parse(arch), seed=seed).val_acc
            np.testing.assert_allclose(np.array(curve) / 10_000, real, atol=5e-5)
            assert (epochs == 32) == (verdict in ("complete", "promoted"))
        assert set(payload["verdicts"]) <= {"complete", "promoted", "stopped", "cut_off", "waiting"}
        if method % 2:  # with LCE
            assert {"promoted", "stopped"} <= set(payload["verdicts"])
        else:
            assert set(payload["verdicts"]) == {"complete"}
        # Until the end of the budget each worker is busy: what it trained last was cut off, or it waited.
        assert len(payload["cut_off"]) <= 2
        for _, _, _, worker, start_s in payload["cut_off"]:
            own = [
                end for end, w in zip(evaluations["end_s"], evaluations["worker"], strict=True) if w == worker
            ]
            assert start_s >= max(own) - 1e-3


def test_every_look_has_the_prediction_that_the_extrapolator_made(study: dict[str, Results]) -> None:
    """Of the first round nothing is fitted yet, so the prediction can be made again."""
    (results,) = study.values()
    payload = payloads(results, 1)[1]
    evaluations = payload["evaluations"]
    looks = [place for place, epochs in enumerate(evaluations["epochs"]) if epochs < 32]
    predicted = [place for place, *_ in payload["predictions"]]
    waiting = {place for place, verdict in enumerate(payload["verdicts"]) if verdict == "waiting"}
    assert len(predicted) == len(set(predicted))
    assert set(predicted) == {place for place in looks if evaluations["training"][place] not in waiting}

    first = [
        row for row in payload["predictions"] if evaluations["epochs"][row[0]] == min(evaluations["epochs"])
    ]
    bench = nascurve.load_benchmark("pocket201-digits")
    power_law = nascurve.create_extrapolator("power_law")
    power_law.fit(np.empty((0, 32)))
    for place, at_epoch, mean, low, high in first[:8]:
        training = evaluations["training"][place]
        arch = bench.space.parse(payload["archs"][training])
        curve = bench.query(arch, seed=payload["seeds"][training], epochs=evaluations["epochs"][place])
        prediction = power_law.predict(curve.val_acc[np.newaxis], 32)
        expected = [float(prediction.mean[0])]
        expected += PredictiveDistribution(prediction).quantiles((0.05, 0.95))[0].tolist()
        assert at_epoch == 32
        np.testing.assert_allclose(np.array([mean, low, high]) / 10_000, expected, atol=5.1e-5)


def test_what_came_from_python_has_no_replay_and_says_why(tmp_path: Path) -> None:
    def own(space: SearchSpace, *, rng: np.random.Generator) -> Any:
        return nascurve.create_optimizer("rs", space, seed=int(rng.integers(100)))

    quick([("mine", own), "rs"], "synthetic", seeds=2, budget_trainings=5, lce="none", out=tmp_path / "a")
    mine, rs = replay_methods(read_results(tmp_path / "a"), 0)
    assert "Python function" in mine.absent
    assert rs.absent == ""
    quick(["rs"], Wrapped(), seeds=2, budget_trainings=5, lce="none", out=tmp_path / "b")
    text = build_report(read_study(tmp_path / "b"), replay_seed=0)
    assert "the searches could not be simulated again. No benchmark is called &#x27;wrapped&#x27;" in text


def test_failed_runs_are_listed_with_their_error_and_traceback(tmp_path: Path) -> None:
    def flaky(space: SearchSpace, *, rng: np.random.Generator) -> Any:
        if rng.integers(100) == np.random.default_rng(1).integers(100):
            raise RuntimeError("no luck <img src=x>")
        return nascurve.create_optimizer("rs", space, seed=0)

    with pytest.warns(UserWarning, match="1 runs failed"):
        quick([("flaky", flaky), "rs"], "synthetic", seeds=3, budget_trainings=5, lce="none", out=tmp_path)
    text = build_report(read_study(tmp_path), replay_seed="none")
    assert "1 run failed." in text
    assert "flaky, seed 1: RuntimeError: no luck &lt;img src=x&gt;" in text
    assert "in flaky" in text  # the traceback
    assert "<img src=x>" not in text


def test_tables_and_figures_can_be_saved(text: str, folder: Path) -> None:
    assert saved(text, "task-1-summary.csv") == (folder / "summary.csv").read_bytes()
    latex = saved(text, "task-1-summary.tex").decode()
    assert r"\begin{tabular}" in latex
    assert latex.count(r"\textbf") == 1
    for name in ("task-1-anytime", "figure-intervals", "figure-profiles", "figure-rank-over-time"):
        assert saved(text, f"{name}.pdf").startswith(b"%PDF")
        assert b"<svg" in saved(text, f"{name}.svg")


def test_columns_keep_their_decimals_and_ends_of_intervals_stand_together() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {"method": ["a", "b"], "x": [3.0, 0.126], "x_ci_low": [1.0, float("nan")], "x_ci_high": [4.0, 5.0]}
        | {"p_holm": [0.00001, 0.5], "n": [3, 20]}
    )
    table = frame_table(frame, id="t", caption="numbers")
    assert list(table.header) == ["method", "x", "95 % interval", "p holm", "n"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["a", "3.00", "[1.00, 4.00]", "< .0001", "3"],
        ["b", "0.13", "-", ".5000", "20"],
    ]
    assert table.rows[1][2].key is None
    assert table.csv.splitlines()[0] == "method,x,x_ci_low,x_ci_high,p_holm,n"


def test_the_command_writes_the_file_and_refuses_what_it_cannot_do(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "mine.html"
    assert cli.main(["report", str(folder), "--out", str(out), "replay_seed=none"]) == 0
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert str(out) in capsys.readouterr().out
    for argv, code, said in (
        (["report"], 2, "expected one folder of results, got none"),
        (["report", str(folder), "sed=1"], 2, "there is no option 'sed'"),
        (["report", str(folder), "--fast"], 2, "unknown flag '--fast'"),
        (["report", str(folder), "--out"], 2, "out: expected a value"),
        (["report", str(folder), "replay_seed=x"], 2, "expected a seed such as 0, first or none, got 'x'"),
        (["report", str(folder), "replay_seed=9"], 1, "expected a seed of pocket201-digits-v1 (0, 1, 2)"),
        (["report", str(tmp_path)], 1, "not a folder of results"),
    ):
        assert cli.main(argv) == code
        assert said in capsys.readouterr().err


def test_a_seed_that_was_not_run_is_refused(study: dict[str, Results]) -> None:
    with pytest.raises(ConfigError, match="replay_seed"):
        build_report(study, replay_seed=7)


def test_several_tasks_have_a_section_each_and_statistics_in_common(
    study: dict[str, Results], tmp_path: Path
) -> None:
    methods: dict[str, Any] = {"lce": ["none", {"id": "power_law", "promotion": "adaptive"}], "seeds": 3}
    quick([{"id": "rs", "label": HOSTILE}, "re"], "synthetic", budget_trainings=12, out=tmp_path, **methods)
    text = build_report(study | read_study(tmp_path))
    assert text.count('<section id="task-') == 2
    assert "on 2 tasks, with really measured and synthetic learning curves" in text
    assert "Statistics over all tasks" in text
    (pairs,) = re.findall(r'<table[^>]*id="table-rank".*?</table>', text, re.DOTALL)
    assert pairs.count("<tr>") == 5


def test_searches_of_a_sweep_are_replayed_too(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    sweep = ["optimizer=rs,re", "lce=none,last_value", "seed=0,1", "budget_s=5", "benchmark=pocket201-digits"]
    assert cli.main(["run", "-m", *sweep, f"out={out}"]) == 0
    results = read_results(out)
    assert [replay.differs or replay.absent for replay in replay_methods(results, 1)] == [""] * 4


class OtherTrainings(Wrapped):
    """Fewer epochs are a training of their own, with another curve, measured at some epochs alone; some
    trainings diverge."""

    def __init__(self) -> None:
        super().__init__()
        last = self.info.max_epochs
        self.info = dataclasses.replace(self.info, resumable=False, fidelities=(4, 12, last))

    def query(self, arch: Architecture, *, seed: int, epochs: int | None = None) -> LearningCurve:
        last = self.info.max_epochs if epochs is None else epochs
        curve = super().query(arch, seed=seed, epochs=last)
        val_acc = curve.val_acc * (0.8 + 0.2 * last / self.info.max_epochs)
        measured = np.isin(np.arange(1, last + 1), (4, 12, self.info.max_epochs))
        val_acc = np.where(measured, val_acc, np.nan)
        if str(arch).count("none") > 2:
            val_acc = np.full(last, np.nan)
        return LearningCurve(val_acc=val_acc, epoch_s=curve.epoch_s, test_acc=curve.test_acc)

    def query_many(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        return [self.query(arch, seed=seed) for arch, seed in zip(archs, seeds, strict=True)]


def test_trainings_that_are_not_resumed_keep_their_own_curves() -> None:
    bench, recorder = OtherTrainings(), Recorder()
    search = LCE(
        nascurve.create_optimizer("rs", bench.space, seed=0),
        recorder.watched_extrapolator(nascurve.create_extrapolator("last_value")),
        e_few=4,
        k=6,
        top_n=2,
    )
    budget: dict[str, Any] = {"budget_epochs": 12 * bench.info.max_epochs, "progress": recorder.advance}
    result = nascurve.simulate(recorder.watched_optimizer(search), bench, **budget)
    replay = Replay(result=result, recorder=recorder, benchmark=bench)
    payload = json.loads(gzip.decompress(base64.b64decode(packed(replay_payload(replay, n_workers=1)))))
    diverged = 0
    for place, record in enumerate(result.evaluations):
        training = payload["evaluations"]["training"][place]
        val = payload["evaluations"]["val"][place]
        if np.isnan(record.val_acc):
            assert val is None
            diverged += 1
            continue
        assert val == round(10_000 * record.val_acc)
        reached = len(payload["own_curves"][training])
        if reached == record.epochs:
            assert payload["own_curves"][training][record.epochs - 1] == val
    assert diverged
    sound = [p for p, value in enumerate(payload["evaluations"]["val"]) if value is not None]
    looks = [place for place in sound if payload["evaluations"]["epochs"][place] == 4]
    waiting = [verdict == "waiting" for verdict in payload["verdicts"]]
    decided = [place for place in looks if not waiting[payload["evaluations"]["training"][place]]]
    assert [place for place, *_ in payload["predictions"]] == decided
