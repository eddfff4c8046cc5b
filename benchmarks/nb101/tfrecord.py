"""Reading of TFRecord files without TensorFlow, checksums included."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from nascurve.errors import DataFileError

MAX_RECORD = 2**14
"""Bytes of the longest record that is read; those of NAS-Bench-101 have about 400."""
HEADER_BYTES = 12
_FOOTER_BYTES = 4
_CHUNK = 2**21
_header = Struct("<QI").unpack_from
_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8


def read_tfrecords(
    file: BinaryIO, *, path: str | os.PathLike[str], remedy: str, max_record: int = MAX_RECORD
) -> Iterator[list[bytes]]:
    """The payloads of a TFRecord file in order, in batches of about 2 MiB.

    Each record is: the payload's length (uint64), its checksum, the payload, its checksum; little-endian,
    checksums are masked CRC-32C (TensorFlow's `record_writer.h`). All of them are checked before a batch is
    given out. Memory stays near 20 MiB whatever the file says.

    path: named in messages. remedy: what the user can do, the end of each message. max_record: bytes of the
    longest payload. Raises DataFileError for a damaged, cut or oversized record, naming its number.
    """
    data = b""
    n_before = offset = 0
    while True:
        more = file.read(_CHUNK)
        data += more
        starts, lengths, end = _frame(data, max_record)
        payloads = [data[start : start + length] for start, length in zip(starts, lengths, strict=True)]
        bad = _first_bad(data, starts, lengths)
        if bad is not None:
            raise DataFileError(
                f"{os.fspath(path)}: expected a TFRecord file, got one whose record {n_before + bad + 1} "
                f"does not match its checksum (near byte {offset + starts[bad]}): it is damaged. {remedy}"
            )
        left = len(data) - end
        if left >= HEADER_BYTES and (length := _header(data, end)[0]) > max_record:
            sound = header_is_sound(data[end : end + HEADER_BYTES])
            what = f"with {length} bytes, longer than {max_record}" if sound else "with a damaged length"
            raise DataFileError(
                f"{os.fspath(path)}: expected a TFRecord file of NAS-Bench-101, got one whose record "
                f"{n_before + len(starts) + 1} begins {what} (byte {offset + end}). {remedy}"
            )
        if payloads:
            yield payloads
        if not more:
            if left:
                raise DataFileError(
                    f"{os.fspath(path)}: expected a whole TFRecord file, got one that is cut short within "
                    f"record {n_before + len(starts) + 1} (byte {offset + len(data)}). {remedy}"
                )
            return
        data = data[end:]
        offset += end
        n_before += len(starts)


def header_is_sound(start: bytes) -> bool:
    """Whether 12 bytes are the beginning of a record: a length and its checksum."""
    return len(start) >= HEADER_BYTES and _first_bad_of(start, [0], [8], [8]) is None


def _frame(data: bytes, max_record: int) -> tuple[list[int], list[int], int]:
    """Starts and lengths of the whole payloads in the data, and where the first record begins that is not
    whole or too long."""
    starts, lengths = [], []
    end, last = 0, len(data)
    while end + HEADER_BYTES <= last:
        length = _header(data, end)[0]
        following = end + HEADER_BYTES + length + _FOOTER_BYTES
        if length > max_record or following > last:
            break
        starts.append(end + HEADER_BYTES)
        lengths.append(length)
        end = following
    return starts, lengths, end


def _first_bad(data: bytes, starts: list[int], lengths: list[int]) -> int | None:
    """The first record one of whose checksums is wrong."""
    if not starts:
        return None
    payloads = np.array(starts)
    n_bytes = np.array(lengths)
    found = [
        _first_bad_of(data, payloads - HEADER_BYTES, np.full(len(starts), 8), payloads - 4),
        _first_bad_of(data, payloads, n_bytes, payloads + n_bytes),
    ]
    return min((bad for bad in found if bad is not None), default=None)


def _first_bad_of(
    data: bytes,
    starts: NDArray[np.intp] | list[int],
    lengths: NDArray[np.intp] | list[int],
    stored: NDArray[np.intp] | list[int],
) -> int | None:
    """The first piece data[start : start + length] whose masked checksum is not the one at `stored`."""
    raw = np.frombuffer(data, np.uint8)
    crc = _crc32c(raw, np.asarray(starts), np.asarray(lengths))
    masked = (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(_MASK_DELTA)
    quads = raw[np.asarray(stored)[:, None] + np.arange(4)]
    bad = np.flatnonzero(masked != np.ascontiguousarray(quads).view("<u4")[:, 0])
    return int(bad[0]) if len(bad) else None


def _crc32c(
    raw: NDArray[np.uint8], starts: NDArray[np.intp], lengths: NDArray[np.intp]
) -> NDArray[np.uint32]:
    """CRC-32C of many pieces at once: a step takes the next byte of each, the longest pieces in front."""
    order = np.argsort(-lengths, kind="stable")
    sorted_lengths = lengths[order]
    position = starts[order]
    table = _table()
    crc = np.full(len(starts), 0xFFFFFFFF, dtype=np.uint32)
    longest = int(sorted_lengths[0]) if len(order) else 0
    # still_there[j]: how many pieces have a byte j
    still_there = np.searchsorted(-sorted_lengths, -np.arange(longest), side="left")
    for j, n in enumerate(still_there.tolist()):
        part = crc[:n]
        crc[:n] = table[(part ^ raw[position[:n] + j]) & np.uint32(255)] ^ (part >> np.uint32(8))
    result = np.empty_like(crc)
    result[order] = ~crc
    return result


@functools.cache
def _table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(_POLYNOMIAL), table >> 1).astype(np.uint32)
    return table
