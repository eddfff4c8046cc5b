"""Tables for a paper: LaTeX with booktabs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

_ESCAPED = {
    "\\": r"\textbackslash{}",
    **{character: "\\" + character for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "[": "{[}",  # after a line's \\ it would be read as the option of that
    "]": "{]}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "−": "$-$",
    "→": r"$\to$",
    "–": "--",
    "…": r"\dots{}",
    "\n": " ",
}
_NO_VALUE = "--"


def latex_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str,
    label: str,
    note: str = "",
    right: Collection[int] = (),
    bold: Collection[tuple[int, int]] = (),
) -> str:
    """A floating table, to be put into a document with `\\input`; needs the package booktabs.

    header, rows: plain text, escaped here; a cell "-" has no value.  label: of `\\ref`, after `tab:`.
    note: what the numbers are, below the table.  right: columns set flush right.  bold: (row, column) of the
    cells set in bold.
    """
    columns = "".join("r" if column in right else "l" for column in range(len(header)))
    body = [
        [_cell(text, (row, column) in bold) for column, text in enumerate(cells)]
        for row, cells in enumerate(rows)
    ]
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape(caption)}}}",
        rf"  \label{{tab:{_plain(label)}}}",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        _line([escape(name) for name in header]),
        r"    \midrule",
        *map(_line, body),
        r"    \bottomrule",
        r"  \end{tabular}",
    ]
    if note:
        lines.append(rf"  \par\smallskip\parbox{{\linewidth}}{{\footnotesize {escape(note)}}}")
    return "\n".join([*lines, r"\end{table}", ""])


def escape(text: str) -> str:
    """Plain text as LaTeX sets it."""
    return "".join(_ESCAPED.get(character, character) for character in text)


def _cell(text: str, bold: bool) -> str:
    escaped = _NO_VALUE if text == "-" else escape(text.strip())
    return rf"\textbf{{{escaped}}}" if bold else escaped


def _line(cells: Sequence[str]) -> str:
    return f"    {' & '.join(cells)} \\\\"


def _plain(label: str) -> str:
    """A label without what LaTeX would read as something else."""
    return "".join(character if character.isalnum() or character in "-:." else "-" for character in label)
