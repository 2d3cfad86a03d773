"""The study file's schema: what a user asks for, as frozen records. Parsed by store/, read by every stage.

Each alternative (a kind of prompts, of teacher, of batch, of learning rates) is a type of its own, chosen by a key.
Values that cannot be meant (unknown keys, wrong types, negative, NaN, infinite, empty) are refused here; what needs
other packages (task names, architectures) is checked by plan/. Prompts, teacher and filters have files of their own.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.arm import Arm, parse_arm
from isothink.domain.budget_settings import Budgets, DeclaredLengths, Match
from isothink.domain.evaluation_settings import Evaluation, ServedAnswers
from isothink.domain.filter_settings import Filters
from isothink.domain.prompt_settings import DataPrompts, ProceduralPrompts
from isothink.domain.reply import MODES
from isothink.domain.student_settings import Rendering, StudentSettings, TokenizerSettings
from isothink.domain.study_record import (
    Count,
    FilePath,
    Name,
    StudyRecord,
    distinct,
    printable,
)
from isothink.domain.teacher_settings import OpenAITeacher, TeacherSettings, TransformersTeacher, mode_sampling
from isothink.domain.training_settings import RateSweep, RateTable, Training

SCHEMA_VERSION = 1
"""Version of the study file, and of every stored record that does not carry its own."""

SeedCount = Annotated[int, Field(ge=1, le=1000)]


def _known_version(version: int) -> int:
    if version != SCHEMA_VERSION:
        raise PydanticCustomError("version", "allowed: {version}", {"version": SCHEMA_VERSION})
    return version


def _canonical_arm(text: str) -> str:
    return str(_arm(text))


def _arm(text: str) -> Arm:
    try:
        return parse_arm(text)
    except ValueError as error:
        raise PydanticCustomError("arm", "{reason}", {"reason": str(error)}) from None


class Seeds(StudyRecord):
    """How many seeds each arm gets: `default`, or the number given for that arm by name. Seeds count from 0."""

    default: SeedCount = 1
    """For every arm that is not named."""
    arms: dict[str, SeedCount] = Field(default_factory=dict)
    """A number for each arm that gets another."""

    @field_validator("arms")
    @classmethod
    def _arms_parse(cls, arms: dict[str, int]) -> dict[str, int]:
        distinct(tuple(_canonical_arm(text) for text in arms))
        return {_canonical_arm(text): count for text, count in arms.items()}


class VerdictSettings(StudyRecord):
    """What the report's verdict is asked for, unless a command asks for something else."""

    queries: Annotated[float, Field(ge=0, le=1e30)] = 1e6
    """Queries that the student will serve."""


Keep = Literal["needed", "all"]
Compile = Literal["auto", "never"]
Reporter = Literal["tensorboard", "wandb", "trackio"]


class Resources(StudyRecord):
    """Where and how the study runs; never part of an identity.

    `flops_per_second` of one worker is an estimate for the plan; once segments are complete their speed is used.
    """

    processes: Annotated[int, Field(ge=1, le=256)] = 1
    """Worker processes; on GPUs, one for each."""
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    """Threads of each worker."""
    flops_per_second: Annotated[float, Field(ge=1, le=1e30)] | None = None
    """Of one worker, for the plan's first guess of the time."""
    micro_batch_tokens: Count | None = None
    """The most tokens that go through a model at once; on a GPU found by halving where memory runs out."""
    activation_checkpointing: bool = False
    """Computes activations again in the backward pass: less memory, a third more hardware FLOPs."""
    compile: Compile = "auto"
    """`auto` compiles the layers of students with 1e8 parameters and more on a GPU (torch.compile)."""
    checkpoint_seconds: Annotated[float, Field(ge=0, le=1e7)] = 1800.0
    """How much of a segment's training an interruption may lose; 0 keeps the state after every optimizer step."""
    keep: Keep = "needed"
    """`needed` removes the weights of a segment when everything planned that reads them is complete."""
    push_to_hub: Name | None = None
    """A user or organisation of the Hugging Face Hub, as whose private models finished students are uploaded."""
    report_to: Annotated[tuple[Reporter, ...], Field(strict=False), AfterValidator(distinct)] = ()
    """Where the metrics of every optimizer step go as well, as they are made."""


