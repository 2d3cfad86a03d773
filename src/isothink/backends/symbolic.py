"""The symbolic teacher: a program that solves every procedural question, always rightly and for no FLOPs.

Looked up by run/ under the name `symbolic`. It reads the text of the prompt and knows nothing of how it was generated.
"""

from collections.abc import Iterable

from pydantic import JsonValue

from isothink.domain.reply import Reply
from isothink.domain.teacher_settings import SymbolicTeacher as Settings
from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.procedural.tasks import solve
from isothink.teacher.protocol import Question, Receive


class SymbolicTeacher:
    """With reasoning off the answer alone; with reasoning on the worked steps before it. Its tokens are words."""

    name = "symbolic"
    is_free = True
    architecture = None

    def __init__(self, settings: Settings | None = None) -> None:
        """There is nothing to set."""

    def render(self, question: Question) -> JsonValue:
        """See Teacher."""
        return {"prompt": question.prompt, "reasoning": question.mode}

    def answer_all(self, questions: Iterable[Question], receive: Receive) -> None:
        """Solves each question of any procedural task.

        Raises:
            UsageError: a prompt is not such a question.
        """
        for question in questions:
            receive(question, self._reply(question))

    def _reply(self, question: Question) -> Reply:
        solution = solve(question.prompt)
        trace = " ".join(solution.steps) if question.mode == "on" else ""
        text = f"{THINK_OPEN} {trace} {THINK_CLOSE} {solution.answer}" if trace else solution.answer
        tokens = len(text.split())
        return Reply(
            message=text,
            content=text,
            finish="end",
            finish_reason="end",
            model=self.name,
            prompt_tokens=len(question.prompt.split()),
            output_tokens=tokens,
            max_tokens=tokens,
            latency_seconds=0.0,
        )
