"""The page round the report's sections: style sheet, scripts, and the promise that nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib import resources

from nascurve.experiments.report.markup import Markup, join, raw, tag

_MODULES = (
    "dom",
    "scale",
    "frame",
    "step_path",
    "viewport",
    "zooming",
    "legend",
    "paper_width",
    "step_chart",
    "sorting",
    "search_run",
    "curve_chart",
    "trainings_view",
    "replay_view",
    "search_section",
    "main",
)
"""Each after those that it imports."""
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const)) (\w+)", re.MULTILINE)


def page(title: str, header: Markup, sections: Sequence[tuple[str, str, Markup]]) -> str:
    """The whole file. sections: id, name in the table of contents, content.

    The policy allows exactly the style sheet and the script that stand in the file, by their hashes, images
    that are data, and nothing from elsewhere.
    """
    style, script = _asset("report.css"), _script()
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    contents = tag(
        "nav",
        tag("ul", *(tag("li", tag("a", name, href=f"#{id_}")) for id_, name, _ in sections)),
        aria_label="Contents",
    )
    document = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", title),
            tag("link", rel="icon", href="data:,"),
            tag("style", raw(style)),
        ),
        tag(
            "body",
            tag("a", "Skip to the results", href="#results", class_="skip"),
            tag("header", header, contents),
            tag("main", *(content for _, _, content in sections), id="results", tabindex=-1),
            tag("footer", tag("p", _made_by())),
            tag("script", raw(script)),
        ),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{document}\n"


def _made_by() -> Markup:
    from nascurve import __version__

    return join(f"Made by nascurve {__version__}. Nothing in this file is fetched from elsewhere.")


def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _script() -> str:
    """All modules in one script, each in a scope of its own: a page without a server cannot import files."""
    return '"use strict";\n' + "".join(map(_module, _MODULES))


def _module(name: str) -> str:
    text = _asset(f"{name}.js")
    exported = ", ".join(match[2] for match in _EXPORT.finditer(text))
    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub(r"const \1 = \2_module;", text))
    return f"const {name}_module = (() => {{\n{body}return {{ {exported} }};\n}})();\n"


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
