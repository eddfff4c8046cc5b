"""The noise models by id."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from nascurve.benchmarks.surrogate.noise.noise_model import NoiseModel
from nascurve.errors import ConfigError, DataFileError, UnknownIdError, did_you_mean

NOISE_MODELS = {
    "spikes": "spikes:SpikeNoise",
    "window_iid": "window_iid:WindowNoise",
    "kde": "kde:KernelNoise",
    "gmm": "gmm:MixtureNoise",
    "none": "none:NoNoise",
}
"""id -> module and class. The first is the default."""


def create_noise_model(name: str = "spikes", **settings: Any) -> NoiseModel:
    """A noise model, not fitted yet. Raises UnknownIdError for an unknown id, ConfigError for settings that
    it does not take or whose values are out of range."""
    cls = _class(name)
    try:
        return cls(**settings)
    except TypeError as error:
        raise ConfigError(f"noise model {name!r}: {error}.") from error


def noise_from_arrays(meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> NoiseModel:
    """The fitted model that `NoiseModel.to_arrays` described. Runs no code from them. Raises DataFileError
    for anything else."""
    try:
        return _class(meta["id"]).from_arrays(meta, arrays)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        ConfigError,
        UnknownIdError,
    ) as error:
        raise DataFileError(
            f"A saved noise model is damaged or was altered ({type(error).__name__}: {error}). Expected what "
            "NoiseModel.to_arrays gave; fit the surrogate again, or get the files again."
        ) from error


def _class(name: str) -> type[NoiseModel]:
    if not isinstance(name, str) or name not in NOISE_MODELS:
        raise UnknownIdError(f"No noise model {name!r:.80}. {did_you_mean(str(name)[:80], NOISE_MODELS)}")
    module, cls = NOISE_MODELS[name].split(":")
    found: type[NoiseModel] = getattr(
        importlib.import_module(f"nascurve.benchmarks.surrogate.noise.{module}"), cls
    )
    return found
