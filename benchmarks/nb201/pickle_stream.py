"""Reads a pickle of many gigabytes that is one dictionary, entry by entry, and runs nothing of it.

The single files of NATS-Bench and NAS-Bench-201 are one pickle each: a dictionary, one of whose values maps
thousands of indices to large values. Unpickled at once they need some 28 GB. Here each value is handed out as
soon as it is complete, and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from struct import Struct
from typing import Any

import numpy as np

from nascurve.benchmarks.files.pickle_machine import UnreadableError
from nascurve.benchmarks.files.pickle_names import STAND_INS, fill, members, set_state
from nascurve.benchmarks.files.pickle_tree import check_tree

_float64 = Struct(">d").unpack_from
_int32 = Struct("<i").unpack_from
_uint16 = Struct("<H").unpack_from
_uint32 = Struct("<I").unpack_from
_uint64 = Struct("<Q").unpack_from

_PIECE = 2**20
_AHEAD = 2**12
"""Bytes that are at hand when an opcode begins; only long texts need more, which they ask for."""
_MAX_TEXT = 2**16
_MAX_LONG = 64
_MAX_LINE = 200
_MAX_MARKS = 100
_MAX_ENTRY = 2**23
"""Bytes of one entry. Real ones have some 330,000; for hostile ones memory stays within 60 times this."""
_MAX_MADE = 100_000
"""Containers in one entry (real ones: some 300), and calls."""
_COPIES_KEPT = 16
_NOTHING, _MEMOIZE, _KEY = range(3)
_MAX_KEPT = 2**22

_ALLOWED = {
    name: STAND_INS[name]
    for name in (
        ("collections", "OrderedDict"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "scalar"),
        ("_codecs", "encode"),
        ("builtins", "set"),
        ("__builtin__", "set"),
    )
}
_MAKES = frozenset(b"\x7d\x5d\x29\x8f\x74\x85\x86\x87\x52")  # dict, list, tuples, set, calls
_CALLABLE = frozenset(id(stand_in) for stand_in in _ALLOWED.values())


class PickleStream:
    """Pickles of protocol 2 to 5, one after the other, from a stream.

    read: gives up to so many further bytes, nothing at the end.

    What the files need is understood: None, bool, int, float, str, bytes, list, tuple, dict, set, OrderedDict
    and numpy numbers; names come from the same table of checked stand-ins as in `pickle_machine`. Later
    entries may refer back to texts, numpy types and names of earlier ones, not to values that hold others:
    those are forgotten with their entry. Keys of entries are ints, values dictionaries whose keys are not.
    Of equal texts the first 16 are remembered, since a text that is shared by entries is one object, and one
    of the first of its kind. Values are checked to be trees, as those of `read_pickle` are.

    `pickle_machine` has most of the same opcodes. They are not one machine: here data are read on, the memo
    forgets, and values are handed out in the middle; there a memo has gaps, arrays stand between opcodes, and
    callers have stand-ins of their own. In one loop each opcode would pay for both. What must not differ is
    shared: the functions that names stand for, and the checks of keys and trees.

    Raises UnreadableError, and whatever Python raises over nonsense (IndexError: cut short).
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._data = b""
        self._position = 0
        self._before = 0  # bytes of the pieces that were dropped

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._before + self._position

    def at_end(self) -> bool:
        """Whether nothing follows."""
        self._more(1)
        return self._position == len(self._data)

    def load(self) -> Any:
        """The next pickle's value, whole."""
        entries = self.entries(None)
        try:
            while True:
                next(entries)
        except StopIteration as end:
            return end.value

    def entries(self, under: str | None) -> Generator[tuple[Any, Any], None, Any]:
        """The pairs of the dictionary that stands under the key `under` in the next pickle's dictionary.

        The generator's return value is the outer dictionary; the one under that key is empty in it.
        """
        memo: dict[int, Any] = {}
        n_memo, n_kept = 0, 0
        copies: dict[str, int] = {}
        recent: list[int] = []  # of memo, since the last entry ended
        marks: list[list[Any]] = []
        stack: list[Any] = []
        inner: Any = None  # the dictionary under `under`, once it has come
        level = -1  # number of marks where its keys and values are pushed
        begin = start = self.position  # where the pickle began, and where the entry
        made = 0  # its containers so far
        self._more(_AHEAD)
        data, position = self._data, self._position
        if data[position] != 0x80 or not 2 <= data[position + 1] <= 5:
            raise UnreadableError("no pickle of protocol 2 to 5")
        position += 2
        limit = len(data) - _AHEAD
        while True:
            if position > limit:
                self._position = position
                self._more(_PIECE)
                data, position = self._data, self._position
                limit = len(data) - _AHEAD if len(data) >= _PIECE else len(data)
                if self.position - start > _MAX_ENTRY:
                    raise UnreadableError(f"an entry of more than {_MAX_ENTRY} bytes")
            op = data[position]
            position += 1
            then = _NOTHING
            if op == 0x47:  # BINFLOAT
                stack.append(_float64(data, position)[0])
                position += 8
            elif op == 0x94:  # MEMOIZE
                then = _MEMOIZE
            elif op == 0x8C:  # SHORT_BINUNICODE
                end = position + 1 + data[position]
                if end > len(data):
                    raise IndexError
                stack.append(str(data[position + 1 : end], "utf-8"))
                position = end
            elif op == 0x4B:  # BININT1
                stack.append(data[position])
                position += 1
                then = _KEY
            elif op == 0x71:  # BINPUT
                if data[position] != n_memo & 0xFF or n_memo > 0xFF:
                    raise UnreadableError("memo numbers that do not count up")
                position += 1
                then = _MEMOIZE
            elif op == 0x72:  # LONG_BINPUT
                if _uint32(data, position)[0] != n_memo:
                    raise UnreadableError("memo numbers that do not count up")
                position += 4
                then = _MEMOIZE
            elif op == 0x68 or op == 0x6A:  # BINGET, LONG_BINGET
                number = data[position] if op == 0x68 else _uint32(data, position)[0]
                position += 1 if op == 0x68 else 4
                if number not in memo:
                    raise UnreadableError("a reference to a value of an earlier entry")
                stack.append(memo[number])
            elif op == 0x58:  # BINUNICODE
                length = _uint32(data, position)[0]
                if length > _MAX_TEXT:
                    raise UnreadableError(f"a text of {length} bytes")
                if position + 4 + length > len(data):
                    self._position = position
                    self._more(4 + length)
                    data, position, limit = self._data, self._position, 0
                end = position + 4 + length
                if end > len(data):
                    raise IndexError
                stack.append(str(data[position + 4 : end], "utf-8"))
                position = end
            elif op == 0x4D:  # BININT2
                stack.append(_uint16(data, position)[0])
                position += 2
                then = _KEY
            elif op == 0x4A:  # BININT
                stack.append(_int32(data, position)[0])
                position += 4
                then = _KEY
            elif op in _MAKES and (made := made + 1) > _MAX_MADE:
                raise UnreadableError(f"an entry of more than {_MAX_MADE} containers")
            elif op == 0x28:  # MARK
                if len(marks) == _MAX_MARKS:
                    raise UnreadableError(f"values nested more than {_MAX_MARKS} deep")
                if under is not None and len(marks) == 1 and stack[-2:-1] == [under]:
                    if not isinstance(stack[-1], dict):
                        raise UnreadableError(f"{under!r} that is no dictionary")
                    inner, level = stack[-1], 2
                elif len(marks) == 1:
                    level = -1
                marks.append(stack)
                stack = []
            elif op == 0x75:  # SETITEMS
                items, stack = stack, marks.pop()
                if inner is not None and stack and stack[-1] is inner:
                    if len(items) % 2:
                        raise UnreadableError("a key without a value")
                    check_tree(items, self._before + position - start)
                    yield from zip(items[::2], items[1::2], strict=True)
                else:
                    fill(_of_type(stack, dict), items)
            elif op == 0x73:  # SETITEM
                value, key = stack.pop(), stack.pop()
                target = _of_type(stack, dict)
                if len(marks) == 1 and under is not None and stack[-2:-1] == [under]:
                    inner = target
                    check_tree([key, value], self._before + position - start)
                    yield key, value
                else:
                    fill(target, [key, value])
            elif op == 0x65:  # APPENDS
                items, stack = stack, marks.pop()
                _of_type(stack, list).extend(items)
            elif op == 0x61:  # APPEND
                value = stack.pop()
                _of_type(stack, list).append(value)
            elif op == 0x90:  # ADDITEMS
                items, stack = stack, marks.pop()
                _of_type(stack, set).update(members(items))
            elif op == 0x7D:  # EMPTY_DICT
                stack.append({})
            elif op == 0x5D:  # EMPTY_LIST
                stack.append([])
            elif op == 0x29:  # EMPTY_TUPLE
                stack.append(())
            elif op == 0x8F:  # EMPTY_SET
                stack.append(set())
            elif op == 0x4E:  # NONE
                stack.append(None)
            elif op == 0x88 or op == 0x89:  # NEWTRUE, NEWFALSE
                stack.append(op == 0x88)
            elif op == 0x74:  # TUPLE
                items, stack = stack, marks.pop()
                stack.append(tuple(items))
            elif 0x85 <= op <= 0x87:  # TUPLE1, TUPLE2, TUPLE3
                items = stack[0x84 - op :]
                if len(items) < op - 0x84:
                    raise UnreadableError("a tuple without its values")
                stack[0x84 - op :] = [tuple(items)]
            elif op == 0x43:  # SHORT_BINBYTES
                end = position + 1 + data[position]
                if end > len(data):
                    raise IndexError
                stack.append(data[position + 1 : end])
                position = end
            elif op == 0x8A:  # LONG1
                length = data[position]
                if length > _MAX_LONG or position + 1 + length > len(data):
                    raise UnreadableError(f"an integer of {length} bytes")
                end = position + 1 + length
                stack.append(int.from_bytes(data[position + 1 : end], "little", signed=True))
                position = end
            elif op == 0x93:  # STACK_GLOBAL
                name, module = stack.pop(), stack.pop()
                stack.append(_stand_in(module, name))
            elif op == 0x63:  # GLOBAL
                module, position = _line(data, position)
                name, position = _line(data, position)
                stack.append(_stand_in(module, name))
            elif op == 0x52:  # REDUCE
                arguments, function = stack.pop(), stack.pop()
                if id(function) not in _CALLABLE or type(arguments) is not tuple:
                    raise UnreadableError(f"a call of a value of type {type(function).__name__}")
                stack.append(function(*arguments))
            elif op == 0x62:  # BUILD
                state = stack.pop()
                set_state(stack[-1], state)
            elif op == 0x95:  # FRAME: only says how much to read ahead
                if position + 8 > len(data):
                    raise IndexError
                position += 8
            elif op == 0x2E:  # STOP
                value = stack.pop()
                if stack or marks:
                    raise UnreadableError("values left over at its end")
                self._position = position
                # what is not of an entry came before the first or after the last of them
                check_tree(value, min(self.position - begin, 2 * _MAX_ENTRY))
                return value
            else:
                raise UnreadableError(f"the opcode {op:#04x}, which no format needs")
            if then == _MEMOIZE:
                memo[n_memo] = stack[-1]
                recent.append(n_memo)
                n_memo += 1
            if then != _KEY or len(marks) != level or len(stack) != 3 or not isinstance(stack[1], dict):
                continue
            # the second key is there, so the first value is complete
            key, value, *stack = stack
            self._position = position
            check_tree([key, value], self.position - start)
            start, made = self.position, 0
            yield key, value
            del value
            for number in recent:
                kept = memo[number]
                if type(kept) is str:
                    copies[kept] = n = copies.get(kept, 0) + 1
                    if n <= _COPIES_KEPT:
                        n_kept += 1
                        continue
                elif isinstance(kept, np.dtype) or id(kept) in _CALLABLE or kept is inner:
                    n_kept += 1
                    continue
                del memo[number]
            del kept
            recent.clear()
            if n_kept > _MAX_KEPT or len(copies) > _MAX_KEPT:
                raise UnreadableError("too many different texts")

    def _more(self, n_bytes: int) -> None:
        """Have so many bytes at hand, or all that are left; drop what was used."""
        if len(self._data) - self._position >= n_bytes:
            return
        parts = [self._data[self._position :]]
        missing = n_bytes - len(parts[0])
        while missing > 0:
            part = self._read(max(missing, _PIECE))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        self._before += self._position
        self._data, self._position = b"".join(parts), 0


def _stand_in(module: Any, name: Any) -> Any:
    if type(module) is not str or type(name) is not str:
        raise UnreadableError("a name that is no text")
    if (module, name) not in _ALLOWED:
        raise UnreadableError(
            f"the name {f'{module}.{name}':.100}, which this format does not need; nothing of it was run"
        )
    return _ALLOWED[module, name]


def _line(data: bytes, position: int) -> tuple[str, int]:
    line, newline, _ = data[position : position + _MAX_LINE].partition(b"\n")
    if not newline:
        raise UnreadableError("a name without an end")
    return line.decode(), position + len(line) + 1


def _of_type(stack: list[Any], kind: type) -> Any:
    if not isinstance(stack[-1], kind):
        raise UnreadableError(f"items for a value of type {type(stack[-1]).__name__}")
    return stack[-1]
