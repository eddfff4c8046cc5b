"""A Ray cluster that runs already: `hydra.launcher.ray.init.address=HOST:PORT`."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from nascurve.errors import ConfigError

_KEY = "hydra.launcher.ray.init.address="
_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class RayCluster:
    """address: as Ray takes it: HOST:PORT, ray://HOST:PORT, or auto."""

    address: str

    @classmethod
    def among(cls, overrides: Sequence[str]) -> RayCluster | None:
        """The one that overrides of Hydra's name; None where Ray is to start one of its own."""
        given = [text.partition("=")[2] for text in overrides if text.lstrip("+").startswith(_KEY)]
        address = given[-1].strip("'\"") if given else ""
        return cls(address) if address not in ("", "null", "local") else None

    @property
    def overrides(self) -> list[str]:
        """What else it takes to join it: hydra-ray-launcher says how much memory Ray may take, which Ray
        refuses where the cluster is not its own."""
        return ["++hydra.launcher.ray.init.object_store_memory=null"]

    def check(self) -> None:
        """Raises ConfigError when nobody answers there: Ray itself tries for a quarter of an hour."""
        try:
            place = urlsplit(self.address if "://" in self.address else f"//{self.address}")
            if place.hostname is None or place.port is None:
                return  # "auto": Ray looks for it
            with socket.create_connection((place.hostname, place.port), timeout=_WITHIN_S):
                pass
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"No Ray cluster answers at {self.address}: {error}. Start it (ray start --head), or correct "
                f"{_KEY}…"
            ) from error
