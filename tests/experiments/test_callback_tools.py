"""What a sweep leaves in TensorBoard, MLflow and Weights & Biases: read back, without a network."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nascurve.errors import ConfigError
from nascurve.experiments.callbacks.composite import read_callbacks
from nascurve.experiments.callbacks.mlflow import MLflow
from nascurve.experiments.callbacks.tensorboard import TensorBoard
from nascurve.experiments.callbacks.wandb import WandB
from nascurve.testing import check_callback

from . import sweeps

_MEAN = {1.5: 0.2, 20.25: 0.02, 50.0: 0.02}
"""Mean regret of the method with LCE over simulated seconds: 0.01, 0.02 and 0.03 at the end."""


@pytest.fixture
def figure(tmp_path: Path) -> Path:
    from matplotlib.image import imsave

    path = tmp_path / "anytime.png"
    imsave(path, np.linspace(0, 1, 48).reshape(4, 12))
    return path


def _interrupted_and_ended(entry: Any, folder: Path, figure: Path, runs: list[dict[str, Any]]) -> None:
    """A sweep in two sessions, and then the same command once more."""
    sweeps.tell(read_callbacks(entry), folder, runs, now=slice(None, 2))
    sweeps.tell(read_callbacks(entry), folder, runs, now=slice(2, None), figures=[figure])
    sweeps.tell(read_callbacks(entry), folder, runs, now=slice(len(runs), None), figures=[figure])


# --- TensorBoard


def _events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    events = EventMultiplexer(size_guidance={"scalars": 0, "histograms": 0}).AddRunsFromDirectory(str(folder))
    return events.Reload()


def test_tensorboard_shows_each_seed_and_the_mean_curve(tmp_path: Path, figure: Path) -> None:
    _interrupted_and_ended("tensorboard", tmp_path, figure, sweeps.ended())
    events = _events(tmp_path)
    assert set(events.Runs()) == {"tensorboard", "tensorboard/re", "tensorboard/re+last%2Fvalue"}
    with_lce = "tensorboard/re+last%2Fvalue"
    finals = events.Scalars(with_lce, "final/regret")
    assert {(event.step, round(event.value, 6)) for event in finals} == {(0, 0.01), (1, 0.02), (2, 0.03)}
    assert len(finals) == 3
    curve = events.Scalars(with_lce, "anytime/regret")
    assert {event.step / 1000: round(event.value, 6) for event in curve} == _MEAN
    assert [event.wall_time for event in curve] == list(_MEAN)
    (histogram,) = events.Histograms(with_lce, "final/regret of all seeds")
    assert histogram.histogram_value.num == 3
    assert [event.step for event in events.Scalars("tensorboard/re", "final/failed")] == [2]
    (cause,) = events.Tensors("tensorboard/re", "failed/text_summary")
    assert cause.tensor_proto.string_val[0] == b"seed 2: RuntimeError: the disk is gone"


def test_tensorboard_shows_settings_summary_and_figure(tmp_path: Path, figure: Path) -> None:
    from tensorboard.plugins.hparams import metadata

    _interrupted_and_ended("tensorboard", tmp_path, figure, sweeps.ended())
    events = _events(tmp_path)
    contents = events.PluginRunToTagToContent(metadata.PLUGIN_NAME)["tensorboard/re"]
    start = metadata.parse_session_start_info_plugin_data(contents[metadata.SESSION_START_INFO_TAG])
    assert start.hparams["optimizer.population_size"].number_value == 20
    assert start.hparams["lce.label"].string_value == "none"
    (mean,) = events.Scalars("tensorboard/re", "summary/final_regret_mean")
    assert mean.value == pytest.approx(0.02)
    (image,) = events.Images("tensorboard", "anytime")
    assert (image.width, image.height) == (12, 4)
    (table,) = events.Tensors("tensorboard", "summary.csv/text_summary")
    assert b"| re | last/value | 3 | 0.02 |  | regret |" in table.tensor_proto.string_val[0]


def test_tensorboard_of_a_sweep_that_begins_anew_forgets_the_old_one(tmp_path: Path) -> None:
    sweeps.tell(read_callbacks("tensorboard"), tmp_path, sweeps.ended())
    theirs = tmp_path / "tensorboard" / "re" / "notes.txt"
    theirs.write_text("mine")
    sweeps.tell(read_callbacks("tensorboard"), tmp_path, sweeps.ended(n_seeds=2))
    finals = _events(tmp_path).Scalars("tensorboard/re", "final/regret")
    assert [event.step for event in finals] == [0]
    assert theirs.exists()


def test_tensorboard_shows_test_error_where_the_best_is_not_known(tmp_path: Path) -> None:
    sweeps.tell(read_callbacks("tensorboard"), tmp_path, sweeps.ended(best_known=False))
    tags = _events(tmp_path).Runs()["tensorboard/re"]["scalars"]
    assert {"final/test_error", "anytime/test_error"} <= set(tags)
    assert not [tag for tag in tags if tag.startswith(("final/regret", "anytime/regret"))]


def test_tensorboard_needs_a_folder() -> None:
    with pytest.raises(ConfigError, match="Give out="):
        sweeps.tell(read_callbacks("tensorboard"), None, sweeps.ended())


def test_tensorboard_keeps_the_contract() -> None:
    check_callback(TensorBoard)


# --- MLflow


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One data base for all tests here: to create one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def mlflow(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)  # where MLflow puts artifacts
    return {"id": "mlflow", "tracking_uri": store, "experiment": f"at {tmp_path.name}"}


def _mlflow_runs(entry: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=entry["tracking_uri"])
    place = client.get_experiment_by_name(entry["experiment"])
    assert place is not None
    runs = client.search_runs([place.experiment_id])
    assert len({run.info.run_name for run in runs}) == len(runs)
    return client, {str(run.info.run_name): run for run in runs}


def test_mlflow_has_a_run_for_the_sweep_and_one_within_it_for_each_method(
    mlflow: dict[str, str], tmp_path: Path, figure: Path
) -> None:
    _interrupted_and_ended(mlflow, tmp_path, figure, sweeps.ended())
    client, runs = _mlflow_runs(mlflow)
    assert set(runs) == {"synthetic-v1 (synthetic)", "re", "re+last/value"}
    parent, method = runs["synthetic-v1 (synthetic)"].info, runs["re+last/value"]
    assert method.data.tags["mlflow.parentRunId"] == parent.run_id
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert method.data.params["optimizer.population_size"] == "20"
    assert method.data.metrics["summary/final_regret_mean"] == pytest.approx(0.02)
    finals = client.get_metric_history(method.info.run_id, "final/regret")
    assert sorted((metric.step, metric.value) for metric in finals) == [(0, 0.01), (1, 0.02), (2, 0.03)]
    curve = client.get_metric_history(method.info.run_id, "anytime/regret")
    assert len(curve) == len(_MEAN)  # once, although the sweep ended twice
    assert {metric.step / 1000: metric.value for metric in curve} == pytest.approx(_MEAN)
    assert client.get_metric_history(runs["re"].info.run_id, "final/failed")[0].step == 2
    artifacts = {artifact.path for artifact in client.list_artifacts(parent.run_id)}
    assert artifacts == {"anytime.png", "config.yaml", "summary.csv"}


def test_mlflow_run_that_was_deleted_is_replaced(mlflow: dict[str, str], tmp_path: Path) -> None:
    runs = sweeps.ended()
    sweeps.tell(read_callbacks(mlflow), tmp_path, runs, now=slice(None, 2))
    client, before = _mlflow_runs(mlflow)
    assert {run.info.status for run in before.values()} == {"KILLED"}
    for run in before.values():
        client.delete_run(run.info.run_id)
    sweeps.tell(read_callbacks(mlflow), tmp_path, runs, now=slice(2, None))
    client, first = _mlflow_runs(mlflow)
    for run in first.values():
        client.delete_run(run.info.run_id)
    sweeps.tell(read_callbacks(mlflow), tmp_path, runs, now=slice(len(runs), None))
    _, after = _mlflow_runs(mlflow)
    assert len({runs["re"].info.run_id for runs in (before, first, after)}) == 3
    assert after["re"].data.metrics["summary/final_regret_mean"] == pytest.approx(0.02)


def test_mlflow_experiment_of_another_name_gets_everything(mlflow: dict[str, str], tmp_path: Path) -> None:
    runs = sweeps.ended()
    sweeps.tell(read_callbacks(mlflow), tmp_path, runs)
    other = {**mlflow, "experiment": f"{mlflow['experiment']}, again"}
    sweeps.tell(read_callbacks(other), tmp_path, runs, now=slice(len(runs), None))
    _, found = _mlflow_runs(other)
    assert found["re"].data.metrics["anytime/regret"] == pytest.approx(0.015)
    assert mlflow["tracking_uri"] not in (tmp_path / "mlflow.json").read_text()  # it may hold a password


def test_mlflow_store_that_cannot_be_reached_loses_no_run(tmp_path: Path) -> None:
    entry = {"id": "mlflow", "tracking_uri": f"sqlite:///{tmp_path}/no/such/folder\0/x.db"}
    with pytest.warns(UserWarning, match="callback mlflow failed and is switched off"):
        sweeps.tell(read_callbacks(entry), tmp_path, sweeps.ended())


def test_mlflow_keeps_the_contract(mlflow: dict[str, str]) -> None:
    check_callback(lambda: MLflow(tracking_uri=mlflow["tracking_uri"], experiment=mlflow["experiment"]))


# --- Weights & Biases


@pytest.fixture
def wandb_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Sets WANDB_MODE. W&B reads its environment once a process: it has to be told to do so again."""
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))  # where it writes without a folder
    wandb.teardown()
    yield monkeypatch
    wandb.teardown()


