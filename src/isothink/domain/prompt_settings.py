"""Where prompts come from: generators, files, data sets of the Hub. A part of the study file's schema."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.sample import AnswerFormat
from isothink.domain.study_record import Count, Digest, FilePath, Name, Seed, StudyRecord, Text, Words, distinct


class ProceduralPrompts(StudyRecord):
    """Questions made by the generators of procedural/."""

    backend: Literal["procedural"]
    tasks: Annotated[tuple[Words, ...], Field(min_length=1, strict=False), AfterValidator(distinct)]
    """Generators by name; `isothink list benchmarks` shows them."""
    per_task: Count
    """At most this many distinct training questions of each task; a task with fewer repeats them in later epochs."""
    seed: Seed = 0
    """Chooses the questions."""


class PromptRows(StudyRecord):
    """Each row is a prompt, perhaps with a reference answer."""

    layout: Literal["prompts"]
    prompt: Words = "prompt"
    """The column of the prompt: a text, or a list of chat messages whose one user message is the prompt."""
    reference: Words | None = None
    """The column of the reference answer."""
    reference_after: Words | None = None
    """Where it stands, the reference is only what follows its last occurrence (`####` in GSM8K)."""


class PairRows(StudyRecord):
    """Each row is a finished pair; for the teacher `recorded`."""

    layout: Literal["pairs"]
    prompt: Words = "prompt"
    """The column of the prompt."""
    ift: Words = "ift"
    """The column of the plain answer."""
    reasoning: Words = "reasoning"
    """The column of the answer with its trace in think tags."""
    reference: Words | None = None
    """The column of the reference answer."""
    reference_after: Words | None = None


class MessageRows(StudyRecord):
    """Each row is one conversation of a user and an assistant message; for the teacher `recorded`.

    The trace is the assistant's `reasoning_content` (or `reasoning`), or stands in think tags. A pair is two rows of
    the same prompt, one with a trace and one without.
    """

    layout: Literal["messages"]
    messages: Words = "messages"
    """The column of the conversation."""
    reference: Words | None = None
    """The column of the reference answer."""
    reference_after: Words | None = None


class CompletionRows(StudyRecord):
    """Each row is a prompt and a completion; for the teacher `recorded`.

    A pair is two rows of the same prompt, one whose completion has a trace in think tags and one without.
    """

    layout: Literal["completions"]
    prompt: Words = "prompt"
    """The column of the prompt."""
    completion: Words = "completion"
    """The column of the completion."""
    reference: Words | None = None
    """The column of the reference answer."""
    reference_after: Words | None = None


Rows = Annotated[PromptRows | PairRows | MessageRows | CompletionRows, Field(discriminator="layout")]


class FileSet(StudyRecord):
    """A local file of rows: `.jsonl`, `.parquet` or `.csv`."""

    kind: Literal["file"]
    path: FilePath
    """Beside the study file, unless absolute."""
    sha256: Digest | None = None
    """Identifies the contents; filled in when the study is read, checked where it is given."""
    source: Name | None = None
    """Name of the data set; the file's by default. Prompt orders are balanced over sources."""
    rows: Rows = PromptRows(layout="prompts")
    """What a row means, and its columns."""
    suffix: Text = ""
    """Put after every prompt, for teacher and students alike."""
    answer_format: AnswerFormat | None = None
    """How replies are compared with references: `math`, `letter` or `exact`; not at all by default."""

    @model_validator(mode="after")
    def _format_has_a_reference(self) -> "FileSet":
        return require_reference(self)  # type: ignore[return-value]


class HubSet(StudyRecord):
    """A data set of the Hugging Face Hub, or a local folder that `datasets` loads."""

    kind: Literal["hub"]
    name: Words
    """An id of the Hub, or a folder."""
    config: Words | None = None
    """The data set's configuration, where it has several."""
    split: Words = "train"
    """The split that is read."""
    revision: Words = "main"
    """A commit, a tag or a branch; the commit that was read is stored with the pairs."""
    source: Name | None = None
    """Name of the data set; the repository's by default. Prompt orders are balanced over sources."""
    rows: Rows = PromptRows(layout="prompts")
    """What a row means, and its columns."""
    suffix: Text = ""
    """Put after every prompt, for teacher and students alike."""
    answer_format: AnswerFormat | None = None
    """How replies are compared with references; not at all by default."""

    @model_validator(mode="after")
    def _format_has_a_reference(self) -> "HubSet":
        return require_reference(self)  # type: ignore[return-value]


def require_reference(chosen: "FileSet | HubSet") -> "FileSet | HubSet":
    """Refuses an answer format where no column holds the reference."""
    if chosen.answer_format is not None and chosen.rows.reference is None:
        raise PydanticCustomError(
            "reference", "answer_format: needs rows.reference, the column of the reference answer"
        )
    return chosen


PromptSet = Annotated[FileSet | HubSet, Field(discriminator="kind")]


class DataPrompts(StudyRecord):
    """Prompts of one or more data sets."""

    backend: Literal["data"]
    sets: Annotated[tuple[PromptSet, ...], Field(min_length=1, strict=False)]
    """Local files and data sets of the Hub."""
