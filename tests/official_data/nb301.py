"""Writers of made-up NAS-Bench-301 files in the official formats.

Nothing here is measured: the numbers come from a generator. The formats are the ones that the reference, the
authors' code and files made with the real XGBoost and LightGBM show.
"""

from __future__ import annotations

import json
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np

from nascurve.benchmarks.nb301.genotype import DartsGenotype, to_compact, to_config
from nascurve.benchmarks.nb301.space import DartsSpace

SETTINGS = {
    "CreateImageDataLoader:batch_size": 96,
    "ImageAugmentation:augment": "True",
    "ImageAugmentation:autoaugment": "False",
    "ImageAugmentation:cutout": "True",
    "NetworkSelectorDatasetInfo:darts:auxiliary": "True",
    "NetworkSelectorDatasetInfo:darts:init_channels": 32,
    "NetworkSelectorDatasetInfo:darts:layers": 8,
    "OptimizerSelector:sgd:learning_rate": 0.025,
    "OptimizerSelector:sgd:weight_decay": 0.0003,
    "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": 100,
    "SimpleTrainNode:mixup:alpha": 0.2,
}


def document(
    arch: DartsGenotype, *, seed: int = 0, epochs: int = 98, curves: bool = True, **settings
) -> dict:
    """One `results_<i>.json`, with the keys of the published example and, with `curves`, of the full logs."""
    rng = np.random.default_rng(seed)
    val = np.round(np.sort(rng.uniform(30, 95, epochs)), 2)
    test = round(float(val[-1] - 0.4), 2)
    made = {
        "final_metric_score": -float(val[-1]),
        "optimized_hyperparamater_config": {**SETTINGS, **to_config(arch), **settings},
        "budget": 100,
        "info": [
            {
                "train_loss": 0.5,
                "train_accuracy": 97.0,
                "val_accuracy": float(val[-1]),
                "val_cross_entropy": 0.25,
                "epochs": epochs,
                "model_parameters": 1_000_000 + seed,
            }
        ],
        "test_accuracy": test,
        "runtime": 4000 + 98 * seed,
    }
    if curves:
        made["learning_curves"] = {
            "Train/val_accuracy": val.tolist(),
            "Train/train_accuracy": (val + 1).tolist(),
            "Train/loss": (3 - val / 50).tolist(),
            "Train/val_cross_entropy": (2.5 - val / 50).tolist(),
            "Train/test_result": [*(val[:-1] - 0.4).tolist(), test],
        }
    return made


def write(
    folder: Path,
    *,
    n: int = 30,
    methods: tuple[str, ...] = ("rs", "re", "de"),
    repeats: int = 0,
    as_zip: bool = False,
    seed: int = 0,
    **what,
) -> list[tuple[str, DartsGenotype, dict]]:
    """`<method>/results_<i>.json` of n architectures, the first `repeats` of them twice; what: of `document`.

    Returns (method, architecture, document) in the order of the files.
    """
    rng = np.random.default_rng(seed)
    archs = [DartsSpace().sample(rng) for _ in range(n)]
    runs = []
    for i, arch in enumerate([*archs, *archs[:repeats]]):
        method = methods[i % len(methods)]
        runs.append((method, i, arch, document(arch, seed=i, **what)))
    runs.sort(key=lambda run: run[:2])
    names = {(method, i): f"{method}/results_{i}.json" for method, i, _, _ in runs}
    if as_zip:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(folder / "nasbench301_full_data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("nb_301/README.txt", "made up")
            for method, i, _, made in runs:
                archive.writestr(f"nb_301/{names[method, i]}", json.dumps(made))
    else:
        for method, i, _, made in runs:
            path = folder / names[method, i]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(made))
    return [(method, arch, made) for method, _, arch, made in runs]


def write_naslib(folder: Path, *, n: int = 20, seed: int = 0) -> dict:
    """`nb301_full_training.pickle`: compact -> val_accuracies, train_losses, runtime."""
    rng = np.random.default_rng(seed)
    data = {}
    for i in range(n):
        val = np.sort(rng.uniform(30, 95, 98))
        data[to_compact(DartsSpace().sample(rng))] = {
            "val_accuracies": val.tolist(),
            "train_losses": (3 - val / 50).tolist(),
            "runtime": 4000.0 + i if i % 2 else [4000.0 + i],
        }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nb301_full_training.pickle").write_bytes(pickle.dumps(data, protocol=4))
    return data


