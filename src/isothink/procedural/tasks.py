"""The table of procedural tasks, and what holds over all of them. Called by benchmark/, teacher/ and the backends.

Four families, named for their mechanism: `recall-oe`, `lookup-mc`, `arithmetic-oe`, `arithmetic-mc`.
"""

from isothink.procedural.largest import LARGEST
from isothink.procedural.lettered_arithmetic import CHAIN_MC, PRODUCT_MC
from isothink.procedural.lookup import LOOKUP
from isothink.procedural.open_arithmetic import CHAIN, OPEN_PRODUCT
from isothink.procedural.parity import PARITY
from isothink.procedural.question import ForeignPromptError, Solution
from isothink.procedural.recall import CAPITAL, COLOUR
from isothink.procedural.task import Task

_ALL: tuple[Task, ...] = (CAPITAL, COLOUR, LARGEST, LOOKUP, CHAIN, PARITY, OPEN_PRODUCT, CHAIN_MC, PRODUCT_MC)

TASKS: dict[str, Task] = {task.name: task for task in _ALL}


def solve(prompt: str) -> Solution:
    """The solution of a question of any task.

    Raises:
        ForeignPromptError: the prompt is not a question of any of them.
    """
    for task in TASKS.values():
        try:
            return task.solve(prompt)
        except ForeignPromptError:
            continue
    raise ForeignPromptError("any procedural task", prompt)


def vocabulary() -> tuple[str, ...]:
    """Every word that a prompt, a step or an answer of any task can hold, sorted; without special tokens."""
    return tuple(sorted(frozenset().union(*(task.words for task in TASKS.values()))))
