"""Child process for the peer, run in .venv-perf: Syne Tune's simulator backend on our table of curves.

Runs as it is documented: `UserBlackboxBackend` over a `BlackboxTabular`, `SimulatorCallback`, one worker. What costs
time without being simulation is off: no serialised tuner, no status table, logging at errors alone.
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
_blackboxes: dict[str, BlackboxTabular] = {}
_sleep_s = 0.0


def load(path: str) -> str:
    """Read the exported table; returns the versions of what runs here."""
    global _sleep_s
    logging.disable(logging.WARNING)
    with np.load(path) as table:
        ops, op_names = table["ops"], table["op_names"].tolist()
        error, elapsed_s = 1.0 - table["val_acc"].astype(np.float64), table["elapsed_s"].astype(np.float64)
    # The tuner's loop advances the clock by this time when it finds its worker busy. With a mean training's time
    # it loops about once a trial; the default of 5 s would make the peer slower on benchmarks with long trainings.
    _sleep_s = float(elapsed_s[..., -1].mean())
    columns = [f"edge{edge}" for edge in range(ops.shape[1])]
    names = np.array(op_names, dtype=object)
    frame = pd.DataFrame({column: names[ops[:, edge]] for edge, column in enumerate(columns)})
    values = np.stack([error, elapsed_s], axis=-1)
    epochs = values.shape[2]
    for results, kept in (("one", slice(epochs - 1, None)), ("all", slice(None))):
        _blackboxes[results] = BlackboxTabular(
            hyperparameters=frame,
            configuration_space={column: choice(op_names) for column in columns},
            fidelity_space={_EPOCH: randint(1, epochs)},
            objectives_evaluations=values[:, :, kept],
            fidelity_values=np.arange(1, epochs + 1)[kept],
            objectives_names=[_METRIC, _ELAPSED],
        )
    from importlib.metadata import version

    return f"Syne Tune {version('syne-tune')}, numpy {np.__version__}, pandas {pd.__version__}"


def run(*, method: str, results: str, trials: int, seed: int) -> dict[str, Any]:
    """One run; `results`: "one" result a trial, or "all" epochs'."""
    blackbox = _blackboxes[results]
    np.random.seed(seed)
    start_s = time.process_time()
    space = blackbox.configuration_space
    if method == "rs":
        scheduler = RandomSearch(space, metrics=[_METRIC], random_seed=seed)
    else:
        scheduler = REA(space, metric=_METRIC, random_seed=seed, population_size=20, sample_size=10)
    tuner = Tuner(
        trial_backend=UserBlackboxBackend(
            blackbox=blackbox, elapsed_time_attr=_ELAPSED, tuner_sleep_time=_sleep_s
        ),
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
