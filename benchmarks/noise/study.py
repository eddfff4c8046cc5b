"""The noise study of a benchmark: all parts together."""

from __future__ import annotations

from dataclasses import dataclass

from nascurve.benchmarks.noise.accuracy import AccuracyDistribution
from nascurve.benchmarks.noise.drops import Drops, missing_drops
from nascurve.benchmarks.noise.epochs import EarlyEpochs, missing_epochs
from nascurve.benchmarks.noise.estimate import Bootstrap, Estimate
from nascurve.benchmarks.noise.landscape import Landscape, missing_landscape
from nascurve.benchmarks.noise.residuals import Residuals, missing_residuals
from nascurve.benchmarks.noise.runs import Runs
from nascurve.benchmarks.noise.seeds import SeedAgreement
from nascurve.benchmarks.noise.selection import Selection
from nascurve.simulator.types import Benchmark


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoiseStudy:
    """What a benchmark's results vary by, and how its networks' accuracies lie to each other.

    A part is None, and residuals are empty, where the benchmark does not give what it needs; `estimates` then
    holds a row that says why.
    """

    runs: Runs
    accuracy: AccuracyDistribution
    seeds: SeedAgreement
    epochs: EarlyEpochs | None
    drops: Drops | None
    residuals: tuple[Residuals, ...]
    selection: Selection
    landscape: Landscape | None
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(cls, benchmark: Benchmark, *, bootstrap: Bootstrap | None = None) -> NoiseStudy:
        """Study all runs of all distinct networks that the benchmark holds (of a sample, in a space too large
        to enumerate). Raises ConfigError with fewer than ten networks. Same benchmark, same numbers."""
        bootstrap = bootstrap or Bootstrap()
        runs = Runs.of(benchmark)
        accuracy = AccuracyDistribution.of(runs, bootstrap)
        seeds = SeedAgreement.of(runs, bootstrap)
        epochs = EarlyEpochs.of(runs, bootstrap)
        drops = Drops.of(runs, bootstrap)
        residuals = Residuals.of(runs, bootstrap)
        selection = Selection.of(runs, bootstrap)
        landscape = Landscape.of(runs, benchmark.space)
        return cls(
            runs=runs,
            accuracy=accuracy,
            seeds=seeds,
            epochs=epochs,
            drops=drops,
            residuals=residuals,
            selection=selection,
            landscape=landscape,
            estimates=(
                *accuracy.estimates,
                *seeds.estimates,
                *(epochs.estimates if epochs else missing_epochs()),
                *(drops.estimates if drops else missing_drops(runs)),
                *([row for kind in residuals for row in kind.estimates] or missing_residuals()),
                *selection.estimates,
                *(landscape.estimates if landscape else missing_landscape(runs, benchmark.space)),
            ),
        )
