from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nascurve.errors import ConfigError
from nascurve.lce.last_value import LastValue
from nascurve.lce.predictive_curve import predictive_curve

PREFIXES = np.full((2, 5), 0.5)


@pytest.mark.parametrize(
    ("prefixes", "options"),
    [
        (np.full(5, 0.5), {}),
        ([[0.1, 0.2], [0.3]], {}),
        (np.full((2, 5), 50.0), {}),
        (PREFIXES, {"until_epoch": 5}),
        (PREFIXES, {"epochs": [5, 6]}),
        (PREFIXES, {"epochs": [8, 7]}),
        (PREFIXES, {"epochs": [7, 7]}),
    ],
)
def test_bad_input(prefixes: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        predictive_curve(LastValue(), prefixes, **{"until_epoch": 9, **options})


def test_no_epochs_and_no_runs() -> None:
    assert predictive_curve(LastValue(), PREFIXES, 9, epochs=[]).quantiles.shape == (2, 0, 5)
    assert predictive_curve(LastValue(), PREFIXES[:0], 9).quantiles.shape == (0, 4, 5)
