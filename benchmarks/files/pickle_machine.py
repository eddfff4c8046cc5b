"""A pickle machine that runs nothing: it builds plain values, and numpy arrays through checked functions.

Python's own unpickler calls what the file names, and has to be kept from it; this one has no means to. Each
opcode is carried out here, names are looked up in a table of ours, and nothing is imported. So no scan is
needed beforehand either: what the C unpickler has to be protected from (a memo index that allocates
gigabytes, lengths beyond the file, hashes of exponential cost) cannot happen. It takes about six times as
long as that one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from struct import Struct
from typing import Any

from nascurve.benchmarks.files.pickle_names import (
    STAND_INS,
    Name,
    fill,
    members,
    set_state,
)

FindClass = Callable[[str, str], Any]

_float64 = Struct(">d").unpack_from
_int32 = Struct("<i").unpack_from
_uint16 = Struct("<H").unpack_from
_uint32 = Struct("<I").unpack_from
_uint64 = Struct("<Q").unpack_from
_MAX_INT_BYTES = 1024
_MAX_NAME = 200
_MAX_MARKS = 1000
_MAX_REPEATED = 100
_BYTES_PER_CONTAINER = 4
"""A pickled container with anything in it takes more; so memory stays within some 60 times the data."""
_MAX_ARGUMENTS = 1000


class UnreadableError(Exception):
    """What is wrong with a pickle, in a few words."""


class PickleMachine:
    """Reads pickles, protocols 2 to 5, one after the other from bytes.

    allowed: names that may occur, of `pickle_names.STAND_INS`. find_class: asked for every other name; gives
    an inert stand-in (a class or function of the caller's, called with what the file says; instances
    get their state through `__setstate__`), or None to refuse. Without it other names are refused.
    inline: called after each state that was set on an instance of such a stand-in, with the instance and
    the position behind; gives None, or the value to put in its place and the position to go on from (joblib
    writes arrays between the opcodes).

    `load` raises UnreadableError, and whatever Python raises over nonsense (IndexError: cut short).
    """

    def __init__(
        self,
        data: bytes | memoryview,
        *,
        allowed: frozenset[Name],
        find_class: FindClass | None = None,
        inline: Callable[[Any, int], tuple[Any, int] | None] | None = None,
    ) -> None:
        self.data = data
        self.position = 0
        self._allowed = allowed
        self._find_class = find_class
        self._inline = inline
        self._foreign: dict[int, Any] = {}
        self._made: dict[int, Any] = {}

    def load(self) -> Any:
        """The next pickle's value; `position` is then behind it."""
        data, position = self.data, self.position
        memo: list[Any] = []
        gaps: dict[int, Any] = {}  # memo entries beyond the end of `memo`
        marks: list[list[Any]] = []
        stack: list[Any] = []
        push, pop = stack.append, stack.pop
        made, most = 0, len(data) // _BYTES_PER_CONTAINER + 1000
        repeated, most_repeated = 0, _MAX_REPEATED * len(data)
        if data[position] != 0x80 or not 2 <= data[position + 1] <= 5:
            raise UnreadableError("no pickle of protocol 2 to 5")
        position += 2
        try:
            while True:
                op = data[position]
                position += 1
                if op == 0x47:  # BINFLOAT
                    push(_float64(data, position)[0])
                    position += 8
                elif op == 0x94:  # MEMOIZE
                    if gaps:
                        raise UnreadableError("memo numbers that do not count up")
                    memo.append(stack[-1])
                elif op == 0x8C:  # SHORT_BINUNICODE
                    end = position + 1 + data[position]
                    push(str(data[position + 1 : end], "utf-8"))
                    position = end
                elif op == 0x4B:  # BININT1
                    push(data[position])
                    position += 1
                elif op == 0x71 or op == 0x72:  # BINPUT, LONG_BINPUT
                    number = data[position] if op == 0x71 else _uint32(data, position)[0]
                    position += 1 if op == 0x71 else 4
                    if number == len(memo):
                        memo.append(stack[-1])
                    elif number < len(memo):
                        memo[number] = stack[-1]
                    else:
                        gaps[number] = stack[-1]
                elif op == 0x68 or op == 0x6A:  # BINGET, LONG_BINGET
                    number = data[position] if op == 0x68 else _uint32(data, position)[0]
                    position += 1 if op == 0x68 else 4
                    push(value := memo[number] if number < len(memo) else gaps[number])
                    if type(value) is str and (repeated := repeated + len(value)) > most_repeated:
                        raise UnreadableError("a long text over and over")
                elif op == 0x58:  # BINUNICODE
                    end = position + 4 + _uint32(data, position)[0]
                    push(str(data[position + 4 : end], "utf-8"))
                    position = end
                elif op == 0x4D:  # BININT2
                    push(_uint16(data, position)[0])
                    position += 2
                elif op == 0x4A:  # BININT
                    push(_int32(data, position)[0])
                    position += 4
                elif op in _MAKES and (made := made + 1) > most:
                    raise UnreadableError("more containers than their contents allow")
                elif op == 0x28:  # MARK
                    if len(marks) == _MAX_MARKS:
                        raise UnreadableError(f"values nested more than {_MAX_MARKS} deep")
                    marks.append(stack)
                    stack = []
                    push, pop = stack.append, stack.pop
                elif op in _FROM_MARK:
                    items, stack = stack, marks.pop()
                    push, pop = stack.append, stack.pop
                    if op == 0x75:  # SETITEMS
                        fill(_of_type(stack[-1], dict), items)
                    elif op == 0x65:  # APPENDS
                        _of_type(stack[-1], list).extend(items)
                    elif op == 0x90:  # ADDITEMS
                        _of_type(stack[-1], set).update(members(items))
                    elif op == 0x91:  # FROZENSET
                        push(frozenset(members(items)))
                    elif op == 0x74:  # TUPLE
                        push(tuple(items))
                    elif op == 0x6C:  # LIST
                        push(items)
                    elif op == 0x64:  # DICT
                        filled: dict[Any, Any] = {}
                        fill(filled, items)
                        push(filled)
                elif op == 0x73:  # SETITEM
                    value, key = pop(), pop()
                    fill(_of_type(stack[-1], dict), [key, value])
                elif op == 0x61:  # APPEND
                    value = pop()
                    _of_type(stack[-1], list).append(value)
                elif op == 0x7D:  # EMPTY_DICT
                    push({})
                elif op == 0x5D:  # EMPTY_LIST
                    push([])
                elif op == 0x29:  # EMPTY_TUPLE
                    push(())
                elif op == 0x8F:  # EMPTY_SET
                    push(set())
                elif op == 0x4E:  # NONE
                    push(None)
                elif op == 0x88:  # NEWTRUE
                    push(True)
                elif op == 0x89:  # NEWFALSE
                    push(False)
                elif 0x85 <= op <= 0x87:  # TUPLE1, TUPLE2, TUPLE3
                    n = op - 0x84
                    items = stack[-n:]
                    if len(items) < n:
                        raise UnreadableError("a tuple without its values")
                    stack[-n:] = [tuple(items)]
                elif op in _BYTES:
                    unpack, width, make = _BYTES[op]
                    length = unpack(data, position)[0]
                    position += width
                    if length > len(data) - position:
                        raise IndexError
                    push(make(data[position : position + length]))
                    position += length
                elif op in _LONGS:
                    unpack, width = _LONGS[op]
                    length = unpack(data, position)[0]
                    position += width
                    if not 0 <= length <= min(_MAX_INT_BYTES, len(data) - position):
                        raise UnreadableError(f"an integer of {length} bytes")
                    push(int.from_bytes(data[position : position + length], "little", signed=True))
                    position += length
                elif op == 0x93:  # STACK_GLOBAL
                    name, module = pop(), pop()
                    push(self._global(module, name))
                elif op == 0x63:  # GLOBAL
                    module, position = self._line(position)
                    name, position = self._line(position)
                    push(self._global(module, name))
                elif op == 0x52:  # REDUCE
                    arguments, function = pop(), pop()
                    push(self._call(function, arguments, new=False))
                elif op == 0x81:  # NEWOBJ
                    arguments, function = pop(), pop()
                    push(self._call(function, arguments, new=True))
                elif op == 0x62:  # BUILD
                    state = pop()
                    position = self._build(stack, state, position)
                elif op == 0x30:  # POP
                    if stack:
                        pop()
                    else:  # the mark itself
                        stack = marks.pop()
                        push, pop = stack.append, stack.pop
                elif op == 0x31:  # POP_MARK
                    stack = marks.pop()
                    push, pop = stack.append, stack.pop
                elif op == 0x95:  # FRAME: only says how much to read ahead
                    if _uint64(data, position)[0] > len(data) - position - 8:
                        raise IndexError
                    position += 8
                elif op == 0x2E:  # STOP
                    value = pop()
                    if stack or marks:
                        raise UnreadableError("values left over at its end")
                    return value
                else:
                    raise UnreadableError(f"the opcode {_what(op)}, which no format needs")
        finally:
            self.position = position

    def _line(self, position: int) -> tuple[str, int]:
        line, newline, _ = bytes(self.data[position : position + _MAX_NAME]).partition(b"\n")
        if not newline:
            raise UnreadableError("a name without an end")
        return line.decode(), position + len(line) + 1

    def _global(self, module: Any, name: Any) -> Any:
        if type(module) is not str or type(name) is not str:
            raise UnreadableError("a name that is no text")
        if (module, name) in self._allowed:
            return STAND_INS[module, name]
        stand_in = self._find_class(module, name) if self._find_class is not None else None
        if stand_in is None:
            raise UnreadableError(
                f"the name {f'{module}.{name}':.100}, which this format does not need; nothing of it was run"
            )
        self._foreign[id(stand_in)] = stand_in
        return stand_in

    def _call(self, function: Any, arguments: Any, *, new: bool) -> Any:
        if type(arguments) is not tuple or len(arguments) > _MAX_ARGUMENTS:
            raise UnreadableError("a call whose arguments are no tuple")
        if id(function) in self._foreign:
            made = function(*arguments)
            self._made[id(made)] = made
            return made
        if id(function) not in _OURS or new:
            raise UnreadableError(f"a call of a value of type {type(function).__name__}")
        return function(*arguments)

    def _build(self, stack: list[Any], state: Any, position: int) -> int:
        target = stack[-1]
        if id(target) not in self._made:
            set_state(target, state)
            return position
        target.__setstate__(state)
        replacement = self._inline(target, position) if self._inline is not None else None
        if replacement is not None:
            stack[-1], position = replacement
        return position