class PairStudy(StudyRecord):
    """The part of a study file that makes pairs; `isothink generate` needs no more."""

    schema_version: Annotated[int, AfterValidator(_known_version)]
    """The version of this format: 1."""
    name: Name
    """Names the run folder, `runs/NAME`, unless `output` does."""
    title: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""
    """A heading for the report."""
    prompts: Annotated[ProceduralPrompts | DataPrompts, Field(discriminator="backend")]
    """What the teacher is asked, or where its finished pairs are."""
    teacher: TeacherSettings
    """Who answers every prompt twice, with its reasoning mode off and on."""
    filters: Filters = Filters()
    """Which pairs are kept."""
    output: FilePath | None = None
    """The run folder, beside the study file unless absolute; `runs/NAME` under the current folder by default."""

    @model_validator(mode="after")
    def _teacher_fits_prompts(self) -> "PairStudy":
        teacher, prompts = self.teacher.backend, self.prompts
        if teacher == "symbolic" and prompts.backend != "procedural":
            raise PydanticCustomError(
                "teacher", "teacher.backend: found symbolic, which needs prompts.backend: procedural"
            )
        if teacher == "recorded" and prompts.backend != "data":
            raise PydanticCustomError("teacher", "teacher.backend: found recorded, which needs prompts.backend: data")
        if isinstance(prompts, DataPrompts):
            for index, chosen in enumerate(prompts.sets):
                if (chosen.rows.layout == "prompts") == (teacher == "recorded"):
                    raise PydanticCustomError(
                        "layout",
                        "prompts.sets[{index}].rows.layout: found {layout}, allowed with teacher {teacher}: {allowed}",
                        {
                            "index": index,
                            "layout": chosen.rows.layout,
                            "teacher": teacher,
                            "allowed": "pairs, messages, completions" if teacher == "recorded" else "prompts",
                        },
                    )
        return self

    @model_validator(mode="after")
    def _retry_is_longer(self) -> "PairStudy":
        teacher, longer = self.teacher, self.filters.retry_max_tokens
        if longer is not None and isinstance(teacher, OpenAITeacher | TransformersTeacher):
            cap = max(mode_sampling(teacher, mode).max_tokens for mode in MODES)
            if longer <= cap:
                raise PydanticCustomError(
                    "retry",
                    "filters.retry_max_tokens: found {longer}, allowed is more than the first cap, {cap}",
                    {"longer": longer, "cap": cap},
                )
        return self


