"""A folder that is held says who holds it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nascurve.errors import DataFileError
from nascurve.locks import describe_age, describe_owner, exclusive, is_held, locked

HOLD = """
import sys, pathlib
from nascurve.locks import exclusive
with exclusive(pathlib.Path(sys.argv[1]), "A holder"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_message_names_process_host_and_age(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert is_held(path)
        owner = json.loads(path.read_text())
        path.write_text(json.dumps({**owner, "since_s": time.time() - 3 * 3600}))
        expected = (
            rf"Another nascurve writes to x \(process {other.pid} on {re.escape(socket.gethostname())}, "
            r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, 3 hours\)\. Wait until it has finished, or "
        )
        with pytest.raises(DataFileError, match=expected), exclusive(path, "Another nascurve writes to x"):
            pass
        other.kill()  # the system lets go of the lock
        other.wait()
        assert not is_held(path)
        with exclusive(path, "x"):
            assert json.loads(path.read_text())["pid"] == os.getpid()
            assert describe_owner(path).startswith(f"process {os.getpid()} on ")


def test_looking_does_not_take_a_lock_from_anybody(tmp_path: Path) -> None:
    path = tmp_path / "j"
    assert not is_held(path)
    assert not path.exists()
    path.write_bytes(b"content")
    assert not is_held(path)
    with path.open("rb") as file, locked(file):
        assert is_held(path)
    assert not is_held(path)
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "host": "h", "since_s": 1}'])
def test_a_lock_that_does_not_say_who_holds_it_is_a_message_all_the_same(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".lock"
    path.touch()
    with path.open("rb") as file, locked(file):
        path.write_text(text)  # as nascurve 0.1 left it: empty
        with pytest.raises(DataFileError, match=r"^A\. Wait until"), exclusive(path, "A"):
            pass


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((-5, "0 seconds"), (0.4, "0 seconds"), (119, "119 seconds"), (120, "2 minutes")),
        *((7_200, "2 hours"), (170_000, "47 hours"), (5 * 86_400, "5 days")),
    ],
)
def test_ages_are_said_in_the_unit_that_people_use(seconds: float, text: str) -> None:
    assert describe_age(seconds) == text
