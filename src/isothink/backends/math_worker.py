r"""A process that compares mathematics with math-verify, one pair after the other. Started by `math_checker.py` alone.

A question is `[reference, answer]`, its answer whether they are equal. It may hang or die on any of them.
"""

from typing import Any

from isothink.backends.worker_process import serve
from isothink.scoring.notation import as_latex, is_balanced

MEMORY_LIMIT = 2 * 1024**3
"""Of address space. Such a process takes 60 MB; a tower of powers asks for all there is."""


def main() -> None:
    """Works until standard input ends."""
    # The first comparison imports and makes tables for 0.5 s.
    serve(lambda pair: compare(*pair), prepare=lambda: compare("1/2", "0.5"), memory_limit=MEMORY_LIMIT)


def compare(reference: str, answer: str) -> bool:
    """Whether the answer equals the reference. What cannot be read as mathematics equals nothing.

    Raises:
        ValueError: the reference cannot be read.
    """
    from math_verify import verify

    expected = _parse(reference)
    if expected is None:
        raise ValueError("the reference cannot be read as mathematics")
    found = _parse(answer)
    if found is None or {_brackets(reference), _brackets(answer)} == {"set", "sequence"}:
        return False
    # Its own time-outs are off: they are signals, and do not end what runs inside C.
    return bool(verify(expected, found, timeout_seconds=None, raise_on_error=True))


def _parse(text: str) -> Any:
    """The expression of the whole text; None where math-verify does not understand it.

    In a box, since elsewhere math-verify takes any number of a text that it does not understand for the answer.
    """
    from math_verify import LatexExtractionConfig, parse

    latex = as_latex(text)
    if not is_balanced(latex):
        return None
    expressions = parse(
        rf"\boxed{{{latex}}}",
        extraction_config=[LatexExtractionConfig(boxed_match_priority=0, try_extract_without_anchor=False)],
        fallback_mode="no_fallback",
        parsing_timeout=None,
        raise_on_error=True,
    )
    return expressions[0] if expressions else None


def _brackets(text: str) -> str:
    r"""`{1, 2}` is a set, `(1, 2)` a pair or an interval: math-verify takes them for equal. `1, 2` may be either."""
    opener = text.removeprefix(r"\left").lstrip("\\ ")[:1]
    return {"{": "set", "(": "sequence", "[": "sequence"}.get(opener, "neither")


if __name__ == "__main__":
    main()
