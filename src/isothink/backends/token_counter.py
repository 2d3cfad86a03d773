"""Counts a teacher's tokens with its own tokenizer, beside what a server says. Looked up by run/."""

from collections.abc import Callable, Sequence
from pathlib import Path

from isothink.errors import UsageError

Count = Callable[[list[str]], list[int]]


class TeacherTokenCounter:
    """The token counter protocol over a `tokenizer.json`, a folder that holds one, or a model of the Hub.

    Only the Hub needs transformers; nothing needs torch.
    """

    def __init__(self, name: str) -> None:
        """Loads the tokenizer.

        Raises:
            UsageError: there is none.
        """
        path = Path(name)
        file = path / "tokenizer.json" if path.is_dir() else path
        self._count = _from_file(file) if file.is_file() else _from_hub(name)

    def count(self, texts: Sequence[str]) -> list[int]:
        """See TokenCounter."""
        return self._count(list(texts))


def _from_file(file: Path) -> Count:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises Exception itself
        raise _no_tokenizer(str(file), error) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: [
        len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ]


def _from_hub(name: str) -> Count:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise _no_tokenizer(name, error) from None
    return lambda texts: [
        len(ids) for ids in tokenizer(texts, add_special_tokens=False, truncation=False, padding=False)["input_ids"]
    ]


def _no_tokenizer(name: str, error: Exception) -> UsageError:
    return UsageError(
        f"teacher.tokenizer: the tokenizer of {name} cannot be loaded: {(str(error).splitlines() or [''])[0][:300]}",
        hint="allowed is a folder with tokenizer.json, such a file, or a Hub id that can be reached",
    )
