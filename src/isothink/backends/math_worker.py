r"""A process that compares mathematics with math-verify, one pair after the other. Started by `math_checker.py` alone.

It reads lines of JSON, `[reference, answer]`, and answers each with one, `{"equal": ...}` or `{"error": ...}`. It may
hang or die on any of them. Its parent kills it then, and should that be dead, the system does by an alarm.
"""

import json
import logging
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import Any, TextIO

from isothink.scoring.notation import as_latex, is_balanced

MEMORY_LIMIT = 2 * 1024**3
"""Of address space. Such a process takes 60 MB; a tower of powers asks for all there is."""


def main() -> None:
    """Works until standard input ends; the argument is the seconds after which one comparison is surely abandoned."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # only answers go to standard output
    with suppress(OSError, ValueError):  # macOS refuses it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    logging.disable()
    try:
        compare("1/2", "0.5")  # imports and tables take 0.5 s, before the first deadline begins
    except Exception as error:
        _write(answers, error=_described(error))
        return
    _write(answers, ready=True)
    for line in sys.stdin:
        # The default action of this signal ends the process even inside a C function that holds Python's lock.
        signal.alarm(int(sys.argv[1]))
        reference, answer = json.loads(line)
        try:
            equal = compare(reference, answer)
        except Exception as error:
            _write(answers, error=_described(error))
        else:
            _write(answers, equal=equal)
        signal.alarm(0)


def _write(answers: TextIO, **facts: object) -> None:
    answers.write(json.dumps(facts) + "\n")
    answers.flush()


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


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
