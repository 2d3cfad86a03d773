"""The study file's schema: what a user asks for, as frozen records. Parsed by store/, read by every stage.

Each alternative (a kind of prompts, of teacher, of batch, of learning rates) is a type of its own, chosen by a key.
Values that cannot be meant (unknown keys, wrong types, negative, NaN, infinite, empty) are refused here; what needs
other packages (task names, architectures) is checked by plan/. Prompts, teacher and filters have files of their own.
"""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, field_validator, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.arm import Arm, parse_arm
from isothink.domain.filter_settings import Filters
from isothink.domain.prompt_settings import DataPrompts, ProceduralPrompts
from isothink.domain.study_record import (
    Count,
    FilePath,
    Name,
    PositiveFloat,
    Seed,
    StudyRecord,
    Words,
    distinct,
    printable,
)
from isothink.domain.teacher_settings import TeacherSettings

SCHEMA_VERSION = 1
"""Version of the study file, and of every stored record that does not carry its own."""

Flops = Annotated[float, Field(gt=0, le=1e30)]
"""Up to a thousand times the largest training run that is known of."""
Rate = Annotated[float, Field(gt=0, le=1000)]
SeedCount = Annotated[int, Field(ge=1, le=1000)]


def _increasing(values: tuple[float, ...]) -> tuple[float, ...]:
    if list(values) != sorted(values):
        raise PydanticCustomError("order", "allowed are values that increase")
    return values


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


class WordTokenizer(StudyRecord):
    """One token per word of the procedural vocabulary, with a chat template."""

    backend: Literal["words"]


class StudentSettings(StudyRecord):
    """A base model at one scale: random weights in the shape that `architecture` gives.

    `architecture` holds the fields of a Hugging Face `config.json`; `vocab_size` is filled in from the tokenizer.
    """

    name: Name
    backend: Literal["transformers"] = "transformers"
    architecture: dict[str, JsonValue]


class Budgets(StudyRecord):
    """Caps on a cell's training FLOPs, in the `exact` convention."""

    training_flops: Annotated[
        tuple[Flops, ...],
        Field(min_length=1, strict=False),
        AfterValidator(distinct),
        AfterValidator(_increasing),
    ]


class TokenBatch(StudyRecord):
    """An optimizer step reads as many whole examples as fit into `size` tokens, at least one."""

    unit: Literal["tokens"]
    size: Count


class InstanceBatch(StudyRecord):
    """An optimizer step reads `size` examples."""

    unit: Literal["instances"]
    size: Annotated[int, Field(ge=1, le=10**6)]


class RateRule(StudyRecord):
    """Peak learning rate = `rate` * (`reference_width` / hidden size) ** `exponent`, the same for both formats."""

    by: Literal["rule"]
    rate: Rate
    reference_width: Count
    exponent: Annotated[float, Field(ge=0, le=10)]


class FormatRates(StudyRecord):
    """Peak learning rates of one student."""

    ift: Rate
    reasoning: Rate


class RateTable(StudyRecord):
    """Peak learning rates by student and format."""

    by: Literal["table"]
    rates: dict[str, FormatRates]


class AdamW(StudyRecord):
    """The optimizer's settings (Loshchilov and Hutter, arXiv:1711.05101)."""

    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    epsilon: PositiveFloat = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_gradient_norm: PositiveFloat = 1.0


class Training(StudyRecord):
    """How every cell is trained; the same for all arms."""

    batch: Annotated[TokenBatch | InstanceBatch, Field(discriminator="unit")]
    learning_rate: Annotated[RateRule | RateTable, Field(discriminator="by")]
    warmup_steps: Annotated[int, Field(ge=0, le=10**7)]
    decay_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """The last share of a budget's FLOPs, in which the rate falls linearly."""
    final_rate_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The rate at the end of the decay, as a share of the peak."""
    max_epochs: PositiveFloat = 1.0
    optimizer: AdamW = AdamW()
    precision: Literal["float32", "bfloat16"] = "float32"


class Evaluation(StudyRecord):
    """How every cell answers; the same items, cap and sampling for all."""

    tasks: Annotated[tuple[Words, ...], Field(min_length=1, strict=False), AfterValidator(distinct)]
    items_per_task: Count
    seed: Seed = 0
    max_new_tokens: Count
    sampling: Literal["greedy"] = "greedy"
    batch_size: Count = 128


class Seeds(StudyRecord):
    """How many seeds each arm gets: `default`, or the number given for that arm by name. Seeds count from 0."""

    default: SeedCount = 1
    arms: dict[str, SeedCount] = Field(default_factory=dict)

    @field_validator("arms")
    @classmethod
    def _arms_parse(cls, arms: dict[str, int]) -> dict[str, int]:
        distinct(tuple(_canonical_arm(text) for text in arms))
        return {_canonical_arm(text): count for text, count in arms.items()}


class VerdictSettings(StudyRecord):
    """What the report's verdict is asked for, unless a command asks for something else."""

    queries: Annotated[float, Field(ge=0, le=1e30)] = 1e6


class Resources(StudyRecord):
    """Where the study runs; never part of an identity.

    `flops_per_second` of one worker is an estimate for the plan; once segments are complete their speed is used.
    """

    processes: Annotated[int, Field(ge=1, le=256)] = 1
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    flops_per_second: Annotated[float, Field(ge=1, le=1e30)] | None = None


class PairStudy(StudyRecord):
    """The part of a study file that makes pairs; `isothink generate` needs no more."""

    schema_version: Annotated[int, AfterValidator(_known_version)]
    name: Name
    title: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""
    prompts: Annotated[ProceduralPrompts | DataPrompts, Field(discriminator="backend")]
    teacher: TeacherSettings
    filters: Filters = Filters()
    output: FilePath | None = None

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


class Study(PairStudy):
    """A whole study file. Without any key from `tokenizer` on, it makes pairs only, for `isothink generate`."""

    tokenizer: WordTokenizer
    students: Annotated[tuple[StudentSettings, ...], Field(min_length=1, strict=False)]
    arms: Annotated[
        tuple[Annotated[str, AfterValidator(_canonical_arm)], ...],
        Field(min_length=1, strict=False),
        AfterValidator(distinct),
    ]
    budgets: Budgets
    seeds: Seeds = Seeds()
    training: Training
    evaluation: Evaluation
    verdict: VerdictSettings = VerdictSettings()
    resources: Resources = Resources()

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

    def seeds_of(self, arm: str) -> range:
        """The seeds that `arm` is trained with."""
        return range(self.seeds.arms.get(arm, self.seeds.default))


def peak_rate(training: Training, student: str, hidden_size: int, format_name: Literal["ift", "reasoning"]) -> float:
    """Peak learning rate of one student in one format."""
    rates = training.learning_rate
    if isinstance(rates, RateTable):
        return rates.rates[student].ift if format_name == "ift" else rates.rates[student].reasoning
    return rates.rate * math.pow(rates.reference_width / hidden_size, rates.exponent)
