"""A replayed run as data of the page: its trainings with their whole curves, evaluations and predictions."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.experiments.report.anytime import rounded
from nascurve.experiments.report.recording import PredictedValue, StartedTrial
from nascurve.experiments.report.replay import Replay
from nascurve.lce.forecaster import bridged
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    from nascurve.simulator.result import EvaluationRecord, RunResult
    from nascurve.simulator.types import Benchmark

MAX_EVALUATIONS = 2000
"""Of one run that the page holds: the first ones. More would make it slow and large."""
MAX_EPOCHS = 128
"""Of a curve that the page draws."""
_ACC = 10_000
"""Accuracies are written as whole numbers of a hundredth of a percentage point."""


@dataclass(slots=True, kw_only=True)
class Training:
    """A training run: all evaluations with one trial id.

    record: the first one.  reached, asked_until, judged: epochs that it was trained to, that it was asked to
    be trained to, and at which its future was predicted, the last of each.  parts: number of evaluations.
    """

    record: EvaluationRecord
    reached: int = 0
    asked_until: int = 0
    judged: int = 0
    parts: int = 0


def replay_payload(replay: Replay, *, n_workers: int) -> dict[str, Any]:
    """Plain values; {"absent": reason} where there is no replay.

    epochs: those that curves are given at.  archs, seeds, curves, verdicts: of each training run, in the
    order in which they first finished something; a curve is the whole one, as the benchmark has it.
    own_curves: where trainings of fewer epochs are other ones, the curve of the training that was done.
    evaluations: columns training, epochs, start_s, end_s, val, worker, incumbent (0 or 1).
    predictions: rows evaluation, at_epoch, mean, low, high.
    cut_off: rows training or -1, arch, epochs, worker, start_s: what was in training when the budget ended.
    incumbents: columns time_s, evaluation, val, test, regret.
    """
    if replay.result is None or replay.recorder is None or replay.benchmark is None:
        return {"absent": replay.absent}
    result, recorder, benchmark = replay.result, replay.recorder, replay.benchmark
    max_epochs = benchmark.info.max_epochs
    shown = result.evaluations[:MAX_EVALUATIONS]
    trainings = _trainings(result.evaluations, recorder.started, max_epochs)
    trainings = {trial_id: trainings[trial_id] for trial_id in dict.fromkeys(r.trial_id for r in shown)}
    place = {trial_id: index for index, trial_id in enumerate(trainings)}
    predictions = _match(recorder.predictions, shown, benchmark)
    for evaluation, _ in predictions:
        training = trainings[shown[evaluation].trial_id]
        training.judged = max(training.judged, shown[evaluation].epochs)
    stops = {record.epochs for record in shown} | {value.at_epoch for _, value in predictions}
    epochs = _epochs(max_epochs, stops)
    curves, own_curves = _curves(list(trainings.values()), epochs, benchmark)
    complete = len(shown) == len(result.evaluations)
    return {
        "differs": replay.differs,
        "seed": result.seed,
        "n_evaluations": result.n_evaluations,
        "n_workers": n_workers,
        "max_epochs": max_epochs,
        "resumable": benchmark.info.resumable,
        "epochs": epochs,
        "archs": [str(training.record.arch) for training in trainings.values()],
        "seeds": [training.record.training_seed for training in trainings.values()],
        "curves": curves,
        "own_curves": own_curves,
        "verdicts": [_verdict(training, max_epochs) for training in trainings.values()],
        "evaluations": {
            "training": [place[record.trial_id] for record in shown],
            "epochs": [record.epochs for record in shown],
            "start_s": rounded(np.array([record.started_s for record in shown])),
            "end_s": rounded(np.array([record.finished_s for record in shown])),
            "val": _accuracies([record.val_acc for record in shown]),
            "worker": [record.worker for record in shown],
            "incumbent": [int(record.is_incumbent) for record in shown],
        },
        "predictions": [
            [evaluation, value.at_epoch, *_accuracies([value.mean, value.low, value.high])]
            for evaluation, value in predictions
        ],
        "cut_off": _cut_off(recorder.started, result, n_workers, place) if complete else [],
        "incumbents": _incumbents(result, len(shown)),
    }


def packed(content: dict[str, Any]) -> str:
    """JSON, compressed with gzip, as base64: the page unpacks a run when it is looked at."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


