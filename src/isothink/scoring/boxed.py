r"""The last `\boxed{...}` of a text, in one pass over it whatever the text is. Called by the scorers."""

import re

# An escaped brace (or backslash) is matched first, and so opens and closes nothing.
_MARK = re.compile(r"\\boxed\{|\\[\\{}]|[{}]")


def last_boxed(text: str) -> str | None:
    """The content of the box that begins last among those that are closed; None where there is none."""
    open_braces: list[tuple[bool, int]] = []
    last: tuple[int, int] | None = None
    for mark in _MARK.finditer(text):
        if mark[0] == "}":
            is_box, start = open_braces.pop() if open_braces else (False, 0)
            if is_box and (last is None or start > last[0]):
                last = (start, mark.start())
        elif mark[0][-1] == "{" and mark[0] != r"\{":
            open_braces.append((mark[0] != "{", mark.end()))
    return None if last is None else text[slice(*last)]
