"""`nascurve surrogate evaluate`: its files, its cache, figures and errors. Surrogates are fakes here."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.errors import ConfigError, DataFileError, UnknownIdError
from nascurve.experiments.cli import main as cli
from nascurve.experiments.surrogate_command import main
from nascurve.experiments.surrogate_held_out import metrics_frame, tabular_frame
from nascurve.experiments.surrogate_lomo import LomoStudy
from nascurve.experiments.surrogate_search import JudgedByTable, ranks_frame, search_frame
from nascurve.experiments.surrogate_settings import SurrogateSettings
from nascurve.experiments.surrogate_size import crossings
from nascurve.experiments.surrogate_source import SurrogateSource
from nascurve.experiments.usage import UsageError
from tests.benchmarks.surrogate.fakes import FakeSurrogate, data

PNG = b"\x89PNG"
fits: list[Mapping[str, Any]] = []


@pytest.fixture(autouse=True)
def fake_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    fits.clear()

    def fit(self: SurrogateSettings, runs: CurveData, seed: int, **changed: Any) -> FakeSurrogate:
        fits.append({"keys": set(runs.keys), "n_runs": len(runs), "seed": seed, **changed})
        return FakeSurrogate(shift=0.001, n_epochs=runs.n_epochs)

    monkeypatch.setattr(SurrogateSettings, "fit", fit)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return write_logs(tmp_path / "mine.csv", data([5] * 60))


def write_logs(path: Path, runs: CurveData) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["architecture", *range(1, runs.n_epochs + 1)])
        for arch, values in zip(runs.archs, runs.val_acc.tolist(), strict=True):
            writer.writerow([str(arch), *values])
    return path


def args(logs: Path, out: Path, *more: str) -> list[str]:
    return [
        *("surrogate", "evaluate", "source=logs", f"data={logs}", "space=cell201", f"out={out}"),
        *("splits=2", "figures=false", *more),
    ]


def untimed(path: Path) -> pd.DataFrame:
    return pd.read_csv(path).drop(columns="fit_cpu_s", errors="ignore")


# held-out architectures


def test_metrics_with_their_columns_and_names(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli(args(logs, out)) == 0
    metrics = pd.read_csv(out / "metrics.csv")
    assert list(metrics) == ["metric", "mean", "stderr", "n_splits"]
    names = set(metrics["metric"])
    assert {"avg_r2", "final_r2", "avg_tau", "final_tau", "avg_kl", "final_kl", "coverage_90"} <= names
    assert {"spike_prob_0.05_real", "spike_prob_0.05_surrogate", "spike_prob_p95_real"} <= names
    assert {"auc_real_vs_simulated", "noise_autocorrelation_1_real"} <= names
    assert not {"n_train", "split", "fit_cpu_s"} & names
    assert set(metrics["n_splits"]) == {2}
    splits = pd.read_csv(out / "splits.csv")
    assert splits["split"].tolist() == [0, 1]
    assert splits["n_test"].tolist() == [12, 12]
    row = metrics.set_index("metric").loc["final_tau"]
    assert row["mean"] == pytest.approx(splits["final_tau"].mean(), rel=1e-5)
    assert row["stderr"] == pytest.approx(splits["final_tau"].std() / np.sqrt(2), rel=1e-4)
    tabular = pd.read_csv(out / "tabular.csv")
    assert tabular["seeds"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 1, 2, 3, 4]
    by_estimator = {name: own.set_index("seeds") for name, own in tabular.groupby("estimator")}
    difference = by_estimator["surrogate"]["avg_mae"] - by_estimator["table"]["avg_mae"]
    assert by_estimator["surrogate - table"]["avg_mae"].to_numpy() == pytest.approx(difference, rel=1e-3)
    captured = capsys.readouterr()
    assert "final_tau" in captured.out
    assert "mine: 300 runs of 60 architectures, 12 epochs; 0 diverged" in captured.err
    assert "metrics.csv, splits.csv, tabular.csv" in captured.err


def test_what_the_data_cannot_give_is_empty(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli(args(write_logs(tmp_path / "single.csv", data([1] * 60)), out)) == 0
    with (out / "metrics.csv").open(newline="") as file:
        rows = {row["metric"]: row for row in csv.DictReader(file)}
    assert (rows["avg_kl"]["mean"], rows["avg_kl"]["stderr"], rows["avg_kl"]["n_splits"]) == ("", "", "0")
    assert rows["avg_r2"]["mean"]
    assert not (out / "tabular.csv").exists()


def test_early_accuracies_add_the_averages_without_them(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli(args(logs, out, "early_epochs=3")) == 0
    names = set(pd.read_csv(out / "metrics.csv")["metric"])
    assert {"avg_r2_later", "avg_tau_later", "avg_mae_later"} <= names


@pytest.mark.slow
def test_figures_are_written(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli([*args(logs, out), "figures=true"]) == 0
    for name in ("epochs", "spikes", "curves", "tabular"):
        assert (out / f"surrogate-{name}.png").read_bytes().startswith(PNG)
        assert (out / f"surrogate-{name}.pdf").read_bytes().startswith(b"%PDF")


def test_an_interrupted_evaluation_goes_on(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert cli(args(logs, whole)) == 0
    real, n = SurrogateSettings.fit, 0

    def interrupted(*given: Any, **more: Any) -> Any:
        nonlocal n
        n += 1
        if n == 2:
            raise KeyboardInterrupt
        return real(*given, **more)

    monkeypatch.setattr(SurrogateSettings, "fit", interrupted)
    assert cli(args(logs, out)) == 130
    assert "2 of 3 parts are done. They are kept" in capsys.readouterr().err
    monkeypatch.setattr(SurrogateSettings, "fit", real)
    fits.clear()
    assert cli(args(logs, out)) == 0
    assert len(fits) == 1  # the second split: the examples are of the first one's surrogate
    for name in ("metrics.csv", "splits.csv", "tabular.csv"):
        assert untimed(whole / name).equals(untimed(out / name))
    fits.clear()
    assert cli(args(logs, out, "splits=3")) == 0
    assert len(fits) == 1


@pytest.mark.slow
def test_a_folder_of_other_settings_or_data_is_refused(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli(args(logs, out)) == 0
    with pytest.raises(ConfigError, match=r"settings\.surrogate\.n_components: 5 there, 4 now"):
        main(args(logs, out, "n_components=4")[1:])
    with pytest.raises(ConfigError, match="test_share"):
        main(args(logs, out, "test_share=.3")[1:])
    write_logs(logs, data([5] * 60, seed=1))
    with pytest.raises(ConfigError, match="results on other data"):
        main(args(logs, out)[1:])
    assert cli(args(logs, out, "overwrite=true")) == 0


def test_a_damaged_part_is_computed_again(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli(args(logs, out)) == 0
    before = untimed(out / "splits.csv")
    (out / "cache" / "split-0001.json").write_text("{", encoding="utf-8")
    fits.clear()
    assert cli(args(logs, out)) == 0
    assert len(fits) == 1
    assert untimed(out / "splits.csv").equals(before)


def test_only_one_half_is_tested_when_asked(logs: Path, tmp_path: Path) -> None:
    source = SurrogateSource.read("logs", {}, data=str(logs), space="cell201", cache=tmp_path)
    reporting = source.reporting_keys()
    assert 0 < len(reporting) < 30  # of 60: all names of a network count, and most have several
    assert cli(args(logs, tmp_path / "development", "test_on=development")) == 0
    assert reporting < fits[0]["keys"]
    fits.clear()
    if len(reporting) >= 10:
        assert cli(args(logs, tmp_path / "reporting", "test_on=reporting")) == 0
        assert set(source.data.keys) - fits[0]["keys"] <= reporting


# the command line


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (["splitz=3"], ConfigError, "no option 'splitz'. Did you mean 'splits'"),
        (["splits=0"], ConfigError, "splits: expected an integer of at least 1"),
        (["splits=1,2"], UsageError, "splits lists several values"),
        (["study=sizes"], ConfigError, "Did you mean 'size'"),
        (["sizes=[10]"], ConfigError, "no option 'sizes'"),
        (["models=[lightgbmm]"], ConfigError, "Did you mean 'lightgbm'"),
        (["n_members=0"], ConfigError, "n_members"),
        (["noise=spike"], UnknownIdError, "Did you mean 'spikes'"),
        (["test_share=2"], ConfigError, "test_share"),
        (["max_test=3"], ConfigError, "max_test"),
        (["max_train=2"], ConfigError, "max_train"),
        (["test_on=odd"], ConfigError, "test_on"),
        (["figures=perhaps"], ConfigError, "figures"),
        (["source="], UsageError, "source= takes one id"),
        (["source=nbnlpp"], UnknownIdError, "Did you mean"),
        (["source=pocket201-mnist", "data=here"], ConfigError, "has no option data_dir"),
        (["source=pocket201-mnist", "space=nlp"], ConfigError, "space: only with source=logs"),
        (["source=logs"], ConfigError, "needs data=PATH"),
        (["source=logs", "data=x.csv"], ConfigError, "space=ID"),
        (["source=logs", "data=x.csv", "space=cell201"], DataFileError, "no such file"),
        (["study=size", "early_epochs=3"], ConfigError, "early_epochs=0"),
        (["study=size", "sizes=[3]"], ConfigError, "sizes"),
        (["study=size", "sizes=[100000]"], ConfigError, "expected at most 5025"),
        (["study=search", "seeds=0"], ConfigError, "seeds"),
        (["study=search", "early_epochs=2"], ConfigError, "early_epochs=0"),
        (["study=lomo", "test_on=reporting"], ConfigError, "test_on=all"),
        (["study=lomo", "optimizers=[rs]"], ConfigError, "two or more"),
        (["--force"], UsageError, "unknown flag"),
    ],
)
def test_errors_say_what_is_wrong(
    given: list[str], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message.replace("[", r"\[")):
        main(["evaluate", f"out={tmp_path / 'out'}", *given])
    assert not (tmp_path / "out").exists()


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    from nascurve.benchmarks.surrogate.surrogate import DEFAULTS as MODEL
    from nascurve.experiments import surrogate_evaluate, surrogate_fit

    for module, name in ((surrogate_evaluate, "evaluate"), (surrogate_fit, "fit")):
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"usage: nascurve surrogate {name}")
        assert all(f"{option}=" in text for option in {**module.DEFAULTS, **MODEL})
    assert main(["--help"]) == 0
    assert "evaluate" in capsys.readouterr().out
    assert main([]) == 2
    with pytest.raises(UsageError, match="Did you mean 'evaluate'"):
        main(["evaluat"])


# tables


def test_metrics_of_splits_without_a_value() -> None:
    splits = pd.DataFrame({"split": [0, 1, 2], "n_test": 5, "tau": [0.5, 0.7, np.nan], "kl": [np.nan] * 3})
    frame = metrics_frame(splits).set_index("metric")
    assert frame.loc["tau", "mean"] == pytest.approx(0.6)
    assert frame.loc["tau", "stderr"] == pytest.approx(0.1)
    assert frame["n_splits"].tolist() == [2, 0]
    assert tabular_frame([[], []]) is None


def test_crossings_are_the_first_sizes_below_the_table() -> None:
    rows = [("table", 0, 1, 0.05, 0.04), ("table", 0, 2, 0.02, 0.01)]
    rows += [("gin", n, k, avg, 0.05) for k in (1, 2) for n, avg in ((50, 0.06), (100, 0.04), (200, 0.03))]
    frame = pd.DataFrame(rows, columns=["estimator", "n_train", "seeds", "avg_mae", "final_mae"])
    found = {(row.seeds, row.measure): row.n_train for row in crossings(frame).itertuples()}
    assert found[1, "avg_mae"] == 100
    assert [found[key] is pd.NA for key in ((1, "final_mae"), (2, "avg_mae"))] == [True, True]


# size


@pytest.mark.slow
def test_size_study_on_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    options = ["study=size", "sizes=[20,10]", "size_models=[[lightgbm,extratrees],gin]", "splits=1"]
    assert main(["evaluate", f"out={out}", "max_test=20", *options]) == 0
    sizes = pd.read_csv(out / "size.csv")
    assert list(sizes["estimator"].unique()) == ["table", "lightgbm+extratrees", "gin"]
    assert sorted(sizes["n_train"].unique()) == [0, 10, 20]
    assert [fit["n_runs"] for fit in fits] == [30, 30, 60, 60]
    assert fits[0]["keys"] < fits[2]["keys"]
    assert fits[1]["models"] == ["gin"]
    assert fits[0]["noise"] == "none"
    assert (out / "size-crossings.csv").exists()
    assert (out / "surrogate-size.png").read_bytes().startswith(PNG)


# searches


class _Truth:
    """Stands for a table: the accuracy of an architecture is the length of its name."""

    def __init__(self, inner: Any) -> None:
        self.space, self.info, self.query, self.query_many = (
            inner.space,
            inner.info,
            inner.query,
            inner.query_many,
        )

    def true_test_acc(self, arch: Any) -> float:
        return len(str(arch)) / 1000

    def best(self) -> None:
        return None


def test_the_incumbent_on_the_surrogate_is_judged_by_the_table() -> None:
    from tests.experiments.fakes import synthetic

    surrogate = synthetic()
    judged = JudgedByTable(surrogate, _Truth(surrogate))
    arch = surrogate.space.sample(np.random.default_rng(0))
    assert judged.true_test_acc(arch) == len(str(arch)) / 1000
    assert judged.best() is None
    np.testing.assert_array_equal(judged.query(arch, seed=0).val_acc, surrogate.query(arch, seed=0).val_acc)
    assert "judged by" in judged.info.name


def results_of(**regrets: list[list[float]]) -> dict[str, Any]:
    """By side, of each method the regrets of its seeds, the same at all shares of the budget."""
    return {
        side.replace("_", "-"): {
            "methods": [
                {"optimizer": f"o{n}", "lce": "none", "at_shares": [own] * 3} for n, own in enumerate(methods)
            ]
        }
        for side, methods in regrets.items()
    }


def test_ranks_of_methods_on_both_sides() -> None:
    table = [[0.1] * 4, [0.2] * 4, [0.3] * 4]
    results = results_of(table=table, surrogate=table[::-1], surrogate_own=[[0.1] * 4, [0.3] * 4, [0.2] * 4])
    frame = search_frame(results)
    assert frame["budget"].tolist() == [0.25] * 3 + [0.5] * 3 + [1.0] * 3
    assert frame["rank_table"].tolist()[:3] == [1, 2, 3]
    assert frame["rank_surrogate"].tolist()[:3] == [3, 2, 1]
    ranks = ranks_frame(results).set_index(["budget", "against"])["tau"]
    assert ranks[1.0, "surrogate"] == -1
    assert ranks[1.0, "surrogate-own"] == pytest.approx(1 / 3)
    assert ranks[1.0, "table, halves of its seeds"] == 1


@pytest.mark.slow
def test_search_study_compares_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nascurve.experiments.surrogate_search import SearchStudy

    monkeypatch.setattr(SearchStudy, "_surrogate", lambda self: self._table)
    out = tmp_path / "out"
    options = ["study=search", "optimizers=[rs,re]", "seeds=3", "budget_trainings=10", f"out={out}"]
    assert main(["evaluate", *options]) == 0
    search = pd.read_csv(out / "search.csv")
    assert len(search) == 4 * 3
    assert {"regret_table", "regret_surrogate_se", "rank_surrogate-own"} <= set(search)
    assert pd.read_csv(out / "search-ranks.csv")["tau"].between(-1, 1).all()
    assert (out / "surrogate-search.png").read_bytes().startswith(PNG)
    assert (out / "search-table" / "runs.parquet").exists()
    assert (search["regret_table"] == search["regret_surrogate-own"]).all()
    config = json.dumps((out / "config.yaml").read_text(encoding="utf-8"))
    assert "budget_trainings: 10" in config


def test_a_budget_without_incumbents_is_refused(tmp_path: Path) -> None:
    options = ["study=search", "optimizers=[rs]", "seeds=2", "budget_trainings=.2", f"out={tmp_path / 'out'}"]
    with pytest.raises(ConfigError, match="not every method finds an incumbent on the table"):
        main(["evaluate", *options])


# leave one method out


@pytest.mark.slow
def test_nothing_that_the_method_left_out_visited_is_fitted_to(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["study=lomo", "optimizers=[rs,re]", "evaluations=60", "seeds=1", "splits=1", "max_test=20"]
    assert main(["evaluate", f"out={out}", *options]) == 0
    visits = json.loads((out / "cache" / "split-0000-visits.json").read_text(encoding="utf-8"))
    assert set(visits) == {"rs", "re"}
    assert fits[0]["keys"] == set(visits["re"]) - set(visits["rs"])
    assert fits[1]["keys"] == set(visits["rs"]) - set(visits["re"])
    lomo = pd.read_csv(out / "lomo.csv")
    assert lomo["left_out"].tolist() == ["rs", "re", "none"]
    assert {"final_tau", "avg_r2"} <= set(lomo)
    assert (out / "surrogate-lomo.png").read_bytes().startswith(PNG)
    assert LomoStudy.name == "lomo"