class Study(PairStudy):
    """A whole study file. Without any key from `tokenizer` on, it makes pairs only, for `isothink generate`."""

    tokenizer: TokenizerSettings
    """One for all students."""
    rendering: Rendering = Rendering()
    """How a pair becomes the text that students read."""
    students: Annotated[tuple[StudentSettings, ...], Field(min_length=1, strict=False)]
    """The ladder of base models; each is trained in every arm at every budget."""
    arms: Annotated[
        tuple[Annotated[str, AfterValidator(_canonical_arm)], ...],
        Field(min_length=1, strict=False),
        AfterValidator(distinct),
    ]
    """What students are trained on: `ift`, `reasoning`, `sequential(RHO)` or `mixed(RHO)`, where RHO is the share of
    reasoning instances."""
    match: Match = "training_flops"
    """What cells of one budget have in common: their training FLOPs, or (as published) the number of prompts."""
    budgets: Budgets
    """Where the training of every cell stops."""
    lengths: DeclaredLengths | None = None
    """What to plan with before any pair exists."""
    seeds: Seeds = Seeds()
    """How often each cell is trained."""
    training: Training
    """How every cell is trained; the same for all arms."""
    evaluation: Evaluation
    """What every cell is asked, and how its answers are judged."""
    verdict: VerdictSettings = VerdictSettings()
    """What the report decides for."""
    resources: Resources = Resources()
    """Where and how fast it all runs; never part of a result's identity."""

    @model_validator(mode="after")
    def _budgets_fit_match(self) -> "Study":
        wrong = "samples" if self.match == "training_flops" else "training_flops"
        if getattr(self.budgets, wrong) is not None:
            raise PydanticCustomError(
                "match",
                "budgets.{wrong}: does not fit match: {match}, allowed are {match}, or one_epoch_of with fractions",
                {"wrong": wrong, "match": self.match},
            )
        return self

    @field_validator("students")
    @classmethod
    def _student_names_differ(cls, students: tuple[StudentSettings, ...]) -> tuple[StudentSettings, ...]:
        distinct(tuple(student.name for student in students))
        return students

    @model_validator(mode="after")
    def _rates_cover_students(self) -> "Study":
        rates = self.training.learning_rate
        if isinstance(rates, RateTable):
            names = [student.name for student in self.students]
            for name in names:
                if name not in rates.rates:
                    raise PydanticCustomError(
                        "rates",
                        "training.learning_rate.rates: found no entry for student {name}, every student needs one",
                        {"name": name},
                    )
            for name in rates.rates:
                if name not in names:
                    raise PydanticCustomError(
                        "rates",
                        "training.learning_rate.rates: found {name}, allowed are the students {names}",
                        {"name": name, "names": ", ".join(names)},
                    )
        return self

    @model_validator(mode="after")
    def _seed_arms_are_arms(self) -> "Study":
        for arm in self.seeds.arms:
            if arm not in self.arms:
                raise PydanticCustomError(
                    "seeds",
                    "seeds.arms: found {arm}, allowed are the arms {arms}",
                    {"arm": arm, "arms": ", ".join(self.arms)},
                )
        return self

    @model_validator(mode="after")
    def _answers_fit(self) -> "Study":
        for name in self.evaluation.arms:
            if name not in self.arms:
                raise PydanticCustomError(
                    "arms",
                    "evaluation.arms: found {arm}, allowed are the arms {arms}",
                    {"arm": name, "arms": ", ".join(self.arms)},
                )
        if self.evaluation.repeats > 1 and self.evaluation.is_greedy:
            raise PydanticCustomError(
                "repeats",
                "evaluation.repeats: found {repeats}, allowed with greedy sampling is 1: repeats would be alike",
                {"repeats": self.evaluation.repeats},
            )
        if isinstance(self.evaluation.answerer, ServedAnswers) and isinstance(self.training.learning_rate, RateSweep):
            raise PydanticCustomError(
                "answerer",
                "evaluation.answerer.backend: found openai, allowed with learning_rate.by: sweep are transformers and"
                " vllm, since nobody serves the search's trials",
            )
        return self

    @model_validator(mode="after")
    def _every_cell_is_served_by_its_name(self) -> "Study":
        """Cells under one name would be one model's answers, compared with themselves."""
        answerer, budgets = self.evaluation.answerer, self.budgets
        if not isinstance(answerer, ServedAnswers) or "cell" in answerer.placeholders:
            return self
        several = {
            "student": len(self.students),
            "arm": len(self.arms),
            "budget": len(budgets.training_flops or budgets.samples or budgets.fractions or ()),
            "seed": max(len(self.seeds_of(arm)) for arm in self.arms),
        }
        for name, count in several.items():
            if count > 1 and name not in answerer.placeholders:
                raise PydanticCustomError(
                    "answerer",
                    'evaluation.answerer.model: found "{model}", which calls the cells of {count} {name}s alike,'
                    " allowed is a name for every cell, as {cell} is",
                    {"model": answerer.model, "count": count, "name": name, "cell": "{cell}"},
                )
        return self

    def seeds_of(self, arm: str) -> range:
        """The seeds that `arm` is trained with."""
        return range(self.seeds.arms.get(arm, self.seeds.default))
