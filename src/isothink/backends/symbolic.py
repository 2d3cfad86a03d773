"""The symbolic teacher: a program that solves every procedural question, always rightly and for no FLOPs.

Looked up by run/ under the name `symbolic`. It reads the text of the prompt and knows nothing of how it was generated.
"""

from isothink.domain.pair import THINK_CLOSE, THINK_OPEN
from isothink.procedural.tasks import solve
from isothink.teacher.protocol import ReasoningMode, Reply


class SymbolicTeacher:
    """With reasoning off the answer alone; with reasoning on the worked steps before it. Its tokens are words."""

    name = "symbolic"
    flops_are_counted = False

    def answer(self, prompt: str, mode: ReasoningMode) -> Reply:
        """The reply to a question of any procedural task.

        Raises:
            UsageError: the prompt is not such a question.
        """
        solution = solve(prompt)
        trace = " ".join(solution.steps) if mode == "on" else ""
        text = f"{THINK_OPEN} {trace} {THINK_CLOSE} {solution.answer}" if trace else solution.answer
        return Reply(
            text=text,
            trace=trace,
            answer=solution.answer,
            prompt_tokens=len(prompt.split()),
            output_tokens=len(text.split()),
            flops=0.0,
        )
