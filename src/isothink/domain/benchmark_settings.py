"""A benchmark: the items that students answer, from a local file or the Hub. It has a file of its own.

Parsed by store/, read by benchmark/ and run/. A study names it among `evaluation.tasks` and carries it from then on.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.sample import AnswerFormat
from isothink.domain.study_record import Count, Digest, FilePath, Name, StudyRecord, Text, Words, distinct

OPTIONS = "options"
"""The placeholder of the lettered options in a prompt."""
MOST_OPTIONS = 26
EARLIER = "earlier"
"""The placeholder of the turns before an item's own, where a row holds several items."""
SPANS = ("squad_em", "squad_f1")
Gives = Literal["answer", "answers", "index_from_0", "index_from_1", "label", "option"]

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w .-]*)\}")


def _misfit(reason: str) -> PydanticCustomError:
    return PydanticCustomError("benchmark", "{reason}", {"reason": reason})


def _differ(columns: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if columns is None else distinct(columns)


class FileRows(StudyRecord):
    """A local file of rows: `.jsonl`, `.parquet` or `.csv`."""

    kind: Literal["file"]
    path: FilePath
    """A relative one is beside the benchmark's file."""
    sha256: Digest | None = None
    """Identifies the contents; filled in when the study is read, checked where it is given."""


class HubSplit(StudyRecord):
    """A data set of the Hugging Face Hub, or a local folder that `datasets` loads."""

    kind: Literal["hub"]
    name: Words
    config: Words | None = None
    split: Words = "test"
    revision: Words = "main"


class Options(StudyRecord):
    """The options of a row: a list in one column, or columns of their own in the order of the letters."""

    column: Words | None = None
    columns: Annotated[
        tuple[Words, ...] | None, Field(min_length=2, max_length=MOST_OPTIONS, strict=False), AfterValidator(_differ)
    ] = None
    labels: Words | None = None
    """The column of the options' own labels, as a list; for a reference that `gives: label`."""
    are_lettered: bool = False
    """Whether each option begins with its letter, which is then taken off (`A)21` in AQuA-RAT)."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.column is None) == (self.columns is None):
            raise _misfit("options: allowed is one of column (a list) and columns")
        return self


class Reference(StudyRecord):
    """Where the reference answer stands, and what it says: the answer itself, or which option is right."""

    column: Words
    after: Words | None = None
    """Where it stands, the reference is only what follows its last occurrence (`####` in GSM8K)."""
    gives: Gives = "answer"
    """`answer`: the text that a reply is compared with, a letter where there are options; `answers`: a list of texts,
    any of which is right; or the right option's index from 0 or 1, its label, or its text."""
    may_be_empty: bool = False
    """For passages: whether a row without a reference asks what its passage does not answer; bad rows by default."""
    tolerance: Annotated[float, Field(ge=0, lt=1)] | None = None
    """For numbers: the relative error that is allowed, such as 0.05; none by default."""
    unit: Words | None = None
    """For numbers: the column of the unit; where it begins with a power of ten, the number with it is right too."""
    arguments: Words | None = None
    """For instructions: the column of their arguments, a list beside that of their names."""


class Each(StudyRecord):
    """Rows that hold several items, as a conversation does: lists side by side, each position of which is an item."""

    columns: Annotated[tuple[Words, ...], Field(min_length=1, strict=False), AfterValidator(distinct)]
    """The lists; for an item, each of these columns holds the element at its position."""
    earlier: Text | None = None
    """How the positions before an item's own are shown, one after the other, as `{earlier}` in its prompt."""


class Benchmark(StudyRecord):
    """Items with reference answers, and how answers are judged. Columns may be dotted: `choices.text`."""

    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    name: Name
    family: Name
    """Benchmarks of one family are averaged, and get one verdict."""
    rows: Annotated[FileRows | HubSplit, Field(discriminator="kind")]
    where: dict[Words, Annotated[tuple[Words, ...], Field(min_length=1, strict=False)]] = Field(default_factory=dict)
    """Only rows whose column has one of these values are items."""
    each: Each | None = None
    """Where a row holds several items; each row is one item by default."""
    prompt: Text
    """The question; `{column}` stands for a row's text in that column, `{options}` for its lettered options."""
    empty: dict[Words, Words] = Field(default_factory=dict)
    """What the prompt says where a column is empty; such a row is no item by default."""
    options: Options | None = None
    """For multiple choice, where the options are."""
    reference: Reference
    answer_format: AnswerFormat
    """How replies are compared with references: `math`, `number`, `letter`, `exact`, `squad_em` or `squad_f1`, in
    each of which the last boxed answer wins; `ifeval` checks instructions, `jury` asks judges."""
    suffix: Text = ""
    """Put after every prompt, as it stands."""
    cluster: Words | None = None
    """The column that items of one passage share; each item stands alone by default."""
    items: Count | None = None
    """How many items there are, as published; for a plan that is made before they are read."""
    prompt_tokens: Count | None = None
    """Mean length of a rendered prompt, as expected; likewise."""
    verified: bool = True
    """Whether somebody has loaded these rows with these columns; see `facts_from` where not."""
    facts_from: Words | None = None
    """Where what is said here comes from."""

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The columns that prompts show, in their order; `options` and `earlier` only where those are columns."""
        shown = self.prompt + (self.each.earlier or "" if self.each is not None else "")
        named = dict.fromkeys(_PLACEHOLDER.findall(shown))
        return tuple(name for name in named if name not in self._rendered)

    @property
    def _rendered(self) -> set[str]:
        """The placeholders that are no columns."""
        earlier = self.each is not None and self.each.earlier is not None
        return ({OPTIONS} if self.options is not None else set()) | ({EARLIER} if earlier else set())

    @property
    def needs_jury(self) -> bool:
        """Whether only judges can say whether an answer is right."""
        return self.answer_format == "jury"

    def fill(self, texts: dict[str, str]) -> str:
        """The prompt with each placeholder replaced by its text; what a text holds is never a placeholder."""
        return fill(self.prompt, texts)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        shown = _PLACEHOLDER.findall(self.prompt)
        if not shown:
            raise _misfit('prompt: found no column in braces, allowed is a text such as "{question}"')
        if (self.options is not None) != (self.answer_format == "letter"):
            raise _misfit("options: they and answer_format: letter need each other")
        if self.options is not None and OPTIONS not in shown:
            raise _misfit("prompt: found no {options}, which the options need")
        if self.options is None and self.reference.gives not in ("answer", "answers"):
            raise _misfit(f"reference.gives: found {self.reference.gives}, which needs options")
        labels = self.options is not None and self.options.labels is not None
        if (self.reference.gives == "label") != labels:
            raise _misfit("reference.gives: label and options.labels need each other")
        if EARLIER in self._rendered and EARLIER not in shown:
            raise _misfit("prompt: found no {earlier}, which each.earlier needs")
        return self

    @model_validator(mode="after")
    def _reference_fits(self) -> Self:
        reference, answers = self.reference, self.answer_format
        if reference.gives == "answers" and answers in ("letter", "ifeval"):
            raise _misfit(f"reference.gives: found answers, which answer_format: {answers} does not allow")
        for name, needed in (("tolerance", "number"), ("unit", "number"), ("arguments", "ifeval")):
            if getattr(reference, name) is not None and answers != needed:
                raise _misfit(f"reference.{name}: needs answer_format: {needed}, found {answers}")
        if reference.may_be_empty and answers not in SPANS:
            raise _misfit(f"reference.may_be_empty: needs answer_format: {' or '.join(SPANS)}, found {answers}")
        if answers == "ifeval" and reference.arguments is None:
            raise _misfit("reference.arguments: not found, answer_format: ifeval needs it")
        unknown = [column for column in self.empty if column not in self.placeholders]
        if unknown:
            raise _misfit(f"empty: found {unknown[0]}, which the prompt does not show")
        return self


def fill(template: str, texts: dict[str, str]) -> str:
    """A text with each placeholder replaced; what a replacement holds is never a placeholder."""
    return _PLACEHOLDER.sub(lambda match: texts[match[1]], template)
