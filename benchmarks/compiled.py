"""Makes sure that training runs code out of numba's cache, also the first time.

A process that compiles the kernels itself joins them in another way than one that loads them, and what rounds
differs in the last bits. So where they are not in the cache yet, another process compiles them first.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from nascurve.locks import locked

_COMPILING = "NASCURVE_COMPILES_KERNELS"
_WAIT_S = 600.0


@functools.cache
def ensure_compiled() -> None:
    """Once a process; half a minute the first time after an installation. Where nothing can be cached, numba
    compiles in this process."""
    if _COMPILING in os.environ:
        return
    marker = _marker()
    if marker is None or marker.exists():
        return
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        with marker.with_suffix(".lock").open("ab") as file, locked(file, wait_s=_WAIT_S):
            if not marker.exists():
                program = "from nascurve.benchmarks.compiled import compile_kernels; compile_kernels()"
                environment = {**os.environ, _COMPILING: "1"}
                subprocess.run(
                    [sys.executable, "-c", program], env=environment, check=True, capture_output=True
                )
                marker.touch()
    except (OSError, subprocess.SubprocessError):
        return


def compile_kernels() -> None:
    """Train a network for an epoch, which compiles all that training needs, and caches it."""
    from nascurve.benchmarks.digits_affine import DigitsAffine
    from nascurve.benchmarks.network import Network
    from nascurve.benchmarks.training import PreparedTask, train_network

    network = Network.parse("0-1:nor_conv_3x3")
    train_network(PreparedTask(DigitsAffine()), network, 0, epochs=1)


def _marker() -> Path | None:
    """A file beside the cache, named by what numba's cache depends on; None where there is no cache."""
    import llvmlite.binding
    import numba

    from nascurve.benchmarks import cpu_kernels, cpu_passes

    folder = getattr(getattr(cpu_passes.train, "_cache", None), "cache_path", None)
    if folder is None:
        return None
    stamps = [Path(str(module.__file__)).stat() for module in (cpu_kernels, cpu_passes)]
    facts = [
        *((stamp.st_mtime, stamp.st_size) for stamp in stamps),
        numba.__version__,
        llvmlite.binding.get_host_cpu_name(),  # type: ignore[no-untyped-call]
        llvmlite.binding.get_host_cpu_features().flatten(),  # type: ignore[no-untyped-call]
        sys.version,
    ]
    return Path(folder) / f"nascurve-{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"
