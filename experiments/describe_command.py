"""`nascurve describe`: what a benchmark's curves look like, in numbers."""

from __future__ import annotations

from typing import Any

from nascurve.experiments.usage import UsageError

HELP = """\
usage: nascurve describe BENCHMARK [OPTION=VALUE ...]

Print the statistics of a benchmark's curves (the data cards in docs/ quote them): accuracies, how early
epochs rank with the last, drops, costs. Options go to the benchmark, such as data_file=FILE.
"""


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    from nascurve.experiments.overrides import parse_overrides, split_flags

    _, rest = split_flags(argv, command="describe")
    ids = [arg for arg in rest if "=" not in arg]
    if len(ids) != 1:
        raise UsageError("describe: expected one benchmark. Example: nascurve describe pocket201-mnist")
    options: dict[str, Any] = {
        override.key_or_group: override.value()
        for override in parse_overrides([arg for arg in rest if "=" in arg], command="describe")
    }

    from nascurve.benchmarks.description import Description
    from nascurve.registry import load_benchmark

    benchmark = load_benchmark(ids[0], **options)
    info = benchmark.info
    epochs = f"{info.max_epochs} epochs"
    if info.fidelities is not None:
        trainings = "measured after" if info.resumable else "trainings of"
        epochs = f"{trainings} {'/'.join(map(str, info.fidelities))} epochs"
    title = info.name if info.name.endswith(f"-v{info.version}") else f"{info.name}-v{info.version}"
    print(f"{title}: {info.kind} curves, space {info.space}, {epochs}, at least {info.n_seeds} training "
          "run(s) of every network")  # fmt: skip
    lines = Description.of(benchmark).lines()
    width = max(len(label) for label, _ in lines)
    for label, value in lines:
        print(f"{label:<{width}}  {value}")
    return 0