def random_trees(n_trees: int, *, n_features: int = 56, depth: int = 5, seed: int = 0) -> list[list[dict]]:
    """Trees as lists of nodes {feature, threshold, left, right} or {leaf}, float32 numbers."""
    rng = np.random.default_rng(seed)
    trees = []
    for _ in range(n_trees):
        nodes: list[dict] = [{}]
        waiting = [(0, 0)]
        while waiting:
            node, level = waiting.pop(int(rng.integers(len(waiting))))
            if level == depth or (level and rng.random() < 0.2):
                nodes[node] = {"leaf": float(np.float32(rng.normal(0.9, 0.3)))}
                continue
            left, right = len(nodes), len(nodes) + 1
            nodes += [{}, {}]
            nodes[node] = {
                "feature": int(rng.integers(n_features)),
                "threshold": float(np.float32(rng.integers(-1, 6) + 0.5)),
                "left": left,
                "right": right,
            }
            waiting += [(left, level + 1), (right, level + 1)]
        trees.append(nodes)
    return trees


def walk(trees: list[list[dict]], row: np.ndarray, *, base_first: bool) -> np.float32:
    """What XGBoost predicts, in plain Python: float32 comparisons and sums, tree after tree."""
    base = np.float32(0.5)
    total = base if base_first else np.float32(0)
    for nodes in trees:
        node = nodes[0]
        while "leaf" not in node:
            less = np.float32(row[node["feature"]]) < np.float32(node["threshold"])
            node = nodes[node["left" if less else "right"]]
        total = np.float32(total + np.float32(node["leaf"]))
    return total if base_first else np.float32(total + base)


def xgboost_binary(trees: list[list[dict]], *, n_features: int = 56, new: bool = True) -> bytes:
    """The binary model of XGBoost 0.90 (new=False) or, with "CONFIG-offset:", of 1.0 to 1.2."""
    out = bytearray(b"binf" if new else b"")
    version = (1, 2) if new else (0, 0)
    out += struct.pack("<fIiii29i", 0.5, n_features, 0, 0, 1, *version, *[0] * 27)
    for text in (b"reg:squarederror", b"gbtree"):
        out += struct.pack("<Q", len(text)) + text
    out += struct.pack("<4iq34i", len(trees), 1, n_features, 0, 0, 0 if new else 1, 0, *[0] * 32)
    for nodes in trees:
        out += struct.pack("<37i", 1, len(nodes), 0, 0, n_features, 0, *[0] * 31)
        for node in nodes:
            if "leaf" in node:
                out += struct.pack("<iiiIf", 0, -1, -1, 0, node["leaf"])
            else:
                index = node["feature"] | 1 << 31
                out += struct.pack("<iiiIf", 0, node["left"], node["right"], index, node["threshold"])
        out += bytes(16 * len(nodes))
    out += struct.pack(f"<{len(trees)}i", *[0] * len(trees))
    if not new:
        return bytes(out)
    config = json.dumps({"learner": {}, "version": [1, 2, 0]}).encode()
    return b"CONFIG-offset:" + struct.pack("<q", len(out)) + bytes(out) + config


def xgboost_json(trees: list[list[dict]], *, n_features: int = 56) -> bytes:
    """The snapshot that a pickled booster of XGBoost 1.3 to 1.7 holds."""
    made = []
    for number, nodes in enumerate(trees):
        made.append(
            {
                "base_weights": [0.0] * len(nodes),
                "categories": [],
                "default_left": [True] * len(nodes),
                "id": number,
                "left_children": [node.get("left", -1) for node in nodes],
                "right_children": [node.get("right", -1) for node in nodes],
                "split_conditions": [node.get("leaf", node.get("threshold")) for node in nodes],
                "split_indices": [node.get("feature", 0) for node in nodes],
                "tree_param": {"num_feature": str(n_features), "num_nodes": str(len(nodes))},
            }
        )
    model = {
        "gbtree_model_param": {"num_trees": str(len(trees))},
        "tree_info": [0] * len(trees),
        "trees": made,
    }
    learner = {
        "attributes": {},
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {"base_score": "5E-1", "num_class": "0", "num_feature": str(n_features)},
        "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}},
    }
    snapshot = {"Config": {"learner": {}}, "Model": {"learner": learner, "version": [1, 3, 3]}}
    return json.dumps(snapshot, separators=(",", ":")).encode()


