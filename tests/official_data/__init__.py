"""Official data for the tests: real samples where they are at hand, and writers of made-up files."""

from __future__ import annotations

from pathlib import Path

import pytest

_SAMPLES = Path(__file__).parents[2] / ".." / "shared" / "data"


def real_sample(name: str) -> Path:
    """The path of a real sample, such as "nats-bench-tss-sample"; skips the test where it is absent."""
    path = (_SAMPLES / name).resolve()
    if not path.exists():
        pytest.skip(f"the real sample {name!r} is not at hand (expected in ../shared/data)")
    return path