def _wandb_records(path: Path) -> Iterator[Any]:
    """Of a .wandb file: a LevelDB log of protocol buffers in blocks of 32 KiB, behind 7 bytes of its own."""
    from wandb.proto import wandb_internal_pb2

    content, place, record = path.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if (rest := -place % 32768) < 7:
            place += rest  # too short for another header: filled up
            continue
        _, size, kind = struct.unpack_from("<IHB", content, place)
        record += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last piece
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""


def _wandb_run(path: Path) -> tuple[Any, list[dict[str, Any]], dict[str, Any]]:
    """The run, its rows, and its summary."""
    run, rows, summary = None, [], {}
    for record in _wandb_records(path):
        if record.HasField("run"):
            run = record.run
        for item in record.summary.update:
            summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
        if record.HasField("history"):
            items = record.history.item
            rows.append({item.key or item.nested_key[0]: json.loads(item.value_json) for item in items})
    return run, rows, summary


@pytest.mark.usefixtures("wandb_mode")
def test_wandb_has_a_run_a_method_in_one_group(tmp_path: Path, figure: Path) -> None:
    import wandb

    entry = {"id": "wandb", "project": "cells"}
    _interrupted_and_ended(entry, tmp_path, figure, sweeps.ended())
    wandb.teardown()  # its service may still be writing the last file
    found = [_wandb_run(path) for path in sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))]
    # Two sessions for `re`, whose runs ended in both; none for the third, which had nothing to say.
    assert sorted(run.display_name for run, _, _ in found) == ["re", "re", "re+last/value"]
    assert len({run.run_id for run, _, _ in found}) == 2
    assert len({run.run_group for run, _, _ in found}) == 1
    assert {run.project for run, _, _ in found} == {"cells"}
    run, rows, summary = next(entry for entry in found if entry[0].display_name == "re+last/value")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert (config["optimizer.population_size"], config["run.budget_s"]) == (20, sweeps.BUDGET_S)
    finals = {row["seed"]: row["final/regret"] for row in rows if "final/regret" in row}
    assert finals == pytest.approx({0: 0.01, 1: 0.02, 2: 0.03})
    curve = {row["simulated_s"]: row["anytime/regret"] for row in rows if "simulated_s" in row}
    assert curve == pytest.approx(_MEAN)
    assert summary["summary/final_regret_mean"] == pytest.approx(0.02)
    of_re = [row for run, rows, _ in found if run.display_name == "re" for row in rows]
    assert sorted(row["seed"] for row in of_re if "seed" in row) == [0, 1, 2]
    assert [row["seed"] for row in of_re if "final/failed" in row] == [2]
    assert len(list(tmp_path.glob("wandb/*/files/media/images/figures/anytime_*.png"))) == 1


