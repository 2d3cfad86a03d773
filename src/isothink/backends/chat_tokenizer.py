"""The tokenizer and chat template of a Hugging Face model, for real students. Looked up by run/ as `transformers`.

A prompt's ids are those of the rendered template; an answer is encoded apart, as it stands, and ends with the token
that the template puts after an assistant's turn. That need not be the tokenizer's end of sequence: Qwen2.5 base models
end turns with `<|im_end|>` and texts with `<|endoftext|>`.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import AutoTokenizer
from transformers.utils import logging as transformers_logging

from isothink.backends.chat_template import BEGINNING, PLAIN_TEMPLATE, Message, take_apart
from isothink.backends.text_encoder import TextEncoder
from isothink.domain.student_settings import ModelTokenizer, Rendering
from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.errors import UsageError
from isothink.store.fingerprint import fingerprint

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()

THINK_TAGS = frozenset({THINK_OPEN, THINK_CLOSE})
GENERATION_FILE = "generation_config.json"
_HINT = "allowed are a folder with the files of a fast tokenizer, or a model's id on the Hugging Face Hub"


class ChatTokenizer:
    """The corpus protocol over a fast tokenizer of `transformers`."""

    def __init__(self, settings: ModelTokenizer, rendering: Rendering, *, runs_remote_code: bool = False) -> None:
        """Loads the tokenizer and takes its chat template apart.

        Raises:
            UsageError: there is no such tokenizer, or its template cannot leave the choice of thinking to a student.
        """
        assert settings.model is not None, "filled in when the study is read"
        self._name = settings.model
        self.transformers = _load(settings.model, settings.revision, runs_remote_code=runs_remote_code)
        self._backend = self.transformers.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self._template = take_apart(
            self._template_source(settings.chat_template),
            self._render,
            system_prompt=rendering.system_prompt,
            name=self._name,
        )
        self._encoder = TextEncoder(self._backend, self._control_tokens())
        self._head = self._encoder.mark(self._template.head) + self._template.system
        self._head += self._encoder.mark(self._template.middle)
        self._tail = self._encoder.mark(self._template.tail)
        self._end_id = self._end_of_turn()

    @cached_property
    def fingerprint(self) -> str:
        """See the corpus protocol."""
        return fingerprint(
            {
                "tokenizer": hashlib.sha256(self._backend.to_str().encode()).hexdigest(),
                "template": self._template.source,
                "system_prompt": self._template.system,
                "end": self.end_id,
            }
        )

    @cached_property
    def vocabulary_size(self) -> int:
        """See the corpus protocol."""
        return int(max(self._backend.get_vocab(with_added_tokens=True).values())) + 1

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """See the corpus protocol."""
        return dict(self.transformers.get_vocab())

    @property
    def end_id(self) -> int:
        """See the corpus protocol."""
        return self._end_id

    @property
    def end_ids(self) -> tuple[int, ...]:
        """See the corpus protocol: the end of a turn, and the tokenizer's end of sequence."""
        last = self.transformers.eos_token_id
        return (self._end_id,) if last in (None, self._end_id) else (self._end_id, int(last))

    @property
    def pad_id(self) -> int:
        """See the corpus protocol."""
        pad = self.transformers.pad_token_id
        return self._end_id if pad is None else int(pad)

    def encode_prompts(self, prompts: Sequence[str]) -> list[list[int]]:
        """See the corpus protocol."""
        return self._encoder.encode([f"{self._head}{self._template.prompt(text)}{self._tail}" for text in prompts])

    def encode_answers(self, answers: Sequence[str]) -> list[list[int]]:
        """See the corpus protocol."""
        rows = self._encoder.encode([self._encoder.mark(text, only=THINK_TAGS) for text in answers])
        for row in rows:
            row.append(self._end_id)
        return rows

    def decode(self, ids: Sequence[int]) -> str:
        """See the corpus protocol."""
        kept = [index for index in ids if index not in self.end_ids]
        return str(self._backend.decode(kept, skip_special_tokens=False))

    def trace_tokens(self, ids: Sequence[int]) -> int:
        """See the corpus protocol. Tags of several tokens count from the token that begins one to the one that ends it.

        A token that holds the end of a tag and a line break after it counts whole.
        """
        pieces = [self._pieces[index] if 0 <= index < len(self._pieces) else "" for index in ids]
        text = "".join(pieces)
        first, last = text.find(THINK_OPEN), text.rfind(THINK_CLOSE)
        if first < 0 and last < 0:
            return 0
        starts = list(accumulate(map(len, pieces), initial=0))[:-1]
        begin = bisect_right(starts, first) - 1 if first >= 0 else 0
        if last < first:
            return len(pieces) - begin
        return bisect_right(starts, last + len(THINK_CLOSE) - 1) - begin

    def save(self, folder: Path) -> None:
        """See the corpus protocol. What ends a generation is written as well, for libraries that serve the student."""
        self.transformers.chat_template = self._template.source
        self.transformers.save_pretrained(folder)
        settings = {"eos_token_id": list(self.end_ids), "pad_token_id": self.pad_id}
        (folder / GENERATION_FILE).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    @cached_property
    def _pieces(self) -> list[str]:
        """The text of each token as the vocabulary writes it: ASCII, and so a think tag, stands as it is."""
        pieces = [""] * self.vocabulary_size
        for piece, index in self._backend.get_vocab(with_added_tokens=True).items():
            pieces[index] = piece
        return pieces

    def _template_source(self, path: str | None) -> str:
        if path is not None:
            try:
                return Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(
                    f'tokenizer.chat_template: found "{path}", which cannot be read: {_first_line(error)}'
                ) from None
        if not self.transformers.chat_template:
            return (BEGINNING if self._begins_texts() else "") + PLAIN_TEMPLATE
        with _reading(self._name):
            return str(self.transformers.get_chat_template())

    def _begins_texts(self) -> bool:
        """Whether the tokenizer puts its beginning of sequence before every text, as the model was trained with."""
        first = self.transformers.bos_token_id
        return first is not None and list(self.transformers("a")["input_ids"][:1]) == [first]

    def _render(self, source: str, messages: Sequence[Message], generation: bool) -> str:
        try:
            return str(
                self.transformers.apply_chat_template(
                    [dict(message) for message in messages],
                    chat_template=source,
                    tokenize=False,
                    add_generation_prompt=generation,
                )
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise UsageError(
                f"tokenizer.model: the chat template of {self._name} fails: {_first_line(error)}"
            ) from None

    def _control_tokens(self) -> frozenset[str]:
        """Added tokens that text may not become: special ones, those that the template writes, think tags.

        Others are shorthand for text that a tokenizer knows whole, such as Gemma's runs of line breaks.
        """
        declared = frozenset(map(str, self.transformers.all_special_tokens)) | THINK_TAGS
        source = self._template.source
        return frozenset(
            token.content
            for token in self._backend.get_added_tokens_decoder().values()
            if token.special
            or token.content in declared
            or (token.content.startswith("<|") and token.content.endswith("|>"))
            or (token.content in source and not token.content.isspace() and not token.content.isalnum())
        )

    def _end_of_turn(self) -> int:
        content = self._encoder.first_control(self._template.ending)
        index = self._backend.token_to_id(content) if content is not None else self.transformers.eos_token_id
        if index is None:
            raise UsageError(
                f"tokenizer.model: {self._name} has no token that ends an answer: neither its chat template nor its"
                " eos_token gives one",
                hint="name a Jinja file in tokenizer.chat_template that puts a special token after an answer",
            )
        return int(index)


def local_vocabulary(model: str, revision: str | None) -> Mapping[str, int] | None:
    """The vocabulary of a model's own tokenizer where it is on this machine, else None. Runs no code of a model."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            model, revision=revision, trust_remote_code=False, local_files_only=True
        )
        return dict(tokenizer.get_vocab()) if _has_words(tokenizer) else None
    except Exception:  # no tokenizer files, none in the cache, one that needs its own code: nothing to compare with
        return None


def _load(model: str, revision: str | None, *, runs_remote_code: bool) -> Any:
    with _reading(model):
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision, trust_remote_code=runs_remote_code)
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise UsageError(f"tokenizer.model: {model} has no fast tokenizer (a tokenizer.json)", hint=_HINT)
    if not _has_words(tokenizer):
        raise UsageError(f"tokenizer.model: {model} holds no vocabulary", hint=_HINT)
    return tokenizer


def _has_words(tokenizer: Any) -> bool:
    """Whether there is more than special tokens: of a folder without a vocabulary `transformers` makes a tokenizer."""
    return bool(set(tokenizer.get_vocab()) - set(tokenizer.get_added_vocab()))


@contextmanager
def _reading(model: str) -> Iterator[None]:
    """Turns the many ways in which a tokenizer cannot be read into one line."""
    try:
        yield
    except Exception as error:  # the libraries raise nothing narrower
        raise UsageError(
            f'tokenizer.model: found "{model}", whose tokenizer cannot be read: {_first_line(error)}', hint=_HINT
        ) from None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
