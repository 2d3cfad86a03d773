"""Text into token ids, in which nothing but marked tokens is a control token. Used by chat_tokenizer.py.

A prompt that holds `<|im_end|>` would end the user's turn if it were tokenised with the template around it. Here the
tokenizer knows its control tokens by names that no text can hold, the template's own ones are renamed in the same way,
and template and text are tokenised in one go: token boundaries are those of the whole text. (transformers 5.23 has
`sanitize_control_tokens`, which encodes such a text in pieces, one chat at a time.)
"""

import json
import re
import secrets
from collections.abc import Collection, Sequence

from tokenizers import Tokenizer as FastTokenizer

BATCH = 512


class TextEncoder:
    """A fast tokenizer with its control tokens renamed."""

    def __init__(self, tokenizer: FastTokenizer, control: Collection[str]) -> None:
        """Takes the tokenizer as it is; `control` are the added tokens that text may not become."""
        state = json.loads(tokenizer.to_str())
        state.update(truncation=None, padding=None, post_processor=None)
        secret = secrets.token_hex(16)
        self._marks: dict[str, str] = {}
        ids: list[tuple[str, int]] = []
        for token in state["added_tokens"]:
            if token["content"] in control:
                mark = f"\ue000{secret}.{token['id']}\ue001"
                self._marks[token["content"]] = mark
                token.update(content=mark, normalized=False)
            ids.append((token["content"], int(token["id"])))
        self._tokenizer = FastTokenizer.from_str(json.dumps(state))
        self._ids = {self._tokenizer.token_to_id(content): index for content, index in ids}
        self._is_renumbered = any(mine != theirs for mine, theirs in self._ids.items())
        words = self._tokenizer.get_vocab(with_added_tokens=False)
        # a vocabulary of whole words or pieces may hold a control token as one of them
        self._spelled = {words[content]: self._spell(content) for content in self._marks if content in words}
        longest_first = sorted(self._marks, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    def first_control(self, text: str) -> str | None:
        """The first control token that stands in a text."""
        found = self._control.search(text)
        return found[0] if found else None

    def mark(self, text: str, *, only: Collection[str] | None = None) -> str:
        """The text with its control tokens made real; `only` some of them, all by default."""
        return self._control.sub(
            lambda found: self._marks[found[0]] if only is None or found[0] in only else found[0], text
        )

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text."""
        rows: list[list[int]] = []
        for start in range(0, len(texts), BATCH):
            batch = self._tokenizer.encode_batch_fast(texts[start : start + BATCH], add_special_tokens=False)
            rows.extend(self._known(encoding.ids) for encoding in batch)
        return rows

    def _known(self, ids: list[int]) -> list[int]:
        """Ids as the original tokenizer has them, and words that are control tokens spelled out."""
        if self._spelled and not self._spelled.keys().isdisjoint(ids):
            ids = [part for index in ids for part in self._spelled.get(index, (index,))]
        return [self._ids.get(index, index) for index in ids] if self._is_renumbered else ids

    def _spell(self, content: str) -> tuple[int, ...]:
        letters = self._tokenizer.encode_batch_fast(list(content), add_special_tokens=False)
        return tuple(index for letter in letters for index in letter.ids)
