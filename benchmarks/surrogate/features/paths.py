"""What the paths of a cell say about it."""

from __future__ import annotations

from collections.abc import Sequence

_NONE_FEW, _NONE_MANY = 9.0, -1.0
"""For "fewest" and "most" over no path at all."""


def path_names(ops: Sequence[str]) -> tuple[str, ...]:
    """Names of the numbers of `path_statistics`."""
    names = ["paths", "longest", "shortest", "mean length"]
    for op in ops:
        names += [f"{word} {op}" for word in ("most", "fewest", "mean")]
    for op in ops:
        for other in ops:
            names += [f"{word} {other} on a path with {op}" for word in ("fewest", "most")]
            names.append(f"fewest {other} before {op}")
            if other != op:
                names += [f"most {op} without {other}", f"paths with {op} without {other}"]
    return tuple(names)


def path_statistics(paths: Sequence[Sequence[int]], n_ops: int) -> list[float]:
    """Of the paths from input to output, as sequences of operations 0 .. n_ops - 1 (see `path_names`).

    Their number and lengths; most, fewest, mean of each operation on one; for each pair of operations the
    fewest and the most of the one on a path with the other, the fewest before the first of the other, and
    what the paths without it have.
    """
    lengths = [len(path) for path in paths] or [0]
    found = [float(len(paths)), float(max(lengths)), float(min(lengths)), sum(lengths) / len(lengths)]
    counts = [[path.count(op) for path in paths] for op in range(n_ops)]
    for own in counts:
        found += [max(own, default=0), min(own, default=0), sum(own) / max(len(own), 1)]
    for op in range(n_ops):
        with_op = [number for number, count in enumerate(counts[op]) if count]
        before = [paths[number][: paths[number].index(op)] for number in with_op]
        for other in range(n_ops):
            theirs = [counts[other][number] for number in with_op]
            found += [min(theirs, default=_NONE_FEW), max(theirs, default=_NONE_MANY)]
            found.append(min((part.count(other) for part in before), default=_NONE_FEW))
            if other != op:
                alone = [count for count, there in zip(counts[op], counts[other], strict=True) if not there]
                found += [max(alone, default=_NONE_MANY), sum(count > 0 for count in alone)]
    return found