def pickled_booster(model: bytes | str, *, library: str, protocol: int = 3, **state) -> bytes:
    """A pickle of `xgboost.core.Booster` or `lightgbm.basic.Booster` as their `__getstate__` make it."""
    module = {"xgboost": "xgboost.core", "lightgbm": "lightgbm.basic"}[library]
    stub = types.ModuleType(module)
    stub.Booster = type("Booster", (), {"__module__": module})
    stubs = {library: types.ModuleType(library), module: stub}
    known = {name: sys.modules.get(name) for name in stubs}
    sys.modules.update(stubs)
    try:
        booster = stub.Booster()
        scores = defaultdict(OrderedDict)
        scores["valid_0"]["rmse"] = np.float64(0.1)
        facts = (
            {"best_score": scores} if library == "lightgbm" else {"feature_names": ["f0"], "best_score": 0.3}
        )
        handle = bytearray(model) if isinstance(model, bytes) else model
        booster.__dict__.update({"handle": handle, **facts, **state})
        return pickle.dumps(booster, protocol=protocol)
    finally:
        for name, before in known.items():
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before


def lightgbm_model(*, seed: int = 0, n_rounds: int = 20, n_features: int = 56):
    """A booster of the real LightGBM, trained on made-up seconds."""
    import lightgbm

    rng = np.random.default_rng(seed)
    x = rng.integers(-1, 7, (400, n_features)).astype(float)
    y = 4000 + 100 * np.sin(x).sum(axis=1) + rng.normal(0, 20, 400)
    settings = {"objective": "regression", "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": seed}
    return lightgbm.train(settings, lightgbm.Dataset(x, label=y), num_boost_round=n_rounds)


def gin_state(*, width: int = 8, n_layers: int = 3, seed: int = 0) -> dict:
    """A state dictionary of tensors with the released network's names and shapes."""
    import torch

    from nascurve.benchmarks.nb301.gin import _shapes

    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in _shapes(n_layers, width).items():
        tensor = torch.randn(shape, generator=generator) * 0.3
        state[name] = tensor.abs() + 0.5 if name.endswith("running_var") else tensor
        if name.endswith("running_var"):
            state[name.replace("running_var", "num_batches_tracked")] = torch.tensor(7)
    return state


GIN_CONFIG = {
    "model": "gnn_gin",
    "gnn_hidden_dimensions": 8,
    "graph_pooling": "mean",
    "num_gnn_layers": 3,
    "virtual_node": True,
    "graph_preprocessing:undirected_graph": False,
    "graph_preprocessing:self_loops": False,
    "graph_preprocessing:add_node_degree_one_hot": True,
}


def write_surrogates(folder: Path, *, n_members: int = 3, version: str = "1.0") -> list[list[list[dict]]]:
    """`xgb_v1.0`, `gnn_gin_v1.0` and `lgb_runtime_v1.0` with member folders; returns the XGBoost trees."""
    import torch

    ensemble = []
    for i in range(n_members):
        trees = random_trees(100, seed=i)
        ensemble.append(trees)
        model = (xgboost_binary(trees), xgboost_json(trees), xgboost_binary(trees, new=False))[i % 3]
        _member(folder / f"xgb_v{version}", i, pickled_booster(model, library="xgboost"), {"model": "xgb"})
        _member(
            folder / f"lgb_runtime_v{version}", i, pickle.dumps(lightgbm_model(seed=i)), {"model": "lgb_time"}
        )
        path = _member(folder / f"gnn_gin_v{version}", i, b"", GIN_CONFIG)
        torch.save(gin_state(seed=i), path)
    return ensemble


def _member(folder: Path, i: int, data: bytes, config: dict) -> Path:
    member = folder / f"ensemble_member_{i}"
    member.mkdir(parents=True, exist_ok=True)
    (member / "surrogate_model.model").write_bytes(data)
    (member / "model_config.json").write_text(json.dumps(config))
    (member / "data_config.json").write_text(json.dumps({"seed": 6 + i}))
    return member / "surrogate_model.model"
