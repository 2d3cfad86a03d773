"""The teacher and how it is asked. A part of the study file's schema.

What a teacher is asked (model, modes, sampling) is part of the replies' identity; where and how fast (addresses,
concurrency, patience) is not.
"""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.study_record import (
    Count,
    Digest,
    FilePath,
    PositiveFloat,
    Seed,
    StudyRecord,
    Text,
    Words,
    distinct,
    printable,
)

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
"""The name of an environment variable."""
RESERVED_FIELDS = frozenset(
    "model messages prompt stream stream_options n best_of temperature top_p top_k min_p presence_penalty seed"
    " max_tokens max_completion_tokens".split()
)
"""Fields of a request that other keys of the study file set, or that would break the counting of tokens."""
DRAWING_FIELDS = (
    *("frequency_penalty", "repetition_penalty", "length_penalty", "logit_bias", "bad_words", "typical_p"),
    *("min_tokens", "ignore_eos", "stop", "stop_token_ids"),
)
"""Fields of a request that decide which tokens are drawn, and how many: no toggle, but they may stand beside one."""


def _base_url(url: str) -> str:
    printable(url)
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port is not False
    except ValueError:
        fits = False
    if not fits:
        raise PydanticCustomError("url", "allowed are addresses such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PydanticCustomError(
            "url", "allowed are addresses without credentials or a query; name an environment variable instead"
        )
    return url.rstrip("/")


BaseUrls = Annotated[
    tuple[Annotated[str, AfterValidator(_base_url)], ...],
    Field(min_length=1, strict=False),
    AfterValidator(distinct),
]
"""Addresses of servers, up to and with `/v1`, without credentials."""


