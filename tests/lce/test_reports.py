"""What the base is told of dropped candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nascurve
from nascurve.errors import ConfigError
from nascurve.lce.power_law import PowerLaw
from nascurve.lce.reports import PredictedEvaluation
from nascurve.simulator.types import Status

from .fakes import E_FEW, E_MAX, Driver, RecordingBase, begun, curve_of


def test_a_prediction_is_told_as_a_full_training() -> None:
    base = RecordingBase()
    Driver(begun(base, PowerLaw(), k=4, top_n=1, report_dropped="predicted")).run(4)
    assert len(base.told) == 3
    for report in base.told:
        assert isinstance(report, PredictedEvaluation)
        assert report.status is Status.COMPLETE
        assert report.trained_epochs == E_FEW
        seen = curve_of(report.trial.arch, E_FEW)
        assert report.curve.epochs == E_MAX
        assert np.array_equal(report.curve.val_acc[:E_FEW], seen.val_acc)
        prediction = PowerLaw().predict(seen.val_acc[np.newaxis], E_MAX)
        assert (report.val_acc, report.std) == pytest.approx((prediction.mean[0], prediction.std[0]))
        assert np.allclose(report.curve.epoch_s[E_FEW:], seen.epoch_s.mean())


def test_the_last_epoch_is_told_whatever_is_extrapolated_to() -> None:
    base = RecordingBase()
    options = {"promotion": "history", "n_initial": 3, "extrapolate_to": 6, "report_dropped": "predicted"}
    Driver(begun(base, PowerLaw(), **options)).run(30)
    reports = [report for report in base.told if isinstance(report, PredictedEvaluation)]
    assert reports
    for report in reports:
        assert report.curve.epochs == E_MAX
        first = PowerLaw().predict(report.curve.val_acc[np.newaxis, :E_FEW], E_MAX).mean[0]
        assert report.val_acc == pytest.approx(first)


def test_diverged_candidates_are_stopped_ones() -> None:
    base = RecordingBase()
    Driver(begun(base, k=4, top_n=1, report_dropped="predicted"), diverging=2).run(60)
    assert {report.status for report in base.told} == set(Status)
    for report in base.told:
        diverged = np.isnan(report.curve.val_acc[:E_FEW]).any()
        assert (report.status is Status.STOPPED) == diverged or len(report.curve) == E_MAX


def test_nothing_is_told_until_the_base_waits() -> None:
    base = RecordingBase()
    Driver(begun(base, k=4, top_n=1, report_dropped="nothing")).run(100)
    assert {report.status for report in base.told} == {Status.COMPLETE}
    assert len(base.pending) == 60

    waiting = RecordingBase(max_pending=10)
    driver = Driver(begun(waiting, k=4, top_n=1, report_dropped="nothing")).run(100)
    assert len(driver.finished) == 100, "the search goes on"
    stopped = [report for report in waiting.told if report.status is Status.STOPPED]
    assert stopped
    assert all(report.curve.epochs == E_FEW for report in stopped)
    assert len({report.trial.id for report in waiting.told}) == len(waiting.told)


@pytest.mark.parametrize("base", ["rs", "re", "ls", "bananas"])
@pytest.mark.parametrize("report", ["predicted", "nothing"])
def test_every_base_lives_with_it(base: str, report: Any) -> None:
    """And pseudo-observations never are the simulator's incumbent."""
    bench = nascurve.load_benchmark("synthetic")
    options = {"max_steps": 5, "epochs": 2, "members": 2} if base == "bananas" else {}
    optimizer = nascurve.create_optimizer(base, bench.space, seed=0, **options)
    extrapolator = nascurve.create_extrapolator("power_law")
    lce = nascurve.LCE(optimizer, extrapolator, e_few=0.1, k=6, top_n=1, report_dropped=report)
    result = nascurve.simulate(lce, bench, max_evaluations=140, seed=0)
    assert result.n_evaluations == 140
    trained = {record.arch for record in result.evaluations if record.epochs == bench.info.max_epochs}
    assert set(result.trajectory.archs) <= trained


def test_evolution_gets_its_population_from_predictions() -> None:
    bench = nascurve.load_benchmark("synthetic")

    def population(report: Any) -> int:
        base = nascurve.create_optimizer("re", bench.space, seed=0)
        extrapolator = nascurve.create_extrapolator("last_value")
        lce = nascurve.LCE(base, extrapolator, e_few=0.1, k=8, top_n=1, report_dropped=report)
        nascurve.simulate(lce, bench, max_evaluations=18, seed=0)
        return len(base.state_dict()["search"]["population"])

    assert (population("stopped"), population("predicted")) == (2, 16)


def test_an_unknown_report() -> None:
    with pytest.raises(ConfigError, match=r"LCE\.report_dropped: got 'all'.*predicted"):
        begun(report_dropped="all")
