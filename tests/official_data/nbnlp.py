"""Made-up files of NAS-Bench-NLP in the authors' format, written independently of the reader."""

from __future__ import annotations

import json
import pickle
import random
import zipfile
from pathlib import Path

RNN = {
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "h_new_0": {"op": "activation_tanh", "input": ["f"]},
}
GRU = {
    "r": {"op": "linear", "input": ["x", "h_prev_0"]},
    "r_act": {"op": "activation_sigm", "input": ["r"]},
    "z": {"op": "linear", "input": ["x", "h_prev_0"]},
    "z_act": {"op": "activation_sigm", "input": ["z"]},
    "rh": {"op": "elementwise_prod", "input": ["r_act", "h_prev_0"]},
    "h_tilde": {"op": "linear", "input": ["x", "rh"]},
    "h_tilde_act": {"op": "activation_tanh", "input": ["h_tilde"]},
    "h_new_0": {"op": "blend", "input": ["z_act", "h_prev_0", "h_tilde_act"]},
}
LSTM = {
    "i": {"op": "linear", "input": ["x", "h_prev_0"]},
    "i_act": {"op": "activation_tanh", "input": ["i"]},
    "j": {"op": "linear", "input": ["x", "h_prev_0"]},
    "j_act": {"op": "activation_sigm", "input": ["j"]},
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "f_act": {"op": "activation_sigm", "input": ["f"]},
    "o": {"op": "linear", "input": ["x", "h_prev_0"]},
    "o_act": {"op": "activation_tanh", "input": ["o"]},
    "h_new_1_part1": {"op": "elementwise_prod", "input": ["f_act", "h_prev_1"]},
    "h_new_1_part2": {"op": "elementwise_prod", "input": ["i_act", "j_act"]},
    "h_new_1": {"op": "elementwise_sum", "input": ["h_new_1_part1", "h_new_1_part2"]},
    "h_new_1_act": {"op": "activation_tanh", "input": ["h_new_1"]},
    "h_new_0": {"op": "elementwise_prod", "input": ["h_new_1_act", "o_act"]},
}
"""The authors' three hand-made cells, as in their generator."""
CELLS = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


def log(recipe, *, run=0, epochs=50, recorded=None, status="OK", data="data/ptb", seed=0, **other):
    """One log as the authors' script dumps it: 33 keys in their order; losses fall."""
    rng = random.Random(f"{json.dumps(recipe)} {run} {seed}")
    recorded = epochs if recorded is None else recorded
    floor = rng.uniform(4.5, 5.5)
    losses = {
        name: [floor + shift + 3 / (epoch + 1) + rng.uniform(0, 0.05) for epoch in range(recorded)]
        for name, shift in (("train", -0.4), ("val", 0.0), ("test", 0.1))
    }
    if status == "loss is nan!":
        for values in losses.values():
            values[-1] = float("nan")
    return {
        "data": data,
        "recepie_id": 1_000_000 + run,
        "recepies_list_path": "data/models_recepies.json",
        "cuda": True,
        "batch_size": 20,
        "model": "CustomRNN",
        "emsize": 400,
        "nhid": 600,
        "nlayers": 3,
        "dropout": 0.1,
        "dropouth": 0.25,
        "dropouti": 0.4,
        "dropoute": 0.0,
        "wdrop": 0.1,
        "tied": True,
        "bptt": 70,
        "lr": 0.001,
        "wdecay": 1.2e-06,
        "epochs": epochs,
        "alpha": 2,
        "beta": 1,
        "log_interval": 200,
        "clip": 0.25,
        "eval_batch_size": 50,
        "recepie": json.dumps(recipe),
        "experiment_id": 999_999_999 - run,
        "init_time": f"2020-04-{28 - run % 20:02d}_17-16-54",
        "num_params": 15_066_078,
        "wall_times": [rng.uniform(100, 200) for _ in range(recorded)],
        "train_losses": losses["train"],
        "val_losses": losses["val"],
        "test_losses": losses["test"],
        "status": status,
    } | other


def name_of(document):
    return (
        f"log_stats_model_{document['recepie_id']}_{document['init_time']}_{document['experiment_id']}.json"
    )


def write(folder: Path, logs=None, *, archive: bool = True) -> Path:
    """`logs.zip` or a folder of logs; of the three hand-made cells, two runs each, when `logs` is None."""
    if logs is None:
        logs = [
            log(recipe, run=2 * number + again)
            for number, recipe in enumerate(CELLS.values())
            for again in (0, 1)
        ]
    folder.mkdir(parents=True, exist_ok=True)
    texts = {name_of(document): json.dumps(document) for document in logs}
    if not archive:
        for name, text in texts.items():
            (folder / name).write_text(text)
        return folder
    path = folder / "logs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in texts.items():
            zipped.writestr(name, text)
    return path


def write_naslib(path: Path, table) -> Path:
    """`nb_nlp.pickle`: compact form -> dict of four lists."""
    path.write_bytes(pickle.dumps(table, protocol=4))
    return path
