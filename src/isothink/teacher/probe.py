"""The toggle check: whether a teacher's reasoning mode does what it should, on a few prompts. Called by run/.

It runs before the whole set is paid for, because models and servers ignore the toggle in silence
(Helldez/BigMoeOnEdge#82), or put the plain answer where the trace belongs (vllm-project/vllm#17357).
"""

from collections.abc import Sequence

from isothink.errors import StepError
from isothink.teacher.protocol import Reply, Teacher

PROBES = 4
_SHOWN_CHARACTERS = 200


def check_toggle(teacher: Teacher, prompts: Sequence[str], *, probes: int = PROBES) -> None:
    """Ask the first few prompts in both modes.

    Raises:
        StepError: there is no prompt to ask, or a reply has a trace where it should have none or none where it should
            have one; the message shows both replies.
    """
    if not prompts:
        raise StepError(f"teacher {teacher.name!r} cannot be checked without a prompt")
    for prompt in prompts[:probes]:
        off, on = teacher.answer(prompt, "off"), teacher.answer(prompt, "on")
        fault = _fault(off, on)
        if fault is not None:
            raise StepError(
                f"teacher {teacher.name!r}: {fault}; to {_shown(prompt)} it said"
                f" {_shown(off.text)} with reasoning off, {_shown(on.text)} with reasoning on",
                hint="check that the model has a reasoning mode and that its server passes the toggle on",
            )


def _fault(off: Reply, on: Reply) -> str | None:
    """What is wrong with a pair of replies, if anything."""
    if off.trace.strip():
        return "it reasons with reasoning off"
    if not on.trace.strip():
        return "it does not reason with reasoning on"
    return None


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} ...")
