"""What a corpus needs of a tokenizer; backends/ implements it, run/ looks it up by name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Tokenizer(Protocol):
    """Turns prompts and answers into token ids and back, through the student's own chat template.

    Prompt and answer are encoded apart, in training as in evaluation: the ids that a student reads before it answers
    are the same in both, whatever a tokenizer would merge across the boundary, and whatever a template would drop from
    an answer (huggingface/trl#6361).
    """

    @property
    def fingerprint(self) -> str:
        """Identity of the vocabulary, the chat template and the system prompt."""

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest token id: the fewest logits that a student must have."""

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """Every token with its id."""

    @property
    def end_id(self) -> int:
        """The token that ends an answer: what the chat template puts after an assistant's turn."""

    @property
    def end_ids(self) -> tuple[int, ...]:
        """Every token that ends a generation: `end_id`, and the end of sequence that the model was trained with."""

    @property
    def pad_id(self) -> int:
        """The token that fills rows; never carries loss."""

    def encode_prompts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Each prompt rendered as a user's turn, up to where the answer begins. Never opens `<think>`."""

    def encode_answers(self, answers: Sequence[str]) -> list[list[int]]:
        """Each answer as it stands, the end-of-turn token last. Text that looks like a special token stays text,
        except for the think tags where the vocabulary has them."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, think tags kept, the end-of-turn token left out."""

    def trace_tokens(self, ids: Sequence[int]) -> int:
        """Of an answer's tokens, those from the first opening tag to the last closing one, tags included.

        To the end where none closes; from the beginning where none opens; 0 without tags.
        """

    def save(self, folder: Path) -> None:
        """Writes the tokenizer's files as Hugging Face names them."""
