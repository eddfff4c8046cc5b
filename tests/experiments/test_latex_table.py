"""Tables for a paper: what LaTeX would choke on is escaped, what it sets is what was given."""

import re

import pytest

from nascurve.experiments.latex_table import escape, latex_table


@pytest.mark.parametrize(
    ("plain", "latex"),
    [
        ("last_value", r"last\_value"),
        ("50 % & #1", r"50 \% \& \#1"),
        ("a{b}~c^d\\e", r"a\{b\}\textasciitilde{}c\textasciicircum{}d\textbackslash{}e"),
        ("< 0.97 [0.5]", "$<$ 0.97 {[}0.5{]}"),
        ("4 × 2 … ±1", r"4 $\times$ 2 \dots{} $\pm$1"),
        ("two\nlines", "two lines"),
    ],
)
def test_every_character_is_set_as_it_stands(plain: str, latex: str) -> None:
    assert escape(plain) == latex


def test_a_table_with_bold_cells_and_missing_values() -> None:
    text = latex_table(
        ["method", "regret (pp)"],
        [["re_50", "0.54"], ["rs", "-"]],
        caption="Results at 50 %.",
        label="my results",
        note="pp: percentage points.",
        right=[1],
        bold=[(0, 1)],
    )
    assert r"\begin{tabular}{lr}" in text
    assert r"re\_50 & \textbf{0.54} \\" in text
    assert r"rs & -- \\" in text
    assert r"\caption{Results at 50 \%.}" in text
    assert r"\label{tab:my-results}" in text
    assert "pp: percentage points." in text
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]
    for rule in ("toprule", "midrule", "bottomrule"):
        assert text.count(rule) == 1
    assert r"\footnotesize" not in latex_table(["a"], [["b"]], caption="", label="x")
