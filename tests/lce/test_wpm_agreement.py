"""The fast `wpm` against the sampled reference `wpm_mcmc`, on curves of the development half.

Minutes long. Run by hand to see the table: `pytest -m slow -s tests/lce/test_wpm_agreement.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

import nascurve
from nascurve.lce.wpm import WPM
from nascurve.lce.wpm_mcmc import WPMMCMC
from nascurve.simulator.types import Benchmark, FloatArray
from tests.official_data import real_sample

pytestmark = pytest.mark.slow

N_CURVES = 30


def development_curves(bench: Benchmark, n: int) -> FloatArray:
    """n whole curves (n, epochs) of architectures in the development half, drawn with a fixed seed."""
    archs = [
        arch
        for arch in bench.space.all()  # type: ignore[attr-defined]
        if int(hashlib.sha256(str(arch).encode()).hexdigest(), 16) % 2 == 0
    ]
    chosen = np.random.default_rng(0).permutation(len(archs))[: 2 * n]
    curves = np.array([c.val_acc for c in bench.query_many([archs[i] for i in chosen], [0] * len(chosen))])
    return curves[np.isfinite(curves).all(axis=1)][:n]


def nlp() -> Benchmark:
    return nascurve.load_benchmark("nbnlp", data_dir=real_sample("nas-bench-nlp-wikitext2"))


def pocket() -> Benchmark:
    return nascurve.load_benchmark("pocket201-mnist")


@pytest.mark.parametrize(
    ("load", "seen", "at_epoch"), [(nlp, 10, 50), (nlp, 20, 50), (pocket, 8, 32)], ids=str
)
def test_wpm_against_the_reference(load: Callable[[], Benchmark], seen: int, at_epoch: int) -> None:
    pytest.importorskip("nutpie")
    curves = development_curves(load(), N_CURVES)
    truth = curves[:, at_epoch - 1]
    reference = WPMMCMC(draws=150, tune=300, chains=2)
    slow = reference.predict(curves[:, :seen], at_epoch)
    fast = WPM().predict(curves[:, :seen], at_epoch)
    gap = np.abs(fast.mean - slow.mean)
    print(f"\n{load.__name__}, {seen} of {at_epoch} epochs, {len(curves)} curves of the development half")
    for name, std in (("wpm_mcmc", slow.std), ("wpm", fast.std)):
        within = {part: float(np.mean(gap <= part * std)) for part in (1 / 3, 1.0, 2.0)}
        print(
            f"  |difference| within 1/3, 1, 2 std of {name}: "
            + ", ".join(f"{v:.2f}" for v in within.values())
        )
    print(f"  median |difference| {np.median(gap):.4f}")
    for decay in (0.0, 1.0, 2.5):  # the prior against slow rises is most of the difference
        other = WPM(rise_decay=decay).predict(curves[:, :seen], at_epoch)
        print(
            f"  wpm, rise_decay={decay}: median difference {np.median(other.mean - slow.mean):+.4f}, "
            f"median std {np.median(other.std):.4f}, "
            f"within a std of wpm_mcmc {np.mean(np.abs(other.mean - slow.mean) <= slow.std):.2f}"
        )
    for name, prediction in (("wpm_mcmc", slow), ("wpm", fast)):
        error = prediction.mean - truth
        quantiles = prediction.quantiles
        assert quantiles is not None
        covered = np.mean((quantiles[:, 0] <= truth) & (truth <= quantiles[:, -1]))
        print(
            f"  {name:9} RMSE {np.sqrt(np.mean(error**2)):.4f}, bias {error.mean():+.4f}, "
            f"median |error| {np.median(np.abs(error)):.4f}, median std {np.median(prediction.std):.4f}, "
            f"coverage_90 {covered:.2f}"
        )
    found = reference.diagnostics(curves[:, :seen], at_epoch)
    print(
        f"  R-hat, median and largest {np.nanmedian([d.r_hat for d in found]):.3f} "
        f"{np.nanmax([d.r_hat for d in found]):.3f}, divergences {sum(d.divergences for d in found)}"
    )
    assert len(curves) == N_CURVES
    assert np.isfinite(gap).all()
    # By design the two differ (docs/lce-wpm-mcmc.md): they must be compatible, not the same.
    both_std = np.hypot(slow.std, fast.std)
    assert np.mean(gap <= 2 * both_std) >= 0.9
