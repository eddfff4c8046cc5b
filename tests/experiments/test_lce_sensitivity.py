"""`nascurve lce sensitivity`: gains of Algorithm 2 by its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nascurve.errors import ConfigError
from nascurve.experiments.cli import main
from nascurve.experiments.curves import AnytimeCurves, mean_over
from nascurve.experiments.lce_sensitivity import settings_grid
from nascurve.experiments.sensitivity_figure import draw_sensitivity
from nascurve.experiments.sensitivity_table import sensitivity

SMALL = ["optimizers=[rs]", "e_few=[4,.5]", "k=[3]", "top_n=[1,2,5]", "seeds=3", "budget_trainings=12"]


def rows(lce: str, seed: int, steps: list[tuple[float, float]]) -> list[dict[str, Any]]:
    return [
        {
            "optimizer": "rs",
            "lce": lce,
            "seed": seed,
            "time_s": time_s,
            "regret": regret,
            "test_acc": 1 - regret,
        }
        for time_s, regret in steps
    ]


def test_the_mean_over_time_is_that_of_the_step_function() -> None:
    curves = AnytimeCurves(
        seeds=np.array([0, 1]),
        changes_s=np.array([1.0, 4.0, 8.0]),
        steps=np.array([[0.4, 0.2, 0.1], [0.5, 0.5, 0.0]]),
    )
    assert mean_over(curves, 2.0, 10.0) == pytest.approx([(0.8 + 0.8 + 0.2) / 8, (1.0 + 2.0) / 8])
    assert mean_over(curves, 8.0, 10.0) == pytest.approx([0.1, 0.0])


def test_gains_are_paired_and_positive_where_lce_helps() -> None:
    table = pd.DataFrame(
        rows("none", 0, [(1, 0.5), (6, 0.2)])
        + rows("none", 1, [(2, 0.4)])
        + rows("e4-k8-n1", 0, [(1, 0.5), (4, 0.2)])
        + rows("e4-k8-n1", 1, [(2, 0.3)])
    )
    (row,) = sensitivity(table, {"e4-k8-n1": {"e_few": 4, "k": 8, "top_n": 1}}, budget_s=10.0).to_dict(
        "records"
    )
    assert (row["e_few"], row["k"], row["top_n"], row["n_seeds"]) == (4, 8, 1, 2)
    # from 2 s, when both have an incumbent, to 10 s: .3 less for 2 of 8 s, and .1 less all the time
    assert row["gain_mean"] == pytest.approx((0.3 * 2 / 8 + 0.1) / 2)
    assert row["final_gain_mean"] == pytest.approx(0.05)
    assert row["gain_ci_low"] <= row["gain_mean"] <= row["gain_ci_high"]


def test_a_method_without_incumbent_is_an_error() -> None:
    without = rows("none", 0, [(1, 0.5)])
    for with_lce in (
        [],
        rows("e4", 0, [(10, 0.4)]),
        rows("e4", 1, [(2, 0.4)]),
    ):  # none, late, other seed
        with pytest.raises(ConfigError, match="'e4' has no incumbent"):
            sensitivity(
                pd.DataFrame(without + with_lce), {"e4": {"e_few": 4, "k": 8, "top_n": 1}}, budget_s=10.0
            )


def test_the_grid_leaves_out_what_cannot_be() -> None:
    grid = settings_grid([2, 0.25], [4, 8], [2, 6])
    assert list(grid) == ["e2-k4-n2", "e0.25-k4-n2", "e2-k8-n2", "e2-k8-n6", "e0.25-k8-n2", "e0.25-k8-n6"]
    assert grid["e0.25-k8-n6"] == {"e_few": 0.25, "k": 8, "top_n": 6}


@pytest.mark.parametrize(
    "bad",
    [
        *(("8", [8], [1]), ([], [8], [1]), ([2], [True], [1]), ([2, 2], 8, 1), (2, 3, 4)),
        *((2, 8, [1, float("nan")]), (float("inf"), 8, 1)),
    ],
)
def test_bad_lists_are_refused(bad: Any) -> None:
    with pytest.raises(ConfigError, match=r"e_few|k|top_n"):
        settings_grid(*bad)


def test_the_command_writes_table_and_figure_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["lce", "sensitivity", *SMALL, f"out={tmp_path}", "processes=1"]
    assert main(args) == 0
    table = pd.read_csv(tmp_path / "sensitivity.csv")
    assert table[["e_few", "k", "top_n"]].to_numpy().tolist() == [
        [4, 3, 1],
        [4, 3, 2],
        [0.5, 3, 1],
        [0.5, 3, 2],
    ]
    assert (table["n_seeds"] == 3).all()
    assert (tmp_path / "sensitivity.png").stat().st_size > 10_000
    assert (tmp_path / "sensitivity.pdf").exists()
    first = (tmp_path / "sensitivity.csv").read_bytes()
    store = {path: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    capsys.readouterr()
    assert main(args) == 0
    assert (tmp_path / "sensitivity.csv").read_bytes() == first
    assert {path: path.read_bytes() for path in (tmp_path / "store").iterdir()} == store
    assert "gain over time" in capsys.readouterr().out


def test_a_fraction_of_a_candidate_is_not_k() -> None:
    with pytest.raises(ConfigError, match=r"k: expected an integer of at least 1, got 0\.5"):
        settings_grid([2], [0.5], [0.1])


@pytest.mark.parametrize(
    ("arg", "said"),
    [
        ("e_few=[99]", "e_few below"),
        ("extrapolator=adaptive", "No extrapolator is called 'adaptive'"),  # a preset, with its own settings
        ("lce_options.k=4", "give k=[...]"),
        ("lce_options.promotion=adaptive", "settings of promotion 'top_n'"),
        ("e_few=[two]", "e_few"),
        ("lce_options.rankin=mean", "ranking"),
        ("extrapolator=last_valu", "last_value"),
        ("extrapolator=[wpm]", "expected extrapolator to be an id"),
        ("extrapolator_options=3", "extrapolator_options.NAME=VALUE"),
    ],
)
def test_mistakes_are_named(arg: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lce", "sensitivity", *SMALL, f"out={tmp_path}", arg]) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_panel_for_each_optimizer_and_k_with_sure_gains_in_bold() -> None:
    records = [
        {
            "optimizer": o,
            "e_few": e,
            "k": k,
            "top_n": 1,
            "gain_mean": g,
            "gain_ci_low": g - 0.01,
            "gain_ci_high": g + 0.01,
        }
        for o in ("rs", "re")
        for k in (4, 8)
        for e, g in ((2, 0.02), (8, -0.005), (16, 0.1025))
    ]
    figure = draw_sensitivity(pd.DataFrame(records), title="a title")
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert len(panels) == 4
    texts = {text.get_text(): text.get_fontweight() for text in panels[0].texts}
    assert texts == {"+2.00": "bold", "-.50": "normal", "+10.25": "bold"}
