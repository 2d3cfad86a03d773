r"""Mathematics as people type it, made into the LaTeX that math-verify reads. Called by its worker process.

Left alone, math-verify 0.9 reads `pi` as p·i and `3 1/2` as a product, and none of `x**2`, `√2`, `½` and `90°`.
"""

import re

_SYMBOLS = str.maketrans(
    {
        "×": r" \times ",
        "÷": r" \div ",
        "·": r" \cdot ",
        "±": r" \pm ",
        "≤": r" \leq ",
        "≥": r" \geq ",
        "≠": r" \neq ",
        "∞": r" \infty ",
        "π": r" \pi ",
        "∪": r" \cup ",
        "∩": r" \cap ",
        "∈": r" \in ",
        "°": r"^{\circ}",
        "½": r"\frac{1}{2}",
        "⅓": r"\frac{1}{3}",
        "⅔": r"\frac{2}{3}",
        "¼": r"\frac{1}{4}",
        "¾": r"\frac{3}{4}",
        "−": "-",
        **{char: f"^{digit}" for digit, char in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    }
)
_REWRITES = (
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\\[!,;: ]"), " "),
    (re.compile(r"(?<=\d)\s(?=\d{3}(?!\d))"), ""),  # a separator of thousands, once `\,` is a space
    (re.compile(r"(?<![\\A-Za-z])(pi|sqrt|sin|cos|tan|log|ln|infty)(?![A-Za-z])"), r"\\\1 "),
    (re.compile(r"(?:\\sqrt|√)\s?\(([^()]{0,200})\)"), r"\\sqrt{\1}"),
    (re.compile(r"√\s?(\d+|[A-Za-z])"), r"\\sqrt{\1}"),
    (re.compile(r"(?<![\d./])(\d+)\s(\d+)\s?/\s?(\d+)(?![\d./])"), r"\1\\frac{\2}{\3}"),
)


def as_latex(text: str) -> str:
    """The same mathematics; LaTeX stays as it is."""
    latex = text.translate(_SYMBOLS)
    for pattern, replacement in _REWRITES:
        latex = pattern.sub(replacement, latex)
    return latex


def is_balanced(latex: str) -> bool:
    r"""Whether every brace closes one that was opened: `5} + {3` would leave the box that it is put in."""
    depth = 0
    for brace in re.findall(r"\\.|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth < 0:
            return False
    return depth == 0
