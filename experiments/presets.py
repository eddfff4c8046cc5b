"""Presets of learning-curve extrapolation: an extrapolator with settings, under a name of its own.

A preset is a file conf/lce/NAME.yaml: a config of Hydra's group `lce`, whose defaults list begins with the id
of the extrapolator (which brings all options), and whose other keys are settings of the wrapper and `label`.
Files of the same form in a user's own config directory are presets of `nascurve run --config-dir`.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

from nascurve.errors import DataFileError

_SUFFIX = ".yaml"


def _folder() -> Any:
    return resources.files("nascurve.experiments.conf") / "lce"


@functools.cache
def preset_names() -> tuple[str, ...]:
    """Names of the presets that nascurve brings along, sorted."""
    files = (item.name for item in _folder().iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in files if name.endswith(_SUFFIX)))


def preset_description(name: str) -> str:
    """What its file says in the first comment."""
    return _text(name).splitlines()[0].lstrip("# ")


def read_preset(name: str) -> dict[str, Any]:
    """A preset as an `lce` entry: {id: extrapolator, label: name, option: value, …}.

    Raises DataFileError when the file is damaged.
    """
    import yaml

    try:
        settings = yaml.safe_load(_text(name))
        base, _ = settings.pop("defaults")
        return {"id": str(base), "label": name, **settings}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataFileError(
            f"The preset {name} of nascurve is damaged: {error}. Install nascurve anew."
        ) from error


def _text(name: str) -> str:
    text: str = (_folder() / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    return text
