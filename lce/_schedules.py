"""From the settings of `LCE` to the schedule that they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.lce.adaptive import Adaptive
from nascurve.lce.predictive_stops import PredictiveStops
from nascurve.lce.promotion import HistoryThreshold, PromotionRule, TopN
from nascurve.lce.ranking import Ranking
from nascurve.lce.rounds import Rounds
from nascurve.lce.schedule import Schedule

_ONLY_BEST = 1e-9
"""A `top_fraction` of which only the best run is left."""


def build_schedule(
    promotion: Any,
    ranking: Ranking,
    looks: Sequence[int | float] | None,
    *,
    rounds: dict[str, Any],
    top_n: dict[str, Any],
    history: dict[str, Any],
) -> Schedule:
    """The schedule that the settings mean, each of which is checked only where it is used."""
    rule: PromotionRule
    if promotion == "adaptive":
        return Adaptive(k=top_n["k"], looks=looks)
    if promotion == "termination":
        return PredictiveStops(looks=looks, n_initial=history["n_initial"])
    if isinstance(promotion, Schedule) and not isinstance(promotion, type):
        return promotion
    if promotion == "top_n":
        rule = TopN(**top_n)
    elif promotion == "history":
        if ranking.kind == "p_best":  # P(beats the best) > 1 - level: the quantile at level beats the best
            ranking, history = Ranking("upper", level=ranking.level), history | {"top_fraction": _ONLY_BEST}
        rule = HistoryThreshold(**history)
    elif isinstance(promotion, PromotionRule):
        name = type(promotion).__name__
        options.integer(f"{name}.round_size", promotion.round_size, at_least=1)
        options.integer(f"{name}.n_initial", promotion.n_initial, at_least=0)
        rule = promotion
    else:
        raise ConfigError(
            "LCE: expected promotion to be 'top_n', 'history', 'termination', 'adaptive', a PromotionRule or "
            f"a Schedule, got {promotion!r}."
        )
    return Rounds(rule, ranking=ranking, **rounds)