def _trainings(
    records: list[EvaluationRecord], started: list[StartedTrial], max_epochs: int
) -> dict[int, Training]:
    """By trial id, in the order of their first evaluation."""
    trainings: dict[int, Training] = {}
    for record in records:
        training = trainings.setdefault(record.trial_id, Training(record=record))
        training.reached = max(training.reached, record.epochs)
        training.parts += 1
    for trial, _ in started:
        if trial.id in trainings:
            training = trainings[trial.id]
            training.asked_until = max(training.asked_until, trial.epochs or max_epochs)
    return trainings


def _verdict(training: Training, max_epochs: int) -> str:
    """What became of a training run, as a key that the page puts into words."""
    if training.reached == max_epochs:
        return "promoted" if training.parts > 1 else "complete"
    if training.asked_until > training.reached:
        return "cut_off"
    diverged = not np.isfinite(training.record.val_acc)
    return "stopped" if training.judged == training.reached or diverged else "waiting"


def _match(
    predictions: list[PredictedValue], records: list[EvaluationRecord], benchmark: Benchmark
) -> list[tuple[int, PredictedValue]]:
    """Which evaluation each prediction was about: the last one until then with that prefix. Of equal ones in
    one call (the same training twice) each is taken once."""
    by_prefix: dict[bytes, list[int]] = {}
    for index, record in enumerate(records):
        curve = benchmark.query(record.arch, seed=record.training_seed, epochs=record.epochs).val_acc
        seen = curve if np.isfinite(curve).all() else bridged(curve[np.newaxis])[0]
        by_prefix.setdefault(seen.tobytes(), []).append(index)
    matched: list[tuple[int, PredictedValue]] = []
    taken: set[tuple[int, int, int]] = set()
    for value in predictions:
        until_now = [i for i in by_prefix.get(value.prefix.tobytes(), ()) if i <= value.evaluation]
        for index in reversed(until_now):
            use = (index, value.evaluation, value.at_epoch)
            if use not in taken:
                taken.add(use)
                matched.append((index, value))
                break
    return matched


def _epochs(max_epochs: int, stops: set[int]) -> list[int]:
    """All epochs, or of long curves evenly spaced ones together with those at which trainings stopped."""
    if max_epochs <= MAX_EPOCHS:
        return list(range(1, max_epochs + 1))
    spaced = np.unique(np.linspace(1, max_epochs, MAX_EPOCHS).round().astype(int)).tolist()
    return sorted({*spaced, *stops})


def _curves(
    trainings: list[Training], epochs: list[int], benchmark: Benchmark
) -> tuple[list[list[int | None]], list[list[int | None]]]:
    """Whole curves; and, where they are other trainings, those that were done."""
    rows = np.array(epochs) - 1
    whole = benchmark.query_many(
        [training.record.arch for training in trainings],
        [training.record.training_seed for training in trainings],
    )
    curves = [_accuracies(curve.val_acc[rows]) for curve in whole]
    if benchmark.info.resumable:
        return curves, []
    own = [
        benchmark.query(training.record.arch, seed=training.record.training_seed, epochs=training.reached)
        for training in trainings
    ]
    return curves, [_accuracies(curve.val_acc[rows[rows < len(curve)]]) for curve in own]


def _accuracies(values: FloatArray | list[float]) -> list[int | None]:
    return [
        round(_ACC * value) if np.isfinite(value) else None
        for value in np.asarray(values, dtype=np.float64).tolist()
    ]


def _cut_off(
    started: list[StartedTrial], result: RunResult, n_workers: int, place: dict[int, int]
) -> list[list[Any]]:
    """Trials that were started and never counted. Each is with a worker that has finished nothing since."""
    counted = {(record.trial_id, record.epochs) for record in result.evaluations}
    last_finish_s = [0.0] * n_workers
    for record in result.evaluations:
        last_finish_s[record.worker] = record.finished_s
    free = sorted(range(n_workers), key=lambda worker: (last_finish_s[worker], worker))
    max_epochs = result.config["max_epochs"]
    rows: list[list[Any]] = []
    for trial, time_s in started:
        until = trial.epochs or max_epochs
        if (trial.id, until) not in counted and free:
            rows.append(
                [place.get(trial.id, -1), str(trial.arch), until, free.pop(0), float(f"{time_s:.6g}")]
            )
    return rows


def _incumbents(result: RunResult, n_shown: int) -> dict[str, list[Any]]:
    trajectory = result.trajectory
    inside = trajectory.evaluations <= n_shown
    return {
        "time_s": rounded(trajectory.time_s[inside]),
        "evaluation": (trajectory.evaluations[inside] - 1).tolist(),
        "val": _accuracies(trajectory.val_acc[inside]),
        "test": _accuracies(trajectory.test_acc[inside]),
        "regret": _accuracies(trajectory.regret[inside]),
    }
