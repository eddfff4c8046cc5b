"""`nascurve collect`: trains a benchmark's learning curves, resumable."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ArchitectureError, ConfigError
from nascurve.experiments.usage import UsageError
from nascurve.options import real

if TYPE_CHECKING:
    from nascurve.experiments.launch_options import LaunchOptions

HELP = """\
usage: nascurve collect out=FOLDER [OPTION=VALUE ...]
       nascurve collect benchmark=ID|FILE.npz --verify N

Train the learning curves of a benchmark: every architecture x seed that FOLDER does not hold yet. It may be
stopped and started again at any moment; finished shards are kept. `nascurve assemble` makes the benchmark's
table of them.

options (defaults):
  task=NAME (mnist-affine)      what is trained on; tasks are plug-ins
  task_options.NAME=VALUE       options of the task, such as task_options.folder=PATH of image-folder
  space=ID (cell201)            a search space that can be enumerated, with a method `network(arch)`
  seeds=[0,1,...] ([0])         training seeds
  architectures=all|N|stratified-N|FILE (all)  all distinct networks; N random ones; N that cover the good
                                ones of the table benchmark= well; or a file with one architecture string a
                                line
  processes=N (all cores)       worker processes, one thread each
  device=cpu|cuda (cpu)         where to train
  shard_size=N (16)             runs a shard: what a kill can cost a worker
  verify=N, or --verify N       instead of collecting, train N random entries of a benchmark's table again
                                and say how they differ; exit code 1 when by more than seed noise
  hydra/launcher=NAME           train in jobs of a launcher: joblib, submitit_slurm, ray, ... (null)
  job_s=SECONDS (600)           with a launcher: what one of its jobs should take
  benchmark=ID|FILE.npz (pocket201-mnist)  the table for verify and stratified-N
"""
_DEFAULTS: dict[str, Any] = {
    "task": "mnist-affine",
    "task_options": {},
    "space": "cell201",
    "seeds": [0],
    "architectures": "all",
    "processes": None,
    "device": "cpu",
    "shard_size": 16,
    "verify": None,
    "benchmark": "pocket201-mnist",
    "job_s": 600.0,
    "out": None,
}


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    from nascurve.experiments.launch_options import LaunchOptions
    from nascurve.experiments.overrides import read_options, split_flags

    launch, argv = LaunchOptions.split(argv, command="collect")
    flags, rest = split_flags(argv, command="collect", valued=["--verify"])
    if flags:
        rest.append(f"verify={flags[-1].removeprefix('--verify=')}")
    options = read_options(rest, _DEFAULTS, command="collect", nested="task_options")
    if options["verify"] is not None:
        from nascurve.experiments.verify import verify_table

        return verify_table(options["benchmark"], options["verify"], processes=options["processes"])
    if options["out"] is None:
        raise UsageError(
            "collect: out= is missing: the folder for the curves. See `nascurve collect --help`."
        )
    return _collect(options, launch)


def _collect(options: dict[str, Any], launch: LaunchOptions) -> int:
    from nascurve.benchmarks.collect import collect
    from nascurve.benchmarks.tasks import create_task

    seeds = options["seeds"] if isinstance(options["seeds"], list) else [options["seeds"]]
    for name, value in (
        ("seeds", seeds),
        ("processes", [options["processes"]]),
        ("shard_size", [options["shard_size"]]),
    ):
        if any(type(item) is not int and not (name == "processes" and item is None) for item in value):
            raise ConfigError(f"collect: expected whole numbers for {name}, got {options[name]!r}.")
    task = create_task(str(options["task"]), **options["task_options"])
    networks = _networks(str(options["space"]), options["architectures"], str(options["benchmark"]))
    bar: list[Any] = []

    def start(total: int, done: int) -> None:
        from tqdm import tqdm

        if done:
            print(f"collect: {done} of {total} runs are there already", file=sys.stderr)
        bar.append(
            tqdm(total=total, initial=done, unit="run", file=sys.stderr, dynamic_ncols=True, smoothing=0.05)
        )

    try:
        trained = collect(
            task,
            networks,
            seeds,
            Path(str(options["out"])),
            processes=options["processes"],
            device=str(options["device"]),
            shard_size=options["shard_size"],
            trainer=_trainer(options, launch),
            on_start=start,
            on_shard=lambda runs: bar[0].update(runs),
        )
    except KeyboardInterrupt:
        print(
            f"collect: finished shards are kept in {options['out']}; the same command goes on.",
            file=sys.stderr,
        )
        raise
    finally:
        for each in bar:
            each.close()
    print(f"collect: trained {trained} runs; now {len(set(networks)) * len(set(seeds))} in {options['out']}")
    return 0


def _trainer(options: dict[str, Any], launch: LaunchOptions) -> Any:
    """None for processes of this machine."""
    if launch.name is None:
        return None
    from nascurve.experiments.collect_launched import LaunchedTrainer
    from nascurve.experiments.hydra_jobs import HydraJobs

    return LaunchedTrainer(
        jobs=HydraJobs(launch.name, launch.overrides),
        job_s=real("job_s", options["job_s"], hint="Give the real seconds of a job.", above=0),
        task_id=str(options["task"]),
        task_options=options["task_options"],
        device=str(options["device"]),
    )


def _networks(space_id: str, choice: Any, benchmark: str) -> list[Any]:
    from nascurve.benchmarks.collect import networks_in_random_order
    from nascurve.benchmarks.enumeration import all_architectures
    from nascurve.registry import create_search_space

    space: Any = create_search_space(space_id)
    if not hasattr(space, "network"):
        raise ConfigError(
            f"collect: the space {space_id!r} has no network(arch): its architectures cannot be trained."
        )
    if choice == "all" or type(choice) is int:
        cells = all_architectures(space)
        if cells is None:
            raise ConfigError(f"collect: the space {space_id!r} is too large to train all of: give a file.")
        n = None if choice == "all" else choice
        if n is not None and n < 1:
            raise ConfigError(f"collect: expected at least one architecture, got architectures={choice}.")
        return networks_in_random_order(sorted({space.network(cell) for cell in cells}, key=str), n)
    stratified = re.fullmatch(r"stratified-(\d+)", str(choice))
    if stratified is not None:
        from nascurve.benchmarks.stratified import stratified_networks
        from nascurve.experiments.verify import read_table

        return list(stratified_networks(read_table(benchmark), int(stratified[1])))
    path = Path(str(choice))
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "collect: expected architectures=all, a number, stratified-<number>, or a file with one "
            "architecture a line; "
            f"{path}: {error}"
        ) from error
    networks = []
    for number, line in enumerate(lines, 1):
        try:
            networks.append(space.network(space.parse(line)))
        except ArchitectureError as error:
            raise ArchitectureError(f"{path}, line {number}: {error}") from error
    return networks
