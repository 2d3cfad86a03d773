"""The `words` tokenizer: one token per word of the procedural tasks, with a chat template. Looked up by run/.

A plain `transformers` fast tokenizer, so that toy students are ordinary Hugging Face folders.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer as FastTokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from isothink.domain.student_settings import Rendering, WordTokenizer
from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.errors import StudyError
from isothink.procedural.tasks import vocabulary
from isothink.store.fingerprint import fingerprint

PAD, UNKNOWN, END, USER, ASSISTANT = "<pad>", "<unk>", "<end>", "<user>", "<assistant>"
SPECIAL = (PAD, UNKNOWN, END, USER, ASSISTANT, THINK_OPEN, THINK_CLOSE)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}<user> {{ message['content'] }} <assistant>"
    "{% else %} {{ message['content'] }} <end>{% endif %}"
    "{% endfor %}"
)
"""The generation prompt is part of the user's turn, so that a chat always begins with its own prompt."""


def _standing_alone(words: Collection[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, words))})(?!\S)")


_NOT_IN_PROMPTS = _standing_alone(SPECIAL)
_NOT_IN_ANSWERS = _standing_alone([word for word in SPECIAL if word not in (THINK_OPEN, THINK_CLOSE)])


def build_words_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer as `transformers` knows it."""
    words = (*SPECIAL, *vocabulary())
    fast = FastTokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNKNOWN))
    fast.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token=PAD, unk_token=UNKNOWN, eos_token=END, padding_side="left"
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


class WordsTokenizer:
    """The corpus protocol over the `transformers` tokenizer."""

    def __init__(
        self,
        settings: WordTokenizer | None = None,
        rendering: Rendering | None = None,
        *,
        runs_remote_code: bool = False,
    ) -> None:
        """Takes the settings of a study, which say nothing of it.

        Raises:
            StudyError: the study has a system prompt.
        """
        if rendering is not None and rendering.system_prompt is not None:
            raise StudyError("rendering.system_prompt: found one, allowed is none with tokenizer.backend: words")
        self.transformers = build_words_tokenizer()
        self._words: list[str] = self.transformers.convert_ids_to_tokens(range(len(self.transformers)))

    @property
    def fingerprint(self) -> str:
        """Identity of the words, their order and the chat template."""
        return fingerprint({"words": self._words, "template": CHAT_TEMPLATE})

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens, special ones included."""
        return len(self._words)

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """See the corpus protocol."""
        return {word: index for index, word in enumerate(self._words)}

    @property
    def end_id(self) -> int:
        """The token that ends an answer."""
        return int(self.transformers.eos_token_id)

    @property
    def end_ids(self) -> tuple[int, ...]:
        """See the corpus protocol."""
        return (self.end_id,)

    @property
    def pad_id(self) -> int:
        """The token that fills rows; never carries loss."""
        return int(self.transformers.pad_token_id)

    def token_id(self, word: str) -> int:
        """The id of one word, a special one or not."""
        return int(self.transformers.convert_tokens_to_ids(word))

    def encode_prompts(self, prompts: Sequence[str]) -> list[list[int]]:
        """See the corpus protocol."""
        texts = (_NOT_IN_PROMPTS.sub(UNKNOWN, prompt) for prompt in prompts)
        return self._encode([[{"role": "user", "content": text}] for text in texts])

    def encode_answers(self, answers: Sequence[str]) -> list[list[int]]:
        """See the corpus protocol."""
        texts = (_NOT_IN_ANSWERS.sub(UNKNOWN, answer) for answer in answers)
        return self._encode([[{"role": "assistant", "content": text}] for text in texts])

    def trace_tokens(self, ids: Sequence[int]) -> int:
        """See the corpus protocol."""
        opener, closer = self.token_id(THINK_OPEN), self.token_id(THINK_CLOSE)
        closes = [position for position, token in enumerate(ids) if token == closer]
        if opener not in ids:
            return closes[-1] + 1 if closes else 0
        first = list(ids).index(opener)
        after = [position for position in closes if position > first]
        return (after[-1] + 1 if after else len(ids)) - first

    def _encode(self, chats: list[list[dict[str, str]]]) -> list[list[int]]:
        if not chats:
            return []
        texts = self.transformers.apply_chat_template(chats, tokenize=False)
        fast = self.transformers.backend_tokenizer  # without the offsets that nobody reads
        return [encoding.ids for encoding in fast.encode_batch_fast(texts, add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """See the corpus protocol."""
        return " ".join(word for word in (self._words[index] for index in ids) if word != END)

    def save(self, folder: Path) -> None:
        """Writes the tokenizer's files as Hugging Face names them."""
        self.transformers.save_pretrained(folder)
