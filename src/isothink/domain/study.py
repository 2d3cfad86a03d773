"""The study file's schema: what a user asks for, as frozen records. Parsed by store/, read by every stage.

Each alternative (a kind of prompts, of teacher, of batch, of learning rates) is a type of its own, chosen by a key.
Values that cannot be meant (unknown keys, wrong types, negative, NaN, infinite, empty) are refused here; what needs
other packages (task names, architectures) is checked by plan/.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, PositiveInt, field_validator, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.arm import Arm, parse_arm
from isothink.domain.record import Record

SCHEMA_VERSION = 1
"""Version of the study file, and of every stored record that does not carry its own."""

PositiveFloat = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
]
"""A name that becomes part of file names: letters, digits, dot, underscore and hyphen."""


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise PydanticCustomError("repeated", "each value may stand once; {value} stands twice", {"value": value})
        seen.add(value)
    return values


def _increasing(values: tuple[float, ...]) -> tuple[float, ...]:
    if list(values) != sorted(values):
        raise PydanticCustomError("order", "values must increase")
    return values


class StudyRecord(Record):
    """A part of the study file; a key that it does not know is an error that names the keys it does."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    raise PydanticCustomError(
                        "unknown_key", "unknown key", {"key": str(key), "allowed": sorted(cls.model_fields)}
                    )
        return data


class ProceduralPrompts(StudyRecord):
    """Questions made by the generators of procedural/."""

    backend: Literal["procedural"]
    tasks: Annotated[tuple[str, ...], Field(min_length=1, strict=False), AfterValidator(_distinct)]
    per_task: PositiveInt
    """At most this many distinct training questions of each task; a task with fewer repeats them in later epochs."""
    seed: Seed = 0


class SymbolicTeacher(StudyRecord):
    """A program that solves every question; it costs no FLOPs."""

    backend: Literal["symbolic"]


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
        tuple[PositiveFloat, ...],
        Field(min_length=1, strict=False),
        AfterValidator(_distinct),
        AfterValidator(_increasing),
    ]


class TokenBatch(StudyRecord):
    """An optimizer step reads as many whole examples as fit into `size` tokens, at least one."""

    unit: Literal["tokens"]
    size: PositiveInt


class InstanceBatch(StudyRecord):
    """An optimizer step reads `size` examples."""

    unit: Literal["instances"]
    size: PositiveInt


class RateRule(StudyRecord):
    """Peak learning rate = `rate` * (`reference_width` / hidden size) ** `exponent`, the same for both formats."""

    by: Literal["rule"]
    rate: PositiveFloat
    reference_width: PositiveInt
    exponent: Annotated[float, Field(ge=0)]


class FormatRates(StudyRecord):
    """Peak learning rates of one student."""

    ift: PositiveFloat
    reasoning: PositiveFloat


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
    warmup_steps: Annotated[int, Field(ge=0)]
    decay_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """The last share of a budget's FLOPs, in which the rate falls linearly."""
    final_rate_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The rate at the end of the decay, as a share of the peak."""
    max_epochs: PositiveFloat = 1.0
    optimizer: AdamW = AdamW()
    precision: Literal["float32", "bfloat16"] = "float32"


class Evaluation(StudyRecord):
    """How every cell answers; the same items, cap and sampling for all."""

    tasks: Annotated[tuple[str, ...], Field(min_length=1, strict=False), AfterValidator(_distinct)]
    items_per_task: PositiveInt
    seed: Seed = 0
    max_new_tokens: PositiveInt
    sampling: Literal["greedy"] = "greedy"
    batch_size: PositiveInt = 128


class Seeds(StudyRecord):
    """How many seeds each arm gets: `default`, or the number given for that arm by name. Seeds count from 0."""

    default: PositiveInt = 1
    arms: dict[str, PositiveInt] = Field(default_factory=dict)

    @field_validator("arms")
    @classmethod
    def _arms_parse(cls, arms: dict[str, int]) -> dict[str, int]:
        return {str(_arm(text)): count for text, count in arms.items()}


class VerdictSettings(StudyRecord):
    """What the report's verdict is asked for, unless a command asks for something else."""

    queries: Annotated[float, Field(ge=0)] = 1e6


class Resources(StudyRecord):
    """Where the study runs; never part of an identity.

    `flops_per_second` of one worker is an estimate for the plan; once segments are complete their speed is used.
    """

    processes: Annotated[int, Field(ge=1, le=256)] = 1
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    flops_per_second: PositiveFloat | None = None


def _arm(text: str) -> Arm:
    try:
        return parse_arm(text)
    except ValueError as error:
        raise PydanticCustomError("arm", "{reason}", {"reason": str(error)}) from None


def _canonical_arms(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(_arm(text)) for text in texts)


class Study(StudyRecord):
    """A whole study file."""

    schema_version: Literal[1]
    name: Name
    title: str = ""
    prompts: ProceduralPrompts
    teacher: SymbolicTeacher
    tokenizer: WordTokenizer
    students: Annotated[tuple[StudentSettings, ...], Field(min_length=1, strict=False)]
    arms: Annotated[
        tuple[str, ...], Field(min_length=1, strict=False), AfterValidator(_canonical_arms), AfterValidator(_distinct)
    ]
    budgets: Budgets
    seeds: Seeds = Seeds()
    training: Training
    evaluation: Evaluation
    verdict: VerdictSettings = VerdictSettings()
    resources: Resources = Resources()
    output: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("students")
    @classmethod
    def _student_names_differ(cls, students: tuple[StudentSettings, ...]) -> tuple[StudentSettings, ...]:
        _distinct(tuple(student.name for student in students))
        return students

    @model_validator(mode="after")
    def _rates_cover_students(self) -> "Study":
        rates = self.training.learning_rate
        if isinstance(rates, RateTable):
            for student in self.students:
                if student.name not in rates.rates:
                    raise PydanticCustomError(
                        "rates",
                        "found no entry for student {name} in training.learning_rate.rates, every student needs one",
                        {"name": student.name},
                    )
        return self

    @model_validator(mode="after")
    def _seed_arms_are_arms(self) -> "Study":
        for arm in self.seeds.arms:
            if arm not in self.arms:
                raise PydanticCustomError(
                    "seeds", "found {arm} in seeds.arms, allowed are the names under arms", {"arm": arm}
                )
        return self

    @property
    def parsed_arms(self) -> tuple[Arm, ...]:
        """The arms as types."""
        return tuple(parse_arm(text) for text in self.arms)

    def seeds_of(self, arm: str) -> range:
        """The seeds that `arm` is trained with."""
        return range(self.seeds.arms.get(arm, self.seeds.default))


def peak_rate(training: Training, student: str, hidden_size: int, format_name: Literal["ift", "reasoning"]) -> float:
    """Peak learning rate of one student in one format."""
    rates = training.learning_rate
    if isinstance(rates, RateTable):
        return rates.rates[student].ift if format_name == "ift" else rates.rates[student].reasoning
    return rates.rate * math.pow(rates.reference_width / hidden_size, rates.exponent)
