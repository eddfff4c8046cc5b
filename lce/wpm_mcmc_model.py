"""The weighted combination of curve families as a PyMC model, compiled once, and its samplers."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nascurve.errors import ConfigError
from nascurve.lce.wpm_families import CurveFamily
from nascurve.lce.wpm_mcmc_coordinates import coordinates_of
from nascurve.lce.wpm_mcmc_start import MAX_ACC_AT_LIMIT, Start, recency_weights
from nascurve.simulator.types import FloatArray

SAMPLERS = ("nutpie", "nuts", "numpyro", "demetropolis")
_WALL_STD = 0.002
"""Softness of the walls f(x_lim) >= f(2) and 0 <= f(x_lim) <= 100, in accuracy."""
_START_NOISE_STD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """A sampled posterior. free: (chains, draws, P) free coordinates; weights: (chains, draws, K), sum 1, of
    dropped families 0; noise_std: (chains, draws). n_divergent: divergent transitions after tuning."""

    free: FloatArray
    weights: FloatArray
    noise_std: FloatArray
    n_divergent: int


class CombinationModel:
    """Samples f(x) = Σ p_i f_i(x), y ~ N(f(x), σ²), for one curve after another with one compiled model.

    The curve, its length, the recency weights, x_lim, which families are dropped, and the prior are data of
    the model, so that nothing is compiled anew for another curve. (Only "nutpie" compiles once for all;
    the other samplers are built by PyMC for each curve.)

    Raises ConfigError when the sampler's package is not installed.
    """

    def __init__(
        self,
        families: Sequence[CurveFamily],
        *,
        sampler: str,
        draws: int,
        tune: int,
        chains: int,
        target_accept: float,
        min_noise_std: float,
        recency: bool,
    ) -> None:
        _require(sampler)
        self._families = tuple(families)
        self._sampler = sampler
        self._sizes = {"draws": draws, "tune": tune, "chains": chains}
        self._target_accept = target_accept
        self._min_noise_std = min_noise_std
        self._recency = recency
        self._model: Any = None
        self._compiled: Any = None

    def sample(self, y: FloatArray, x_lim: float, start: Start, seed: int) -> Draws:
        """Sample the posterior for the accuracies y (n,) at epochs 1 … n. `seed`: below 2^32."""
        data = self._data(y, x_lim, start)
        sample = self._sample_nutpie if self._sampler == "nutpie" else self._sample_pymc
        trace = sample(data, seed)
        posterior, stats = trace.posterior, trace.sample_stats
        weights = posterior["weight"].values * start.kept
        return Draws(
            free=start.centre + posterior["z"].values @ start.factor.T,
            weights=weights / weights.sum(axis=-1, keepdims=True),
            noise_std=np.asarray(posterior["noise_std"].values, dtype=np.float64),
            n_divergent=int(stats["diverging"].sum()) if "diverging" in stats else 0,
        )

    def _data(self, y: FloatArray, x_lim: float, start: Start) -> dict[str, Any]:
        return {
            "y": y,
            "x": np.concatenate([np.arange(1.0, len(y) + 1), [2.0, x_lim]]),
            "epoch_weight": recency_weights(len(y)) if self._recency else np.ones(len(y)),
            "x_lim": np.float64(x_lim),
            "kept": start.kept.astype(np.float64),
            "centre": start.centre,
            "factor": start.factor,
        }

    def _sample_nutpie(self, data: dict[str, Any], seed: int) -> Any:
        nutpie = import_quietly("nutpie")
        if self._compiled is None:
            self._compiled = nutpie.compile_pymc_model(self._build(data))
        used = self._compiled.shared_data  # without x_lim, where no family needs it for its coordinates
        return nutpie.sample(
            self._compiled.with_data(**{name: value for name, value in data.items() if name in used}),
            **self._sizes,
            seed=seed,
            cores=1,
            progress_bar=False,
            save_warmup=False,
            target_accept=self._target_accept,
        )

    def _sample_pymc(self, data: dict[str, Any], seed: int) -> Any:
        pm = import_quietly("pymc")
        if self._model is None:
            self._model = self._build(data)
        quiet: dict[str, Any] = {
            "progressbar": False,
            "compute_convergence_checks": False,
            "random_seed": seed,
            "quiet": True,
        }
        with self._model:
            pm.set_data(data)
            if self._sampler == "demetropolis":
                return pm.sample(**self._sizes, **quiet, cores=1, step=pm.DEMetropolisZ())
            backend = "pymc" if self._sampler == "nuts" else "numpyro"
            return pm.sample(
                **self._sizes, **quiet, cores=1, nuts_sampler=backend, target_accept=self._target_accept
            )

    def _build(self, data: dict[str, Any]) -> Any:
        """The model. Prior: z ~ N(0, 1), free coordinates centre + factor·z; weight_i ~ Exponential(1), so
        that weight / Σ weight of any subset is uniform on the simplex; noise ~ U(min_noise_std, 1)."""
        pm, pt = import_quietly("pymc"), import_quietly("pytensor.tensor")

        n_families, n_parameters = len(self._families), sum(len(f.start) for f in self._families)
        with pm.Model() as model:
            given = {name: pm.Data(name, np.asarray(value)) for name, value in data.items()}
            z = pm.Normal("z", 0.0, 1.0, shape=n_parameters)
            weight = pm.Exponential("weight", 1.0, shape=n_families)
            noise_std = pm.Uniform("noise_std", self._min_noise_std, 1.0, initval=_START_NOISE_STD)
            free = given["centre"] + pt.dot(given["factor"], z)
            curves, offset = [], 0
            for family in self._families:
                own = [free[offset + i] for i in range(len(family.start))]
                offset += len(own)
                parameters = coordinates_of(family).to_parameters(pt.log, pt.exp, own, given["x_lim"])
                curves.append(family.curve(pt.log, pt.exp, given["x"], parameters))
            each = pt.stack(curves)  # (K, n + 2): the epochs seen, 2 and x_lim
            kept_weight = given["kept"] * weight
            mean = pt.dot(kept_weight / kept_weight.sum(), each)[:-2]
            score = (given["y"] - mean) / noise_std
            pm.Potential("likelihood", (given["epoch_weight"] * (-0.5 * score**2 - pt.log(noise_std))).sum())
            at_2, at_limit = each[:, -2], each[:, -1]
            beyond = pt.stack([at_2 - at_limit, -at_limit, at_limit - MAX_ACC_AT_LIMIT])
            walls = -0.5 * (pt.maximum(beyond, 0) / _WALL_STD) ** 2
            pm.Potential("walls", (given["kept"] * walls).sum())
        return model


def import_quietly(name: str) -> Any:
    """A module of the PyMC family, without arviz's announcement of its next version and pytensor's advice on
    how to link BLAS, which matters for large matrices alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def _require(sampler: str) -> None:
    """Raise ConfigError when the sampler needs a package that is not there."""
    if sampler in ("nutpie", "numpyro") and importlib.util.find_spec(sampler) is None:
        remedy = "pip install 'nascurve[mcmc]'" if sampler == "nutpie" else "pip install numpyro"
        raise ConfigError(
            f"WPMMCMC.sampler: expected the package {sampler} for sampler={sampler!r}, got an environment "
            f"without it. Install it ({remedy}), or set sampler to 'nuts' or 'demetropolis', which "
            "need PyMC alone."
        )
