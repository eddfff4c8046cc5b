"""What `simulate` is given, looked at before it is used."""

from __future__ import annotations

from nascurve.errors import ConfigError


def check_arguments(optimizer: object, benchmark: object) -> None:
    """Raises ConfigError for what cannot be an optimizer or a benchmark: an id, a class, the two swapped."""
    if not _has(optimizer, ("begin", "ask", "tell")):
        example = repr(optimizer) if isinstance(optimizer, str) else "'re'"
        raise ConfigError(
            f"optimizer: expected an Optimizer, got {optimizer!r:.200}. Give an object, such as "
            f"nascurve.create_optimizer({example}, benchmark.space, seed=0)."
        )
    if not _has(benchmark, ("info", "space", "query")):
        example = repr(benchmark) if isinstance(benchmark, str) else "'pocket201-mnist'"
        raise ConfigError(
            f"benchmark: expected a Benchmark, got {benchmark!r:.200}. Give an object, such as "
            f"nascurve.load_benchmark({example})."
        )


def _has(thing: object, names: tuple[str, ...]) -> bool:
    return not isinstance(thing, type) and all(hasattr(thing, name) for name in names)
