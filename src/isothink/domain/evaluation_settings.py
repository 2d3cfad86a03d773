"""How students answer and how answers are judged. A part of the study file's schema.

What is asked and how tokens are drawn is part of the identity of samples; where and how fast is not.
"""

from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, JsonValue, Tag, field_validator
from pydantic_core import PydanticCustomError

from isothink.domain.benchmark_settings import Benchmark
from isothink.domain.study_record import Count, Name, Seed, StudyRecord, Words, distinct
from isothink.domain.teacher_settings import BaseUrls, Requests, TeacherArchitecture, Variable, open_fields

MODEL_PLACEHOLDERS = ("cell", "student", "arm", "budget", "seed")


class Drawing(StudyRecord):
    """How tokens are drawn where an answer is not greedy."""

    temperature: Annotated[float, Field(gt=0, le=10)] = 0.6
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    top_k: Annotated[int, Field(ge=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None


def _greedy(value: object) -> object:
    if value != "greedy":
        raise PydanticCustomError(
            "sampling",
            "allowed: greedy, or a mapping such as {example}",
            {"example": "{temperature: 0.6, top_p: 0.95}"},
        )
    return value


def _kind_of_sampling(value: object) -> str:
    return "drawing" if isinstance(value, Mapping | Drawing) else "greedy"


AnswerSampling = Annotated[
    Annotated[Annotated[Literal["greedy"], BeforeValidator(_greedy)], Tag("greedy")]
    | Annotated[Drawing, Tag("drawing")],
    Discriminator(_kind_of_sampling),
]


def drawing_text(sampling: AnswerSampling) -> str:
    """How tokens are drawn, in words."""
    if isinstance(sampling, str):
        return sampling
    return ", ".join(f"{name} {value:g}" for name, value in sampling.model_dump(exclude_none=True).items())


class ArmAnswers(StudyRecord):
    """What the students of one arm are asked differently. Each departure confounds the experiment, and is printed."""

    max_new_tokens: Count | None = None
    """Another cap on answers."""
    sampling: AnswerSampling | None = None
    """Another way of drawing tokens."""


class LocalAnswers(StudyRecord):
    """Students answer in the worker's process, with `transformers`."""

    backend: Literal["transformers"]


class VllmAnswers(StudyRecord):
    """Students answer in the worker's process, with vLLM on a GPU."""

    backend: Literal["vllm"]
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    """The share of the GPU's memory that vLLM takes."""
    tensor_parallel_size: Annotated[int, Field(ge=1, le=64)] = 1
    """How many GPUs one student is spread over."""
    precision: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Of the weights and the computation."""


def _template(model: str) -> str:
    """Refuses what is no plain placeholder of `MODEL_PLACEHOLDERS`; format specifications could read attributes."""
    try:
        parts = list(Formatter().parse(model))
    except ValueError:
        parts = [("", "", "", None)]
    for _, name, specification, conversion in parts:
        if name is not None and (name not in MODEL_PLACEHOLDERS or specification or conversion):
            raise PydanticCustomError(
                "placeholder",
                "allowed in braces are {names}",
                {"names": ", ".join(f"{{{placeholder}}}" for placeholder in MODEL_PLACEHOLDERS)},
            )
    return model


class ServedAnswers(StudyRecord):
    """Students are served elsewhere, behind OpenAI-compatible completion endpoints."""

    backend: Literal["openai"]
    base_urls: BaseUrls
    """Addresses that serve all students, up to and with `/v1`; that with the fewest requests in flight goes first."""
    model: Annotated[Words, AfterValidator(_template)] = "{cell}"
    """The name under which a student is served, with `{cell}`, `{student}`, `{arm}`, `{budget}` or `{seed}` in it; each
    cell has one of its own."""
    api_key_variable: Variable | None = None
    """The environment variable that holds the key for `Authorization: Bearer`."""
    headers_from_environment: dict[Words, Variable] = Field(default_factory=dict)
    """Further headers, each with the environment variable that holds its value."""
    requests: Requests = Requests()

    @property
    def placeholders(self) -> frozenset[str]:
        """Those that stand in `model`."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.model) if name is not None)


AnswererSettings = Annotated[LocalAnswers | VllmAnswers | ServedAnswers, Field(discriminator="backend")]


class Judge(StudyRecord):
    """One judge of a jury: a model behind an OpenAI-compatible chat endpoint."""

    name: Words | None = None
    """How it is called in tables; its model by default."""
    base_urls: BaseUrls
    """Addresses that serve the judge, up to and with `/v1`."""
    model: Words
    """Its name in requests."""
    request: Annotated[dict[str, JsonValue], AfterValidator(open_fields)] = Field(default_factory=dict)
    """Further fields of its requests, such as `chat_template_kwargs: {enable_thinking: false}`."""
    temperature: Annotated[float, Field(ge=0, le=10)] = 0.0
    max_tokens: Count = 1024
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    api_key_variable: Variable | None = None
    """The environment variable that holds the key for `Authorization: Bearer`."""
    headers_from_environment: dict[Words, Variable] = Field(default_factory=dict)
    """Further headers, each with the environment variable that holds its value."""
    requests: Requests = Requests()
    architecture: TeacherArchitecture | None = None
    """For the judge's FLOPs; without it they are unknown."""

    @property
    def title(self) -> str:
        """How it is called."""
        return self.name or self.model


class Jury(StudyRecord):
    """An odd number of judges, each of which sees the question, the end of the answer and the reference."""

    judges: Annotated[tuple[Judge, ...], Field(min_length=1, max_length=15, strict=False)]
    """An odd number of them."""
    judged: Literal["needed", "all"] = "needed"
    """`needed`: benchmarks whose answer_format is jury; `all`: every benchmark, in place of its own scorer."""
    answer_characters: Annotated[int, Field(ge=100, le=100_000)] = 2000
    """How much of an answer's end a judge sees."""

    @field_validator("judges")
    @classmethod
    def _odd_and_distinct(cls, judges: tuple[Judge, ...]) -> tuple[Judge, ...]:
        if len(judges) % 2 == 0:
            raise PydanticCustomError("jury", "found {count} judges, allowed is an odd number", {"count": len(judges)})
        distinct(tuple(judge.title for judge in judges))
        return judges


class Evaluation(StudyRecord):
    """How every cell answers; the same items, cap and sampling for all."""

    tasks: Annotated[tuple[Words, ...], Field(min_length=1, strict=False), AfterValidator(distinct)]
    """Procedural tasks and published benchmarks by name, benchmark files (`.yaml`) by path."""
    benchmarks: Annotated[tuple[Benchmark, ...], Field(strict=False)] = ()
    """What those of `tasks` say that are benchmarks; filled in when the study is read."""
    families: dict[Name, Annotated[tuple[Words, ...], Field(min_length=1, strict=False), AfterValidator(distinct)]] = (
        Field(default_factory=dict)
    )
    """Families of the study's own: tasks that are averaged and get one verdict, in place of what their files say."""
    items_per_task: Count
    """At most so many items of each task."""
    seed: Seed = 0
    """Chooses the items, and draws the tokens of answers that are not greedy."""
    max_new_tokens: Count
    """The cap on an answer, its trace included; benchmarks have none of their own."""
    sampling: AnswerSampling = "greedy"
    """`greedy`, or how tokens are drawn: `{temperature: 0.6, top_p: 0.95}`."""
    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often each item is answered; only answers that are not greedy differ."""
    arms: dict[Words, ArmAnswers] = Field(default_factory=dict)
    """What an arm is asked differently, by the arm's name; such a departure is a confound, and is printed as one."""
    answerer: AnswererSettings = LocalAnswers(backend="transformers")
    """Who lets the students answer."""
    jury: Jury | None = None
    """Judges, where a rule cannot score answers."""
    batch_size: Count = 128
    """How many answers are written at a time."""

    @property
    def is_greedy(self) -> bool:
        """Whether every arm's answers are greedy, so that to repeat one says nothing."""
        own = [arm.sampling for arm in self.arms.values() if arm.sampling is not None]
        return all(sampling == "greedy" for sampling in (self.sampling, *own))

    @property
    def departures(self) -> tuple[str, ...]:
        """Where an arm is asked differently from the others, one sentence each: it confounds the comparison."""
        found = []
        for arm, own in self.arms.items():
            if own.max_new_tokens not in (None, self.max_new_tokens):
                found.append(
                    f"{arm} answers with at most {own.max_new_tokens:,} new tokens, other arms with"
                    f" {self.max_new_tokens:,}: a confound."
                )
            if own.sampling not in (None, self.sampling):
                found.append(
                    f"{arm} draws its answers by {drawing_text(self.sampling_of(arm))}, other arms by"
                    f" {drawing_text(self.sampling)}: a confound."
                )
        return tuple(found)

    def family_of(self, task: str, own: str) -> str:
        """The family of a task, whose `own` is what its file or generator says."""
        return next((name for name, tasks in self.families.items() if task in tasks), own)

    def cap(self, arm: str) -> int:
        """The cap on new tokens of an arm."""
        own = self.arms.get(arm)
        return self.max_new_tokens if own is None or own.max_new_tokens is None else own.max_new_tokens

    def sampling_of(self, arm: str) -> AnswerSampling:
        """How tokens of an arm are drawn."""
        own = self.arms.get(arm)
        return self.sampling if own is None or own.sampling is None else own.sampling
