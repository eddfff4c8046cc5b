"""NAS-Bench-111, -211, -311 and -NLP11: curves predicted by the released v0.5 checkpoints.

Yan, White, Savani, Hutter 2021, "NAS-Bench-x11 and the Power of Learning Curves" (NeurIPS); official code
automl/nas-bench-x11 (`models/svd_lgb.py`, `ensemble.py`, `api.py`, `naslib/search_spaces/*/graph.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nascurve.benchmarks.cell201 import OPS, Cell201Space
from nascurve.benchmarks.x11.base import Setting, X11Benchmark, folder
from nascurve.benchmarks.x11.cards import RUNTIME_CARD, x11_card
from nascurve.benchmarks.x11.inputs import MainAccuracies, first_losses
from nascurve.simulator.types import Architecture, FloatArray

_UNIT_COST = "made up: 1 for each epoch, as the checkpoint predicts no times"
_NASZILLA_OPS = ("avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3", "none", "skip_connect")
_NLP_TOTAL_S = 9747.0
_NLP_LN_WORDS = math.log(10_000)


class NB111(X11Benchmark):
    """Curves of 108 epochs over NAS-Bench-101, predicted from the cell and its four accuracies in that table.

    nb101_dir: folder or path of `nasbench_full.tfrecord` (see `NB101`), as the surrogate's input includes
        the mean final validation accuracies at 4, 12, 36 and 108 epochs. The space is that of the table.
    Others: see `X11Benchmark`.

    The prediction uses the cell as it stands, vertices off every path included, as the official code does,
    so that two forms of the same network have different curves. Accuracies are fractions. Seconds of each
    epoch: mean time of the table's 108-epoch trainings / 108 (official code: e / 107 of it for e epochs).

    Raises CapabilityError without nb101_dir, or where that table lacks a budget.
    """

    card = x11_card("nb111", "nb111-v0.5", "nb101", 108, "Predicted learning curves over NAS-Bench-101.")
    setting = Setting(
        n_features=30,
        folders=("nb111-v0.5", "surrogate-nb101-v0.5"),
        unit="validation accuracy as a fraction",
    )

    def __init__(
        self,
        *,
        data_dir: Any = None,
        cache_dir: Any = None,
        nb101_dir: Any = None,
        noise: bool | None = None,
        faithful: bool = False,
        n_seeds: int | None = None,
    ) -> None:
        checkpoint = self._open(data_dir, cache_dir)
        self._table = MainAccuracies(folder("nb101_dir", nb101_dir), folder("cache_dir", cache_dir))
        super().__init__(
            checkpoint=checkpoint,
            space=self._table.space,
            noise=noise,
            faithful=faithful,
            n_seeds=n_seeds,
            details={"epoch_s": "mean seconds of NAS-Bench-101's trainings of 108 epochs / 108"},
        )

    def _features(self, archs: Sequence[Architecture]) -> FloatArray:
        return np.hstack([self.space.encode(archs, "ordinal"), self._table.accuracies(archs)])

    def _epoch_s(self, archs: Sequence[Architecture]) -> FloatArray:
        return self._table.epoch_s(archs)

    def _metrics(self, raw: FloatArray) -> dict[str, FloatArray]:
        return {"val_acc": np.clip(raw, 0.0, 1.0)}


class NB211(X11Benchmark):
    """Curves of 200 epochs over NAS-Bench-201, CIFAR-10 validation (`cifar10-valid`), predicted from the six
    operations.

    nb201_dir: folder of NATS-Bench or NAS-Bench-201 (see `NB201Cifar10`), for the seconds of each epoch.
        Without it each epoch costs 1: the checkpoint predicts no times.
    Others: see `X11Benchmark`.
    """

    card = x11_card(
        "nb211", "nb211-v0.5", "cell201", 200, "Predicted learning curves over NAS-Bench-201, CIFAR-10."
    )
    setting = Setting(
        n_features=6, folders=("nb211-v0.5", "surrogate-nb201-v0.5"), unit="validation accuracy in percent"
    )

    def __init__(
        self,
        *,
        data_dir: Any = None,
        cache_dir: Any = None,
        nb201_dir: Any = None,
        noise: bool | None = None,
        faithful: bool = False,
        n_seeds: int | None = None,
    ) -> None:
        checkpoint = self._open(data_dir, cache_dir)
        self._table = None
        if nb201_dir is not None:
            from nascurve.benchmarks.nb201.benchmark import NB201Cifar10

            self._table = NB201Cifar10(data_dir=nb201_dir, cache_dir=cache_dir)
        self._best: tuple[Architecture, float] | None = None
        super().__init__(
            checkpoint=checkpoint,
            space=Cell201Space() if self._table is None else self._table.space,
            noise=noise,
            faithful=faithful,
            n_seeds=n_seeds,
            details={"epoch_s": _UNIT_COST if self._table is None else "of NAS-Bench-201, cifar10-valid"},
        )

    def best(self) -> tuple[Architecture, float]:
        """The best mean prediction among all architectures, computed at the first call (about a minute of one
        core for a released checkpoint)."""
        if self._best is None:
            archs = self.space.all()  # type: ignore[attr-defined]
            final = self._metrics(self._mean(archs)[:, -1:])["val_acc"][:, 0]
            place = int(np.argmax(final))
            self._best = archs[place], float(final[place])
        return self._best

    def _features(self, archs: Sequence[Architecture]) -> FloatArray:
        return _NASZILLA[self.space.encode(archs, "ordinal").astype(np.intp)]

    def _epoch_s(self, archs: Sequence[Architecture]) -> FloatArray:
        if self._table is None:
            return np.ones(len(archs))
        curves = self._table.query_many(archs, [0] * len(archs))
        return np.array([curve.epoch_s.mean() for curve in curves])

    def _metrics(self, raw: FloatArray) -> dict[str, FloatArray]:
        return _percent(raw)


class NB311(X11Benchmark):
    """Curves of 98 epochs over the DARTS space (NAS-Bench-301's setting), CIFAR-10 validation.

    runtime_dir: folder of NAS-Bench-301's runtime model (`lgb_runtime_v1.0` of
        `nasbench301_models_v1_0.zip`); an epoch costs its prediction / 98 (official code: e / 97 of it for e
        epochs). Without it each epoch costs 1.
    Others: see `X11Benchmark`.
    """

    card = x11_card("nb311", "nb311-v0.5", "darts", 98, "Predicted learning curves over the DARTS space.")
    setting = Setting(
        n_features=56, folders=("nb311-v0.5", "surrogate-darts-v0.5"), unit="validation accuracy in percent"
    )

    def __init__(
        self,
        *,
        data_dir: Any = None,
        cache_dir: Any = None,
        runtime_dir: Any = None,
        noise: bool | None = None,
        faithful: bool = False,
        n_seeds: int | None = None,
    ) -> None:
        from nascurve.benchmarks.nb301.space import DartsSpace
        from nascurve.benchmarks.nb301.surrogate import Surrogate

        checkpoint = self._open(data_dir, cache_dir)
        where = folder("runtime_dir", runtime_dir)
        self._runtime = None
        if where is not None:
            self._runtime = Surrogate.open(
                "lgb_runtime", card=RUNTIME_CARD, data_dir=where, cache_dir=folder("cache_dir", cache_dir)
            )
        super().__init__(
            checkpoint=checkpoint,
            space=DartsSpace(),
            noise=noise,
            faithful=faithful,
            n_seeds=n_seeds,
            details={"epoch_s": _UNIT_COST if where is None else "NAS-Bench-301's runtime model / 98"},
        )

    def _features(self, archs: Sequence[Architecture]) -> FloatArray:
        from nascurve.benchmarks.nb301.config_vector import config_vectors

        return config_vectors(archs)  # type: ignore[arg-type]  # the space holds nothing else

    def _epoch_s(self, archs: Sequence[Architecture]) -> FloatArray:
        if self._runtime is None:
            return np.ones(len(archs))
        total_s, _ = self._runtime.predict(archs)  # type: ignore[arg-type]  # the space holds nothing else
        return np.maximum(total_s, 0.0) / self.card.max_epochs

    def _metrics(self, raw: FloatArray) -> dict[str, FloatArray]:
        return _percent(raw)


class NBNLP11(X11Benchmark):
    """Curves of 50 epochs over recurrent cells (NAS-Bench-NLP, Penn Treebank), predicted from the cell and
    the validation losses of its first three epochs, which must come from real trainings.

    nlp_logs: folder or path of the official logs (see `NBNLP`): the first training of each cell gives its
    losses.
    first_epochs: instead, a mapping from cell (or its string) to its three losses.
        The benchmark holds the cells that either names, of at most 13 nodes with the sources (the input's
        size).
    Others: see `X11Benchmark`.

    The input depends on the order of a cell's nodes, which is the recipe's own in the official code and the
    canonical one here, so that isomorphic recipes have one curve; it may differ from the official one.
    `predict` takes rows in any order (`compact_row(compact_of_recipe(text))` and the three values).
    The surrogate predicts 100 - loss; `val_loss` is the loss, and val_acc = 1 - loss / ln(10,000), clipped to
    [0, 1], as in `NBNLP`. An epoch costs 9747 s / 50, the mean that the official code uses. Its fault not to
    keep: where the three epochs of a cell failed to train, it silently assumes losses of 6.5.

    Raises CapabilityError unless exactly one of nlp_logs and first_epochs is given.
    """

    card = x11_card(
        "nbnlp11", "nbnlp-v0.5", "nlp", 50, "Predicted learning curves over NAS-Bench-NLP's recurrent cells."
    )
    setting = Setting(
        n_features=188,
        folders=("nbnlp-v0.5", "surrogate-nlp-v0.5"),
        unit="100 - validation loss (nats a word)",
    )

    def __init__(
        self,
        *,
        data_dir: Any = None,
        cache_dir: Any = None,
        nlp_logs: Any = None,
        first_epochs: Mapping[Any, Sequence[float]] | None = None,
        noise: bool | None = None,
        faithful: bool = False,
        n_seeds: int | None = None,
    ) -> None:
        checkpoint = self._open(data_dir, cache_dir)
        space, self._losses = first_losses(
            folder("nlp_logs", nlp_logs), first_epochs, folder("cache_dir", cache_dir)
        )
        super().__init__(
            checkpoint=checkpoint,
            space=space,
            noise=noise,
            faithful=faithful,
            n_seeds=n_seeds,
            details={
                "epoch_s": "9747 s / 50, the mean training; of the cell itself nothing is known",
                "val_acc": "1 - val_loss / ln(10000), clipped to [0, 1]",
            },
            metrics=("val_acc", "val_loss"),
        )

    def _features(self, archs: Sequence[Architecture]) -> FloatArray:
        losses = np.array([self._losses[arch] for arch in archs], dtype=np.float64).reshape(len(archs), 3)
        return np.hstack([self.space.encode(archs, "compact"), 100.0 - losses])

    def _epoch_s(self, archs: Sequence[Architecture]) -> FloatArray:
        return np.full(len(archs), _NLP_TOTAL_S / self.card.max_epochs)

    def _metrics(self, raw: FloatArray) -> dict[str, FloatArray]:
        loss = 100.0 - raw
        return {"val_acc": np.clip(1.0 - loss / _NLP_LN_WORDS, 0.0, 1.0), "val_loss": loss}


def _percent(raw: FloatArray) -> dict[str, FloatArray]:
    return {"val_acc": np.clip(raw / 100.0, 0.0, 1.0)}


_NASZILLA = np.array([float(_NASZILLA_OPS.index(op)) for op in OPS])
"""The surrogate's code of each operation of `cell201.OPS`."""
