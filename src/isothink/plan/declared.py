"""What a plan assumes of students and items before anything exists, from the study alone. Called by run/pipeline.py."""

import numpy as np

from isothink.compute.architecture import Architecture
from isothink.corpus.declared import DECLARED
from isothink.domain.study import Study
from isothink.errors import StudyError
from isothink.plan.cells import ItemLengths
from isothink.plan.students import student_architecture

_UNKNOWN = 1
"""A vocabulary that every student's is as large as: random weights take the tokenizer's."""


def smallest_vocabulary(study: Study) -> int:
    """The smallest vocabulary among the students' shapes, which no tokenizer that they share exceeds.

    Raises:
        StudyError: no student's shape has one.
    """
    shapes: list[Architecture] = [student_architecture(study, index, _UNKNOWN) for index in range(len(study.students))]
    known = [shape.vocabulary_size for shape in shapes if shape.vocabulary_size > _UNKNOWN]
    if not known:
        raise StudyError(
            "students: found none with vocab_size, which a plan from declared lengths needs",
            hint="a student's `model`, or `architecture.vocab_size`, says it",
        )
    return min(known)


def declared_items(study: Study) -> ItemLengths:
    """The items of every task: as many as the study asks for, or as its benchmark is known to have.

    Prompts are as long as the benchmark's are known to be, else as `lengths.item_prompt_tokens` says.
    """
    assert study.lengths is not None
    known = {benchmark.name: benchmark for benchmark in study.evaluation.benchmarks}
    wanted = study.evaluation.items_per_task
    tokens: list[int] = []
    for task in study.evaluation.tasks:
        benchmark = known.get(task)
        count = benchmark.items if benchmark is not None and benchmark.items is not None else wanted
        each = benchmark.prompt_tokens if benchmark is not None else None
        tokens.extend([each or study.lengths.item_prompt_tokens] * min(count, wanted))
    return ItemLengths(identity=DECLARED, prompt_tokens=np.asarray(tokens, dtype=np.int64))
