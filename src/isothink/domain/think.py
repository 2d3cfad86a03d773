"""Think states: where a generated text thinks and what stands outside as its answer.

Called by benchmark/ for students and by teacher/ for teachers.

Only what follows the trace is ever scored, and a trace that is not closed has no answer: a trace cut off by the token
cap is not one (EleutherAI/lm-evaluation-harness#3382, UKGovernmentBEIS/inspect_evals#2097).

Students write tags in any number and order. Two rules cover all of them:

- The *last* tag decides whether there is an answer. After a close, the answer is the text that follows it; after an
  open the student was still thinking, whatever it wrote before.
- The *first* tag decides where the trace begins. At an open, what stands before it is neither trace nor answer; at a
  close, the opener came with the prompt and the trace begins with the text.

So the answer of `<think> a </think> B <think> c </think> D` is D, and `<think> a </think> B <think> c` has none.
"""

import re
from dataclasses import dataclass

from isothink.domain.sample import ThinkState

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"
_TAG = re.compile(f"{re.escape(THINK_OPEN)}|{re.escape(THINK_CLOSE)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ThinkParse:
    """A text taken apart; `trace` is empty where there was none, `answer` is None where the trace was not closed."""

    state: ThinkState
    trace: str
    answer: str | None


def parse_think(text: str) -> ThinkParse:
    """The trace and the answer of a text that a student wrote; white space around them is dropped."""
    tags = list(_TAG.finditer(text))
    if not tags:
        return ThinkParse(state="none", trace="", answer=text.strip())
    first, last = tags[0], tags[-1]
    opened = first[0] == THINK_OPEN
    trace_start = first.end() if opened else 0
    if last[0] == THINK_OPEN:
        return ThinkParse(state="unclosed", trace=text[trace_start:].strip(), answer=None)
    return ThinkParse(
        state="closed" if opened else "orphan_close",
        trace=text[trace_start : last.start()].strip(),
        answer=text[last.end() :].strip(),
    )
