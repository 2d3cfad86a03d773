"""The protocol of a procedural task: a generator of questions and a solver that reads their text.

Implemented by the modules beside this one; used through the table in `tasks.py`.
"""

from typing import Protocol

from isothink.domain.sample import AnswerFormat
from isothink.procedural.question import Question, Solution
from isothink.procedural.split import Split


class Task(Protocol):
    """One benchmark: its questions and their solutions."""

    @property
    def name(self) -> str:
        """The benchmark's name, the key in the table of tasks."""

    @property
    def family(self) -> str:
        """The mechanism and the form of the answer (`-oe` open-ended, `-mc` lettered options)."""

    @property
    def answer_format(self) -> AnswerFormat:
        """How an answer is compared with the right one."""

    @property
    def train_is_test(self) -> bool:
        """Whether the test asks for what training taught, as recall does by nature."""

    @property
    def words(self) -> frozenset[str]:
        """Every word that a prompt, a step or an answer of this task can hold."""

    def questions(self, *, split: Split, limit: int, seed: int) -> list[Question]:
        """At most `limit` questions with distinct prompts, fewer where the pool is smaller.

        A smaller limit gives the beginning of the list that a larger one gives.
        """

    def solve(self, prompt: str) -> Solution:
        """The solution, worked out from the text of the prompt alone.

        Raises:
            ForeignPromptError: the prompt is not a question of this task.
        """
