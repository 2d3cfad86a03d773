"""Prompts of procedural tasks, with ids by content. Called by run/ before the teacher is asked anything."""

import hashlib
from collections.abc import Sequence

from isothink.domain.pair import Prompt
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS


def prompt_id(source: str, text: str) -> str:
    """An id by content, so that a resumed run finds its rows in whatever order the input comes.

    Rows by position break when the input is reordered (argilla-io/distilabel#1065, bespokelabsai/curator#564).
    """
    return hashlib.sha256(f"{source}\0{text}".encode()).hexdigest()[:20]


def procedural_prompts(tasks: Sequence[str], *, prompts_per_task: int, seed: int) -> list[Prompt]:
    """At most `prompts_per_task` training questions of each task, fewer where its pool is smaller.

    Raises:
        UsageError: a task is unknown.
    """
    for name in tasks:
        if name not in TASKS:
            raise UsageError(f"unknown task {name!r}: allowed are {', '.join(TASKS)}")
    return [
        Prompt(id=prompt_id(name, question.prompt), source=name, text=question.prompt)
        for name in tasks
        for question in TASKS[name].questions(split="train", limit=prompts_per_task, seed=seed)
    ]
