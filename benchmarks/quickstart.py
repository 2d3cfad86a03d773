"""What the benchmarks share: the quickstart's students and rows, a clock, medians. Imported by the other scripts."""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from isothink import api
from isothink.corpus.stream import cut, open_stream
from isothink.domain.arm import Format, Plain
from isothink.domain.study import Study
from isothink.plan.rates import student_rates
from isothink.plan.students import student_config
from isothink.run.inputs import Inputs, pilot_inputs
from isothink.store.run_folder import RunFolder
from isothink.student.protocol import Example, OptimizerStep

STUDY_FILE = Path(__file__).parent.parent / "studies" / "quickstart.yaml"
PROMPTS_PER_TASK = 600
"""Fewer than the study's: rows have the same lengths, and are made in seconds."""


@dataclass(frozen=True, kw_only=True)
class Quickstart:
    """The study and what its arms read."""

    study: Study
    inputs: Inputs

    def student_names(self) -> list[str]:
        """The ladder, smallest first."""
        return [student.name for student in self.study.students]

    def config(self, student: str) -> dict[str, object]:
        """The student's configuration as `transformers` knows it."""
        return student_config(self.study, self.student_names().index(student), self.inputs.corpus.vocabulary_size)

    def model(self, student: str) -> PreTrainedModel:
        """The student with random weights, the same at every call."""
        config = self.config(student)
        torch.manual_seed(0)
        known = AutoConfig.for_model(config.pop("model_type"), **config)
        return AutoModelForCausalLM.from_config(known, dtype=torch.float32).train()

    def learning_rate(self, student: str, format_name: Format) -> float:
        """The student's peak rate in one format."""
        index = self.student_names().index(student)
        return student_rates(self.study, index, int(str(self.config(student)["hidden_size"]))).of(format_name)

    def steps(self, student: str, format_name: Format, count: int) -> Iterator[OptimizerStep]:
        """The first optimizer steps of the study's first seed, made as they are read, as a run makes them."""
        corpus, batch = self.inputs.corpus, self.study.training.batch
        answers = corpus.reasoning if format_name == "reasoning" else corpus.ift
        examples = batch.size * (count + 1)  # more than enough: no example is shorter than a token
        stream = open_stream(self.inputs.lengths("pilot"), Plain(format=format_name), seed=0, count=examples)
        edges = cut(stream.length, batch)
        rate = self.learning_rate(student, format_name)

        def read() -> Iterator[OptimizerStep]:
            for number, (first, last) in enumerate(pairwise(edges[: count + 1])):
                pairs = (int(pair) for pair in stream.pair[first:last])
                rows = tuple(Example(prompt=corpus.prompt[pair], answer=answers[pair]) for pair in pairs)
                yield OptimizerStep(examples=rows, learning_rate=rate, number=number)

        return read()


def load_quickstart() -> Quickstart:
    """Reads the study file and makes its pairs."""
    study = api.load_study(STUDY_FILE, [f"prompts.per_task={PROMPTS_PER_TASK}"])
    with TemporaryDirectory() as nothing:
        return Quickstart(study=study, inputs=pilot_inputs(study, RunFolder(Path(nothing))))


class Clock:
    """Wall time, and processor time of this process, which other processes disturb less."""

    def start(self) -> None:
        """Starts, or starts anew."""
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """Notes the time since the start."""
        self.wall = time.perf_counter() - self._wall
        self.processor = time.process_time() - self._processor


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Tokens per second of one run."""

    wall: float
    processor: float


def speed(tokens: int, clock: Clock) -> Speed:
    """What a stopped clock says."""
    return Speed(wall=tokens / clock.wall, processor=tokens / clock.processor)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, smallest and largest."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratios(ours: Sequence[Speed], theirs: Sequence[Speed]) -> str:
    """How many times faster we are, round by round: by wall time, and by processor time."""
    pairs = list(zip(ours, theirs, strict=True))
    wall = [mine.wall / other.wall for mine, other in pairs]
    processor = [mine.processor / other.processor for mine, other in pairs]
    return f"wall {spread(wall)}, processor {spread(processor)}"