def test_wandb_is_offline_where_nobody_is_logged_in(tmp_path: Path, wandb_mode: pytest.MonkeyPatch) -> None:
    wandb_mode.delenv("WANDB_MODE")
    wandb_mode.delenv("WANDB_API_KEY", raising=False)
    wandb_mode.setenv("NETRC", str(tmp_path / "no-such-file"))
    wandb_mode.setenv("WANDB_CONFIG_DIR", str(tmp_path / "none"))
    sweeps.tell(read_callbacks("wandb"), tmp_path, sweeps.ended(n_seeds=1))
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 2


@pytest.mark.usefixtures("wandb_mode")
def test_wandb_keeps_the_contract(tmp_path: Path) -> None:
    check_callback(lambda: WandB(mode="offline"))
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 1  # of the sweep without a folder


# --- what it costs


@pytest.mark.perf
@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_cost_of_a_run(name: str, mlflow: dict[str, str], tmp_path: Path, figure: Path) -> None:
    """The table of docs/callbacks.md: `pytest -m perf -s`. The first sweep pays for imports and tables."""
    entry = {"tensorboard": "tensorboard", "mlflow": mlflow, "wandb": {"id": "wandb", "mode": "offline"}}[
        name
    ]
    sweeps.tell(read_callbacks(entry), tmp_path, sweeps.ended())
    runs = sweeps.ended(n_seeds=500)
    moments_s = [time.perf_counter()]
    with read_callbacks(entry) as callbacks:
        callbacks.begin(sweeps.config(), tmp_path, len(runs), 0)
        moments_s.append(time.perf_counter())
        for run in runs:
            callbacks.run_finished(run)
        moments_s.append(time.perf_counter())
        callbacks.end(sweeps.frame(runs), sweeps.summary(), [figure])
    moments_s.append(time.perf_counter())
    begin_s, runs_s, end_s = np.diff(moments_s)
    print(f"\n{name}: begin {begin_s:.2f} s, a run {runs_s / len(runs) * 1000:.2f} ms, end {end_s:.2f} s")
    assert (begin_s + runs_s + end_s) / len(runs) < 0.02
