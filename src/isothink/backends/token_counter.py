"""Counts a teacher's tokens with its own tokenizer, beside what a server says. Looked up by run/ as `tokenizer`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from isothink.errors import MissingDependencyError, UsageError

_HINT = "allowed are a folder with a tokenizer.json, or a model's id on the Hugging Face Hub"


class TeacherTokenCounter:
    """Tokens of texts, without the special ones that a tokenizer puts around them."""

    def __init__(self, name_or_folder: str) -> None:
        """Reads the tokenizer; a folder's `tokenizer.json` needs neither torch nor transformers.

        Raises:
            UsageError: there is no tokenizer.
            MissingDependencyError: it needs transformers, which is not installed.
        """
        folder = Path(name_or_folder)
        file = folder / "tokenizer.json" if folder.is_dir() else folder
        if file.is_file() and file.name == "tokenizer.json":
            self._count = _counting(file)
        elif folder.is_file() or (not folder.is_dir() and (folder.is_absolute() or name_or_folder.startswith("."))):
            raise UsageError(f'no tokenizer in "{name_or_folder}": it is no folder', hint=_HINT)
        else:
            self._count = _counting_with_transformers(name_or_folder)

    def count(self, texts: Sequence[str]) -> list[int]:
        """See TokenCounter."""
        return self._count(list(texts)) if texts else []


Counting = Callable[[list[str]], list[int]]


def _counting(file: Path) -> Counting:
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise UsageError(f"{file}: no tokenizer that can be read: {_first_line(error)}", hint=_HINT) from error
    # a file may say that texts are cut or padded, which would be counted
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: list[str]) -> list[int]:
        return [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    return count


def _counting_with_transformers(name: str) -> Counting:
    try:
        from transformers import AutoTokenizer
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f'the tokenizer "{name}" needs {error.name}, which is not installed', hint="pip install 'isothink[train]'"
        ) from None
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise UsageError(f'no tokenizer in "{name}": {_first_line(error)}', hint=_HINT) from error

    def count(texts: list[str]) -> list[int]:
        return [len(ids) for ids in tokenizer(texts, add_special_tokens=False, truncation=False)["input_ids"]]

    return count


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
