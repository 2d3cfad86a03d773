"""What training a segment takes: its optimizer steps with their rates and FLOPs. Used by run/training.py."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from isothink.compute.architecture import Architecture
from isothink.compute.conventions import CONVENTIONS
from isothink.compute.flops import training_flops
from isothink.compute.lora import Adapters, lora_training_flops
from isothink.corpus.lengths import Integers
from isothink.corpus.stream import Stream
from isothink.plan.record import Segment
from isothink.student.protocol import Example, OptimizerStep
from isothink.student.schedule import schedule_factor

if TYPE_CHECKING:
    from isothink.run.workspace import Workspace


@dataclass(frozen=True)
class SegmentWork:
    """The steps of one segment, derived from the frozen corpus."""

    workspace: "Workspace"
    segment: Segment

    @cached_property
    def architecture(self) -> Architecture:
        """The student's shape."""
        return self.workspace.architecture(self.segment.student)

    @cached_property
    def _cut(self) -> tuple[Stream, Integers]:
        return self.workspace.steps_of(self.segment)

    @cached_property
    def flops(self) -> list[int]:
        """Of each step."""
        stream, edges = self._cut
        return [self._cost(stream.length[first:last]) for first, last in pairwise(edges)]

    @cached_property
    def rates(self) -> list[float]:
        """The learning rate of each step."""
        segment, training = self.segment, self.workspace.study.training
        decay = None if segment.decay is None else (segment.decay.first_step, segment.decay.steps)
        shape = {"warmup_steps": training.warmup_steps, "final_share": training.final_rate_share}
        numbers = range(segment.first_step, segment.first_step + segment.steps)
        return [segment.peak_rate * schedule_factor(number, decay=decay, **shape) for number in numbers]  # type: ignore[arg-type]

    def step(self, index: int) -> OptimizerStep:
        """One optimizer step of the segment."""
        stream, edges = self._cut
        positions = range(int(edges[index]), int(edges[index + 1]))
        return OptimizerStep(
            examples=tuple(self._example(stream, position) for position in positions),
            learning_rate=self.rates[index],
            number=self.segment.first_step + index,
        )

    def flops_by_convention(self) -> dict[str, int | None]:
        """What the whole segment costs as others count; with adapters no other convention says."""
        stream, _ = self._cut
        whole = stream.length[self.segment.first : self.segment.last]
        if self.workspace.study.training.adapters is not None:
            return {name: sum(self.flops) if name == "exact" else None for name in CONVENTIONS}
        return {name: convention.training_flops(self.architecture, whole) for name, convention in CONVENTIONS.items()}

    def _cost(self, lengths: Integers) -> int:
        adapters = self.workspace.study.training.adapters
        if adapters is None:
            return training_flops(self.architecture, lengths)
        shape = Adapters(rank=adapters.rank, matrices=frozenset(adapters.matrices))
        return lora_training_flops(self.architecture, lengths, shape)

    def _example(self, stream: Stream, position: int) -> Example:
        corpus = self.workspace.inputs.corpus
        pair = int(stream.pair[position])
        answers = corpus.reasoning if np.asarray(stream.is_reasoning)[position] else corpus.ift
        return Example(prompt=corpus.prompt[pair], answer=answers[pair])
