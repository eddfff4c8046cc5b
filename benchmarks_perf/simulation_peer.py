"""Child process for the peer, run in .venv-perf: Syne Tune's simulator backend on our table of curves.

Runs as it is documented: `UserBlackboxBackend` over a `BlackboxTabular`, `SimulatorCallback`, one worker, the
default time of 5 s by which the tuner's loop moves the clock. What costs time without being simulation is
off: no serialised tuner, no status table, logging at errors alone.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import pandas as pd
from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
from syne_tune.blackbox_repository.blackbox_tabular import BlackboxTabular
from syne_tune.blackbox_repository.simulated_tabular_backend import UserBlackboxBackend
from syne_tune.config_space import choice, randint
from syne_tune.optimizer.baselines import REA, RandomSearch

from benchmarks_perf.service import serve

_NEVER_S = 1e9
_METRIC, _ELAPSED, _EPOCH = "val_error", "elapsed_s", "epoch"
_table: dict[str, np.ndarray] = {}
_blackboxes: dict[tuple[str, float | None], BlackboxTabular] = {}


def load(*, path: str) -> str:
    """Read the exported table; returns the versions of what runs here."""
    logging.disable(logging.WARNING)
    with np.load(path) as table:
        _table.update(table)
    from importlib.metadata import version

    return f"Syne Tune {version('syne-tune')}, numpy {np.__version__}, pandas {pd.__version__}"


def _blackbox(results: str, training_s: float | None) -> BlackboxTabular:
    """The table with "one" or "all" results a trial, its seconds scaled to those of a mean training."""
    if (results, training_s) not in _blackboxes:
        elapsed_s = _table["elapsed_s"]
        if training_s is not None:
            elapsed_s = elapsed_s * (training_s / elapsed_s[..., -1].mean())
        names = _table["op_names"].tolist()
        ops = np.array(names, dtype=object)[_table["ops"]]
        columns = [f"edge{edge}" for edge in range(ops.shape[1])]
        values = np.stack([1.0 - _table["val_acc"], elapsed_s], axis=-1)
        epochs = values.shape[2]
        kept = slice(epochs - 1 if results == "one" else 0, None)
        _blackboxes[results, training_s] = BlackboxTabular(
            hyperparameters=pd.DataFrame(ops, columns=columns),
            configuration_space={column: choice(names) for column in columns},
            fidelity_space={_EPOCH: randint(1, epochs)},
            objectives_evaluations=values[:, :, kept],
            fidelity_values=np.arange(1, epochs + 1)[kept],
            objectives_names=[_METRIC, _ELAPSED],
        )
    return _blackboxes[results, training_s]


def run(*, method: str, results: str, trials: int, seed: int, training_s: float | None) -> dict[str, Any]:
    """One search, all of it timed but the building of the table."""
    blackbox = _blackbox(results, training_s)
    np.random.seed(seed)  # noqa: NPY002 -- the backend draws training seeds from it
    start_s = time.process_time()
    space = blackbox.configuration_space
    if method == "rs":
        scheduler = RandomSearch(space, metrics=[_METRIC], random_seed=seed)
    else:
        scheduler = REA(space, metric=_METRIC, random_seed=seed, population_size=20, sample_size=10)
    tuner = Tuner(
        trial_backend=UserBlackboxBackend(blackbox=blackbox, elapsed_time_attr=_ELAPSED),
        scheduler=scheduler,
        stop_criterion=StoppingCriterion(max_num_trials_finished=trials),
        n_workers=1,
        sleep_time=0,
        callbacks=[SimulatorCallback()],
        results_update_interval=_NEVER_S,
        print_update_interval=_NEVER_S,
        save_tuner=False,
        tuner_name="perf",
    )
    tuner.run()
    cpu_s = time.process_time() - start_s
    return {"cpu_s": cpu_s, "trials": tuner.tuning_status.num_trials_finished}


if __name__ == "__main__":
    serve({"load": load, "run": run})
