"""The size space of NATS-Bench: five widths of one network, 32,768 architectures.

Dong, Liu, Musial & Gabrys 2021, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size".
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.choices import checked_choices
from nascurve.benchmarks.encodings import chosen_encoder
from nascurve.errors import ArchitectureError
from nascurve.simulator.types import Architecture, FloatArray

CHANNELS = (8, 16, 24, 32, 40, 48, 56, 64)
"""Widths that each place can have."""
N_PLACES = 5
SIZE = len(CHANNELS) ** N_PLACES

_TEXT = re.compile(":".join([r"([1-9][0-9]*)"] * N_PLACES), re.ASCII)
_PLACE_VALUES = tuple(len(CHANNELS) ** (N_PLACES - 1 - place) for place in range(N_PLACES))


@dataclass(frozen=True, slots=True, repr=False)
class Sizes:
    """Numbers of output channels of the five groups of layers, each one of `CHANNELS`.

    The cell itself is the same in all. Raises ArchitectureError for other numbers.
    """

    channels: tuple[int, int, int, int, int]

    def __post_init__(self) -> None:
        channels = self.channels
        if (
            type(channels) is not tuple
            or len(channels) != N_PLACES
            or any(type(width) is not int or width not in CHANNELS for width in channels)
        ):
            raise ArchitectureError(
                f"Sizes: expected a tuple of {N_PLACES} widths out of {', '.join(map(str, CHANNELS))}; got "
                f"{channels!r:.100}."
            )

    @property
    def index(self) -> int:
        """Position in product order, the last width running fastest: the index of the official files."""
        return sum(
            CHANNELS.index(width) * value for width, value in zip(self.channels, _PLACE_VALUES, strict=True)
        )

    def __str__(self) -> str:
        return ":".join(map(str, self.channels))

    def __repr__(self) -> str:
        return f"<Sizes {self}>"


class SizeSpace:
    """The space of all `Sizes`. Stateless: two instances are interchangeable.

    Strings are the official ones, `c1:c2:c3:c4:c5`. Different widths are different networks, so `key` is the
    string.
    """

    name = "nats-sss"
    size = SIZE
    encodings = ("ordinal", "onehot")

    def __repr__(self) -> str:
        return "SizeSpace()"

    def sample(self, rng: np.random.Generator) -> Sizes:
        """Five independent uniform widths, as one uniform index."""
        return _all()[int(rng.random() * SIZE)]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Sizes:
        """Another width in one place, uniform over the 35 neighbours."""
        near = self.neighbors(arch)
        return near[int(rng.random() * len(near))]

    def neighbors(self, arch: Architecture) -> tuple[Sizes, ...]:
        """The 35 architectures with another width in one place, by place, then by width."""
        index = _sizes(arch).index
        everything = _all()
        found = []
        for value in _PLACE_VALUES:
            digit = index // value % len(CHANNELS)
            found += [
                everything[index + (other - digit) * value]
                for other in range(len(CHANNELS))
                if other != digit
            ]
        return tuple(found)

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Sizes:
        """Each width from either parent with equal chance."""
        parents = (_sizes(a).index, _sizes(b).index)
        choices = int(rng.random() * 2**N_PLACES)
        index = 0
        for place, value in enumerate(_PLACE_VALUES):
            index += parents[choices >> place & 1] // value % len(CHANNELS) * value
        return _all()[index]

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """The width of each place, "channels_0" to "channels_4", as independent choices (`tpe`)."""
        return {f"channels_{place}": CHANNELS for place in range(N_PLACES)}

    def from_parameters(self, values: Mapping[str, Any]) -> Sizes:
        """The architecture of one choice for each of `parameters()`. Raises ArchitectureError for others."""
        a, b, c, d, e = checked_choices(self.name, self.parameters(), values)
        return Sizes((a, b, c, d, e))

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        """Features of shape (n, d).

        ordinal (default): d = 5, each width's position in `CHANNELS`, 0 to 7 (that is channels / 8 - 1).
        onehot: d = 40, one-hot of each place's width.

        Raises ConfigError for another kind.
        """
        encoder = chosen_encoder(self, _ENCODERS, kind)
        indices = np.fromiter((_sizes(arch).index for arch in archs), dtype=np.intp, count=len(archs))
        return encoder()[indices].astype(np.float64)

    def parse(self, text: str) -> Sizes:
        """The architecture of an official string. Raises ArchitectureError on any other text."""
        match = _TEXT.fullmatch(text) if isinstance(text, str) and len(text) < 100 else None
        if match is None:
            raise ArchitectureError(
                f"A {self.name} architecture string has the form 'c1:c2:c3:c4:c5', with c one of "
                f"{', '.join(map(str, CHANNELS))}; got {text!r:.100}."
            )
        a, b, c, d, e = map(int, match.groups())
        return Sizes((a, b, c, d, e))

    def contains(self, arch: object) -> bool:
        return isinstance(arch, Sizes)

    def key(self, arch: Architecture) -> str:
        """The canonical string."""
        return str(_sizes(arch))

    def all(self) -> tuple[Sizes, ...]:
        """All 32,768, by index."""
        return _all()


def _sizes(arch: object) -> Sizes:
    if isinstance(arch, Sizes):
        return arch
    raise ArchitectureError(
        f"An architecture of the space nats-sss was expected, got {arch!r:.100} ({type(arch).__name__}). "
        "Strings are turned into architectures by SizeSpace().parse."
    )


@functools.cache
def _all() -> tuple[Sizes, ...]:
    return tuple(
        Sizes(widths) for widths in itertools.product(CHANNELS, CHANNELS, CHANNELS, CHANNELS, CHANNELS)
    )


@functools.cache
def _ordinal() -> NDArray[np.uint8]:
    table = np.indices((len(CHANNELS),) * N_PLACES, dtype=np.uint8).reshape(N_PLACES, SIZE).T.copy()
    table.setflags(write=False)
    return table


@functools.cache
def _onehot() -> NDArray[np.uint8]:
    table = np.eye(len(CHANNELS), dtype=np.uint8)[_ordinal()].reshape(SIZE, N_PLACES * len(CHANNELS))
    table.setflags(write=False)
    return table


_ENCODERS: dict[str, Callable[[], NDArray[np.uint8]]] = {"ordinal": _ordinal, "onehot": _onehot}