def open_fields(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Refuses fields of a request that have keys of their own."""
    for name in fields:
        if name in RESERVED_FIELDS:
            raise PydanticCustomError(
                "reserved", "{name} is not set here, but by a key of its own (sampling, model, system)", {"name": name}
            )
    return fields


class Sampling(StudyRecord):
    """How tokens are drawn, and at most how many; the same in both modes unless a mode says otherwise."""

    temperature: Annotated[float, Field(ge=0, le=10)] = 0.6
    """0 is greedy."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    """The share of probability that tokens are drawn from."""
    top_k: Annotated[int, Field(ge=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    seed: Seed | None = None
    max_tokens: Count = 16384
    """The cap on a reply, its trace included."""


class SamplingChanges(StudyRecord):
    """What one mode draws differently. A difference confounds the experiment; it is printed and stored."""

    temperature: Annotated[float, Field(ge=0, le=10)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    seed: Seed | None = None
    max_tokens: Count | None = None


class ModeSettings(StudyRecord):
    """What is sent in one mode. What differs between `off` and `on` is the toggle."""

    request: Annotated[dict[str, JsonValue], AfterValidator(open_fields)] = Field(default_factory=dict)
    """Fields of the request, such as `chat_template_kwargs: {enable_thinking: true}` or `reasoning_effort: high`."""
    model: Words | None = None
    """Another model name in this mode."""
    system: Text | None = None
    """A system message."""
    prompt_suffix: Text = ""
    """Put after the prompt for the teacher alone, such as ` /no_think`; students never see it."""
    sampling: SamplingChanges = SamplingChanges()
    """What this mode draws differently, a confound."""


class Requests(StudyRecord):
    """How a server is asked; never part of an identity."""

    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Requests in flight, over all addresses."""
    timeout_seconds: PositiveFloat = 1800.0
    """For one request, from its start to its last byte."""
    attempts: Annotated[int, Field(ge=1, le=100)] = 6
    """Tries of one request before it counts as failed."""
    first_wait_seconds: PositiveFloat = 0.5
    """The wait before the second try, doubled for each further one, with jitter."""
    longest_wait_seconds: PositiveFloat = 60.0
    """No wait is longer, whatever a server's Retry-After says."""
    patience_seconds: PositiveFloat = 300.0
    """How long no address may be reachable before the command stops; waiting uses up no tries."""


class Price(StudyRecord):
    """What the teacher's tokens cost, for projections."""

    input_per_million: Annotated[float, Field(ge=0)]
    """For a million prompt tokens."""
    output_per_million: Annotated[float, Field(ge=0)]
    """For a million output tokens."""
    currency: Words = "USD"


TeacherArchitecture = Words | dict[str, JsonValue]
"""A published model's Hub id, or the fields of its `config.json`."""


class SymbolicTeacher(StudyRecord):
    """A program that solves every question of procedural/; it costs no FLOPs."""

    backend: Literal["symbolic"]


class RecordedTeacher(StudyRecord):
    """Replies that the data sets hold already; nothing is asked."""

    backend: Literal["recorded"]
    model: Words | None = None
    """The model that wrote them, where it is known."""
    architecture: TeacherArchitecture | None = None
    """For the teacher's FLOPs, together with a tokenizer; without both they are unknown."""
    tokenizer: FilePath | None = None
    """A folder with the teacher's `tokenizer.json`, or a Hub id; counts its tokens here."""


class OpenAITeacher(StudyRecord):
    """A model behind any OpenAI-compatible chat endpoint: vLLM, SGLang, llama.cpp, hosted services."""

    backend: Literal["openai"]
    base_urls: BaseUrls
    """Addresses that serve the model, up to and with `/v1`; the one with the fewest requests in flight goes first."""
    model: Words
    """Its name in requests."""
    off: ModeSettings
    """What is sent with reasoning off."""
    on: ModeSettings
    """What is sent with reasoning on."""
    sampling: Sampling = Sampling()
    """The same in both modes."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the cap on tokens."""
    api_key_variable: Variable | None = None
    """The environment variable that holds the key for `Authorization: Bearer`."""
    headers_from_environment: dict[Words, Variable] = Field(default_factory=dict)
    """Further headers, each with the environment variable that holds its value."""
    requests: Requests = Requests()
    """How fast and how patiently it is asked."""
    architecture: TeacherArchitecture | None = None
    """For the teacher's FLOPs; without it they are unknown."""
    tokenizer: FilePath | None = None
    """A folder with the teacher's `tokenizer.json`, or a Hub id; its counts stand beside the server's."""
    price: Price | None = None
    """What its tokens cost, for projections."""

    @model_validator(mode="after")
    def _modes_differ(self) -> "OpenAITeacher":
        require_toggle(self.off, self.on)
        return self


class TransformersTeacher(StudyRecord):
    """A small model in this process, without a server."""

    backend: Literal["transformers"]
    model: FilePath
    """A folder, or a Hub id."""
    gguf_file: Words | None = None
    """The GGUF file in that folder, where it holds one instead of safetensors."""
    revision: Words | None = None
    """A commit, a tag or a branch of the Hub."""
    chat_template: FilePath | None = None
    """A Jinja file that replaces the model's own chat template."""
    digest: Digest | None = None
    """Identifies a local model and template; filled in when the study is read."""
    off: ModeSettings
    """What is said with reasoning off."""
    on: ModeSettings
    """What is said with reasoning on."""
    sampling: Sampling = Sampling()
    """The same in both modes."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 8
    """Replies that are written together."""
    precision: Literal["float32", "bfloat16"] = "float32"
    device: Words = "auto"
    """`auto`, or a device of torch such as `cuda:1`."""
    price: Price | None = None
    """What its tokens cost, for projections."""

    @model_validator(mode="after")
    def _modes_differ(self) -> "TransformersTeacher":
        require_toggle(self.off, self.on)
        for name, mode in (("off", self.off), ("on", self.on)):
            if set(mode.request) - {"chat_template_kwargs"} or mode.model is not None:
                raise PydanticCustomError(
                    "mode",
                    "{name}: allowed are request.chat_template_kwargs, system and prompt_suffix",
                    {"name": name},
                )
        return self


def require_toggle(off: ModeSettings, on: ModeSettings) -> None:
    """Refuses two modes that send the same: sampling is no toggle."""
    if off.model_dump(exclude={"sampling"}) == on.model_dump(exclude={"sampling"}):
        raise PydanticCustomError(
            "toggle", "off and on: allowed are two modes that differ in request, model, system or prompt_suffix"
        )


TeacherSettings = Annotated[
    SymbolicTeacher | RecordedTeacher | OpenAITeacher | TransformersTeacher, Field(discriminator="backend")
]
ModelTeacher = OpenAITeacher | TransformersTeacher


def mode_sampling(teacher: ModelTeacher, mode: Literal["off", "on"]) -> Sampling:
    """The sampling of one mode: the common one with that mode's changes."""
    changes = (teacher.off if mode == "off" else teacher.on).sampling
    return teacher.sampling.model_copy(update=changes.model_dump(exclude_none=True))


def sampling_differences(teacher: ModelTeacher) -> dict[str, tuple[Any, Any]]:
    """What the two modes draw differently: each setting's value with reasoning off and on."""
    off, on = _drawing(teacher, "off"), _drawing(teacher, "on")
    return {name: (off[name], on[name]) for name in off if off[name] != on[name]}


def _drawing(teacher: ModelTeacher, mode: Literal["off", "on"]) -> dict[str, Any]:
    request = (teacher.off if mode == "off" else teacher.on).request
    return {**mode_sampling(teacher, mode).model_dump(), **{name: request.get(name) for name in DRAWING_FIELDS}}
