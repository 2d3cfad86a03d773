"""Which students are trained, with which tokenizer, and what they read. A part of the study file's schema."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.study_record import Digest, FilePath, Name, StudyRecord, Text, Words
from isothink.domain.think import THINK_CLOSE, THINK_OPEN

RemoteCode = Literal["never", "run the code that comes with this model"]


class WordTokenizer(StudyRecord):
    """One token per word of the procedural vocabulary, with a chat template."""

    backend: Literal["words"]


class ModelTokenizer(StudyRecord):
    """The tokenizer and chat template of a Hugging Face model: one for all students of a study.

    The same token ids train every arm and every size; a ladder whose students have different vocabularies is refused.
    """

    backend: Literal["transformers"]
    model: Words | None = None
    """A Hub id or a folder; that of the first student that names one, unless it is given."""
    revision: Words | None = None
    """A commit, a tag or a branch of the Hub."""
    chat_template: FilePath | None = None
    """A Jinja file; by default the tokenizer's own template, or for a base model without one the documented default."""
    digest: Digest | None = None
    """Identifies the contents of local files; filled in when the study is read."""


TokenizerSettings = Annotated[WordTokenizer | ModelTokenizer, Field(discriminator="backend")]


def _trace_then_answer(text: str) -> str:
    places = [text.find(part) for part in (THINK_OPEN, "{trace}", THINK_CLOSE, "{answer}")]
    counts = [text.count(part) for part in (THINK_OPEN, "{trace}", THINK_CLOSE, "{answer}")]
    if counts != [1, 1, 1, 1] or places != sorted(places):
        raise PydanticCustomError(
            "reasoning_format",
            "allowed is a text with {parts}, each once and in this order",
            {"parts": f"{THINK_OPEN} {{trace}} {THINK_CLOSE} {{answer}}"},
        )
    return text


class Rendering(StudyRecord):
    """How a pair becomes text: the same in training and in evaluation.

    `empty_think` puts an empty trace before every plain answer, as hybrid models write it; it carries loss.
    """

    ift_format: Literal["plain", "empty_think"] = "plain"
    """What an IFT student learns to write: the answer alone, or after an empty trace."""
    reasoning_format: Annotated[Text, AfterValidator(_trace_then_answer)] = (
        f"{THINK_OPEN}\n{{trace}}\n{THINK_CLOSE}\n\n{{answer}}"
    )
    """What a reasoning student learns to write."""
    system_prompt: Text | None = None
    """A system message before every prompt; none by default."""

    def reasoning_target(self, trace: str, answer: str) -> str:
        """What a reasoning student learns to write."""
        head, _, rest = self.reasoning_format.partition("{trace}")
        middle, _, tail = rest.partition("{answer}")
        return f"{head}{trace}{middle}{answer}{tail}"

    def ift_target(self, answer: str) -> str:
        """What an IFT student learns to write."""
        return answer if self.ift_format == "plain" else self.reasoning_target("", answer)


class StudentSettings(StudyRecord):
    """A base model at one scale: the weights of `model`, or random ones in the shape that `architecture` gives.

    `architecture` holds the fields of a Hugging Face `config.json`. Of random weights `vocab_size` is filled in from
    the tokenizer; beside `model` the whole key is filled in when the study is read.
    """

    name: Name
    """How tables call it."""
    backend: Literal["transformers"] = "transformers"
    model: Words | None = None
    """A Hub id, or a folder with `config.json` and safetensors."""
    revision: Words | None = None
    """A commit, a tag or a branch of the Hub."""
    architecture: dict[str, JsonValue] | None = None
    """The fields of a `config.json`, for random weights in that shape."""
    digest: Digest | None = None
    """Identifies the weights of a local folder; filled in when the study is read."""
    remote_code: RemoteCode = "never"
    """Whether code that comes with the model may run."""

    @model_validator(mode="after")
    def _has_a_shape(self) -> "StudentSettings":
        if self.model is None and self.architecture is None:
            raise PydanticCustomError(
                "student", "allowed is student {name} with a model or an architecture", {"name": self.name}
            )
        if self.model is None and (self.revision is not None or self.remote_code != "never"):
            raise PydanticCustomError(
                "student", "allowed are revision and remote_code where student {name} has a model", {"name": self.name}
            )
        return self