def _of_type(target: Any, kind: type) -> Any:
    if not isinstance(target, kind):
        raise UnreadableError(f"items for a value of type {type(target).__name__}")
    return target


def _what(op: int) -> str:
    return f"{op:#04x}" + (f" ({chr(op)!r})" if 0x20 <= op < 0x7F else "")


_MAKES = frozenset(b"\x74\x6c\x64\x91\x7d\x5d\x8f\x85\x86\x87\x52\x81")  # containers, calls
_FROM_MARK = frozenset(b"\x75\x65\x90\x91\x74\x6c\x64")
_text = partial(str, encoding="utf-8")
_BYTES: dict[int, tuple[Callable[..., Any], int, Callable[..., Any]]] = {
    0x43: (Struct("<B").unpack_from, 1, bytes),  # SHORT_BINBYTES
    0x42: (_uint32, 4, bytes),  # BINBYTES
    0x8E: (_uint64, 8, bytes),  # BINBYTES8
    0x96: (_uint64, 8, bytearray),  # BYTEARRAY8
    0x8D: (_uint64, 8, _text),  # BINUNICODE8
}
_LONGS = {0x8A: (Struct("<B").unpack_from, 1), 0x8B: (_int32, 4)}
_OURS = frozenset(id(stand_in) for stand_in in STAND_INS.values() if callable(stand_in))
