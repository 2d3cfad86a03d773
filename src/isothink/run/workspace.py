"""What a worker knows of a run folder: study, plan and inputs, read once and kept while it goes from step to step."""

import uuid
from functools import cached_property
from typing import TYPE_CHECKING

from isothink.compute.architecture import Architecture
from isothink.corpus.lengths import CorpusLengths
from isothink.corpus.stream import Stream, cut, open_stream
from isothink.domain.arm import parse_arm
from isothink.domain.sample import Item
from isothink.domain.study import PairStudy, Study
from isothink.domain.training_settings import RateSweep
from isothink.errors import RunFolderError, UsageError
from isothink.plan.record import Plan, PlannedCell, PlannedTrial, Segment
from isothink.plan.students import student_architecture, student_config
from isothink.run.backends import choose_accelerator, load_tokenizer, load_trainer
from isothink.run.inputs import Inputs, read_inputs
from isothink.run.items import validation_items
from isothink.run.ranks import ALONE, Group
from isothink.store.run_folder import RunFolder, read_record
from isothink.store.study_file import read_pair_study

if TYPE_CHECKING:
    from isothink.corpus.lengths import Integers
    from isothink.corpus.protocol import Tokenizer
    from isothink.student.protocol import Trainer


class Workspace:
    """Lazy views of one run folder; assumes that the study and the plan do not change while it lives."""

    def __init__(self, folder: RunFolder, *, device: int = 0, group: Group = ALONE) -> None:
        self.folder = folder
        self.device = device
        """Which of this machine's accelerators this process takes, counting round."""
        self.group = group
        """The processes that train together with this one."""
        self.token = uuid.uuid4().hex
        self._streams: dict[tuple[str, int], Stream] = {}

    @property
    def has_study(self) -> bool:
        """Whether there is a study: a folder may hold imported results alone."""
        return self.folder.exists()

    @cached_property
    def pair_study(self) -> PairStudy:
        """The part of the study that makes pairs; a study file may hold no more.

        Raises:
            UsageError: the folder holds imported results and no study.
        """
        if not self.has_study:
            raise UsageError(
                f"{self.folder.path}: found imported results and no study, allowed here is the run folder of a study"
            )
        return read_pair_study(self.folder.study_file)

    @cached_property
    def study(self) -> Study:
        """The study as resolved.

        Raises:
            UsageError: the study makes pairs and nothing else.
        """
        if not isinstance(self.pair_study, Study):
            raise UsageError(
                f"{self.folder.path}: found a study that makes pairs only, allowed are those that train students"
            )
        return self.pair_study

    @cached_property
    def plan(self) -> Plan:
        """The plan."""
        return read_plan(self.folder)

    @cached_property
    def inputs(self) -> Inputs:
        """Corpus and items."""
        inputs = read_inputs(self.folder, self.study)
        if inputs is None:
            raise RunFolderError(f"{self.folder.path} holds no frozen corpus", hint="isothink run makes it")
        return inputs

    @cached_property
    def lengths(self) -> CorpusLengths:
        """Lengths of the frozen corpus."""
        return self.inputs.lengths("measured")

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """The study's tokenizer, the one that the corpus was frozen with.

        Raises:
            RunFolderError: it is another one now: a branch of the Hub moved, or a library reads its files differently.
        """
        tokenizer = load_tokenizer(self.study)
        frozen = self.inputs.corpus.tokenizer
        if tokenizer.fingerprint != frozen:
            raise RunFolderError(
                f"the tokenizer is {tokenizer.fingerprint}, and the corpus in {self.folder.path} was frozen with"
                f" {frozen}",
                hint="install the libraries' versions of then, or remove the run's corpus folder to have it made anew",
            )
        return tokenizer

    @cached_property
    def accelerator(self) -> str | None:
        """The name of this process's accelerator, which is its own from now on; None where there is none."""
        return choose_accelerator(self.device)

    def trainer(self, student: str) -> "Trainer":
        """What trains a student."""
        return load_trainer(self.study.students[self.student_index(student)].backend)

    def segment(self, step: str) -> Segment | None:
        """The segment of that id, if the plan has it."""
        return next((segment for segment in self.plan.segments if segment.id == step), None)

    def cell_of_samples(self, step: str) -> PlannedCell | None:
        """The cell whose evaluation has that id, if the plan has it."""
        return next((cell for cell in self.plan.cells if cell.samples == step), None)

    def trial_of_samples(self, step: str) -> PlannedTrial | None:
        """The trial of a search for learning rates whose evaluation has that id, if the plan has it."""
        return next((trial for trial in self.plan.trials if trial.samples == step), None)

    @cached_property
    def validation_items(self) -> tuple[Item, ...]:
        """What the trials of a search for learning rates answer."""
        sweep = self.study.training.learning_rate
        assert isinstance(sweep, RateSweep), "only a sweep has trials"
        return validation_items(self.study, sweep.validation)

    def student_index(self, name: str) -> int:
        """Position of a student in the ladder."""
        return [student.name for student in self.study.students].index(name)

    def architecture(self, student: str) -> Architecture:
        """The shape of a student."""
        return student_architecture(self.study, self.student_index(student), self.inputs.corpus.vocabulary_size)

    def config(self, student: str) -> dict[str, object]:
        """The Hugging Face configuration of a student."""
        return student_config(self.study, self.student_index(student), self.inputs.corpus.vocabulary_size)

    def steps_of(self, segment: Segment) -> tuple[Stream, "Integers"]:
        """A segment's stream, and the edges of the optimizer steps that the segment takes."""
        batch = self.study.training.batch
        count = segment.last + batch.size + 1  # the step that ends at `last` must not be the stream's unfinished one
        stream = self._stream(segment.arm, segment.seed, count)
        edges = cut(stream.length, batch, start=segment.phase_start)
        taken = edges[(edges >= segment.first) & (edges <= segment.last)]
        assert len(taken) == segment.steps + 1, "the plan's steps are not those of the stream"
        return stream, taken

    def _stream(self, arm: str, seed: int, count: int) -> Stream:
        key = (arm, seed)
        kept = self._streams.get(key)
        if kept is None or len(kept) < count:
            parsed = parse_arm(arm)
            kept = open_stream(self.lengths, parsed, seed=seed, count=count)  # type: ignore[arg-type]
            self._streams[key] = kept
        return kept


def read_plan(folder: RunFolder) -> Plan:
    """The stored plan.

    Raises:
        RunFolderError: there is none, or it is damaged.
    """
    plan = read_record(folder.plan_file, Plan)
    if plan is None:
        raise RunFolderError(f"{folder.path} holds no plan", hint="isothink run STUDY makes it")
    return plan
