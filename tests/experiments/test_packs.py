"""Packed jobs: what goes into one, and what is kept of one that was killed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascurve.errors import DataFileError
from nascurve.experiments.journal import Journal
from nascurve.experiments.pack_watch import PackWatch
from nascurve.experiments.packs import (
    Job,
    Pack,
    collect_leftovers,
    pack_jobs,
    packs_in,
    unstored_records,
)
from nascurve.experiments.record import RunRecord
from nascurve.experiments.store import RunStore
from nascurve.experiments.store_schema import to_records

NAMES = [("rs", "none"), ("re", "none"), ("re", "last_value")]
costs = st.fixed_dictionaries({method: st.floats(1e-3, 100) for method in range(3)})
jobs_of_seeds = st.builds(
    lambda methods, seeds: [(method, seed) for seed in range(seeds) for method in methods],
    st.sampled_from([[0], [0, 1], [0, 1, 2], [2, 0]]),
    st.integers(1, 60),
)


@given(
    jobs=jobs_of_seeds,
    cost_s=costs,
    job_s=st.floats(0.1, 1e4),
    at_least=st.integers(1, 64),
    at_most=st.integers(1, 64),
)
def test_every_job_is_in_one_group_in_order_within_the_limits_and_balanced(
    jobs: list[Job], cost_s: dict[int, float], job_s: float, at_least: int, at_most: int
) -> None:
    groups = pack_jobs(jobs, cost_s=cost_s, job_s=job_s, at_least=at_least, at_most=at_most)
    assert [job for group in groups for job in group] == jobs
    assert all(groups)
    spent_s = [sum(cost_s[method] for method, _ in group) for group in groups]
    total_s, dearest_s = sum(spent_s), max(cost_s[method] for method, _ in jobs)
    wanted = min(max(-(-total_s // job_s), at_least), at_most, len(jobs))
    assert wanted - 1 <= len(groups) <= wanted + 1  # rounding of the sum
    assert max(spent_s) <= total_s / len(groups) + dearest_s * (1 + 1e-9)


@given(jobs=jobs_of_seeds, n=st.integers(1, 64))
def test_jobs_of_equal_cost_go_into_groups_of_equal_size(jobs: list[Job], n: int) -> None:
    groups = pack_jobs(jobs, cost_s=dict.fromkeys(range(3), 1.0), job_s=1e9, at_least=n, at_most=n)
    assert len(groups) == min(n, len(jobs))
    sizes = [len(group) for group in groups]
    assert max(sizes) - min(sizes) <= 1


def test_one_dear_method_gets_the_groups_that_it_needs() -> None:
    jobs = [(method, seed) for seed in range(10) for method in (0, 1)]
    groups = pack_jobs(jobs, cost_s={0: 0.001, 1: 60.0}, job_s=125.0, at_least=1, at_most=1000)
    assert [sum(method for method, _ in group) for group in groups] == [2] * 5


def record(job: Job) -> RunRecord:
    optimizer, lce = NAMES[job[0]]
    return RunRecord(optimizer=optimizer, lce=lce, seed=job[1], total_evaluations=job[0] + 10 * job[1])


def stored(folder: Path) -> list[RunRecord]:
    return sorted(to_records(RunStore(folder / "store").read()), key=lambda one: (one.seed, one.key))


JOBS: list[Job] = [(0, 0), (1, 0), (2, 0), (0, 1)]
RECORDS = sorted(map(record, JOBS), key=lambda one: (one.seed, one.key))


class Killed(BaseException):
    """In the place of SIGKILL, which no test survives."""


def killed_at(place: int) -> Callable[[Job], RunRecord]:
    def run(job: Job) -> RunRecord:
        if job == JOBS[place]:
            raise Killed
        return record(job)

    return run


def test_a_pack_becomes_one_file_of_the_store_and_leaves_nothing_else(tmp_path: Path) -> None:
    pack = Pack.write(tmp_path, "p", JOBS)
    assert pack.jobs() == JOBS
    pack.run(record, NAMES)
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["p.parquet"]
    assert stored(tmp_path) == RECORDS
    assert pack.stored_records() == [record(job) for job in JOBS]
    assert packs_in(tmp_path) == []


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_killed_pack_goes_on_where_it_was_when_it_is_given_again(tmp_path: Path, place: int) -> None:
    """As SLURM does with a job that it puts back into the queue."""
    pack = Pack.write(tmp_path, "p", JOBS)
    with pytest.raises(Killed):
        pack.run(killed_at(place), NAMES)
    assert list(unstored_records(tmp_path)) == [record(job) for job in JOBS[:place]]
    again: list[Job] = []

    def run(job: Job) -> RunRecord:
        again.append(job)
        return record(job)

    pack.run(run, NAMES)
    assert again == JOBS[place:]
    assert stored(tmp_path) == RECORDS


@pytest.mark.parametrize("torn_bytes", [0, 1, 30, 100_000])
def test_what_a_killed_pack_had_finished_is_salvaged(tmp_path: Path, torn_bytes: int) -> None:
    pack = Pack.write(tmp_path, "p", JOBS)
    with pytest.raises(Killed):
        pack.run(killed_at(3), NAMES)
    content = pack.journal.read_bytes()
    pack.journal.write_bytes(content[: max(len(content) - torn_bytes, 0)])
    kept = {0: 3, 1: 2, 30: 2, 100_000: 0}[torn_bytes]  # a line without its end is torn
    assert collect_leftovers(tmp_path) == []
    assert [one.key for one in RunStore(tmp_path / "store").records_of("p")] == [
        record(job).key for job in JOBS[:kept]
    ]
    assert packs_in(tmp_path) == []


def test_a_kill_between_the_file_of_the_store_and_the_end_counts_each_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Pack) -> None:
        raise Killed

    pack = Pack.write(tmp_path, "p", JOBS)
    with monkeypatch.context() as patched:
        patched.setattr(Pack, "remove", killed)
        with pytest.raises(Killed):
            pack.run(record, NAMES)
    assert pack.journal.exists()
    assert len(stored(tmp_path)) == 4
    assert RunStore(tmp_path / "store").read(list(unstored_records(tmp_path))).num_rows == 4
    assert collect_leftovers(tmp_path) == []
    assert stored(tmp_path) == RECORDS
    assert packs_in(tmp_path) == []


def test_a_kill_between_the_removal_of_spec_and_journal(tmp_path: Path) -> None:
    pack = Pack.write(tmp_path, "p", JOBS)
    with pytest.raises(Killed):
        pack.run(killed_at(2), NAMES)
    pack.spec.unlink()
    assert packs_in(tmp_path) == [pack]
    collect_leftovers(tmp_path)
    assert len(stored(tmp_path)) == 2
    assert packs_in(tmp_path) == []


def test_a_pack_at_work_is_left_alone_and_one_that_nobody_began_is_dropped(tmp_path: Path) -> None:
    at_work, waiting = Pack.write(tmp_path, "a", JOBS), Pack.write(tmp_path, "b", JOBS)
    unfinished = tmp_path / "store" / ".a.77.tmp"
    unfinished.parent.mkdir()
    unfinished.write_bytes(b"PAR1")
    with Journal(at_work.journal) as journal:
        journal.append(record(JOBS[0]))
        assert collect_leftovers(tmp_path) == [at_work]
        assert packs_in(tmp_path) == [at_work]
        assert unfinished.exists()
    assert not waiting.spec.exists()
    assert collect_leftovers(tmp_path) == []
    assert not unfinished.exists()
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"runs": 3}', '{"runs": [[0]]}', '{"runs": [["a", 1]]}']
)
def test_a_pack_whose_list_is_gone_or_damaged_fails_clearly(tmp_path: Path, text: str | None) -> None:
    pack = Pack.write(tmp_path, "p", JOBS)
    if text is None:
        pack.spec.unlink()
    else:
        pack.spec.write_text(text)
    with pytest.raises(DataFileError, match=r"Cannot read the packed job .*p\.json.* again"):
        pack.run(record, NAMES)
    assert not RunStore(tmp_path / "store")


def test_a_failing_run_does_not_stop_its_pack(tmp_path: Path) -> None:
    pack = Pack.write(tmp_path, "p", JOBS)
    failing = RunRecord(optimizer="re", lce="none", seed=0, status="failed", error="x", traceback="y")
    pack.run(lambda job: failing if job == JOBS[1] else record(job), NAMES)
    assert [one.status for one in pack.stored_records()] == ["done", "failed", "done", "done"]


@contextmanager
def watched(packs: Sequence[Pack]) -> Iterator[tuple[PackWatch, list[RunRecord]]]:
    seen: list[RunRecord] = []
    yield PackWatch(packs, seen.append), seen


def test_a_watch_tells_of_each_run_once_whenever_it_looks(tmp_path: Path) -> None:
    packs = [Pack.write(tmp_path, name, JOBS) for name in ("a", "b")]
    with watched(packs) as (watch, seen):
        watch.poll()
        assert (watch.n_running, seen) == (0, [])

        def looking(job: Job) -> RunRecord:
            if job == JOBS[2]:
                watch.poll()
                watch.poll()
                assert watch.n_running == 1
                assert seen == [record(job) for job in JOBS[:2]]
                with packs[0].journal.open("ab") as file:  # a line that is not whole yet
                    file.write(b"0123")
                watch.poll()
                os.truncate(packs[0].journal, packs[0].journal.stat().st_size - 4)
            return record(job)

        packs[0].run(looking, NAMES)
        watch.poll()
        packs[1].run(record, NAMES)  # begun and over between two looks
        watch.poll()
        watch.poll()
        assert watch.n_running == 0
        assert seen == [record(job) for job in JOBS] * 2


def test_a_watch_sees_what_is_salvaged(tmp_path: Path) -> None:
    pack = Pack.write(tmp_path, "p", JOBS)
    with watched([pack]) as (watch, seen):
        with pytest.raises(Killed):
            pack.run(killed_at(2), NAMES)
        collect_leftovers(tmp_path)
        watch.poll()
        assert seen == [record(job) for job in JOBS[:2]]


def test_the_list_of_a_pack_is_plain_json(tmp_path: Path) -> None:
    pack = Pack.write(tmp_path, "p", JOBS)
    assert json.loads(pack.spec.read_text()) == {"runs": [[0, 0], [1, 0], [2, 0], [0, 1]]}
