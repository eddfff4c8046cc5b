"""HTML that cannot be broken by the text that goes into it."""

from __future__ import annotations

import html
import json
from typing import Any


class Markup(str):
    """Text that is HTML already, made by `tag` or `raw` alone; any other text is escaped."""

    __slots__ = ()


_VOID = frozenset({"meta", "link", "img", "input", "br", "hr"})


def raw(text: str) -> Markup:
    """Declare that a text is HTML: for our own style sheet, scripts and encoded data."""
    return Markup(text)


def tag(name: str, /, *children: str | int | None, **attributes: str | int | bool | None) -> Markup:
    """An element. Children that are not `Markup` are escaped, None is left out.

    attributes: names with `_` for `-`, a trailing `_` dropped (`class_`, `data_key`); True writes the bare
    name, False and None nothing.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: str | int | None) -> Markup:
    """Children one after the other, as `tag` treats them."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else html.escape(str(child))
            for child in children
            if child is not None
        )
    )


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def json_block(id_: str, content: Any) -> Markup:
    """A data block for the page's scripts. `<` is written as an escape of JSON, so that no text in it can
    end the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in ("<", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return tag("script", raw(text), type="application/json", id=id_)
