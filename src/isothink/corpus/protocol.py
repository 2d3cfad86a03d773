"""What a corpus needs of a tokenizer; backends/ implements it, run/ looks it up by name."""

from collections.abc import Sequence
from typing import Protocol


class Tokenizer(Protocol):
    """Turns chats into token ids and back, through the student's own chat template."""

    @property
    def fingerprint(self) -> str:
        """Identity of the vocabulary and the chat template."""

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids, which is the students' number of logits."""

    def encode_prompts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Each prompt rendered as a user's turn, up to where the answer begins. Never opens `<think>`."""

    def encode_chats(self, prompts: Sequence[str], answers: Sequence[str]) -> list[list[int]]:
        """Each prompt with its answer, the end-of-turn token last."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, think tags kept, the end-of-turn token left out."""
