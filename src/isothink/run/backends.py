"""Backends by name: the only place that knows which module implements what. Imported on use."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isothink.errors import MissingDependencyError

if TYPE_CHECKING:
    from isothink.backends.words import WordsTokenizer
    from isothink.benchmark.protocol import Answerer
    from isothink.student.protocol import Trainer
    from isothink.teacher.protocol import Teacher

TEACHERS = {"symbolic": "isothink.backends.symbolic:SymbolicTeacher"}
TOKENIZERS = {"words": "isothink.backends.words:WordsTokenizer"}
TRAINERS = {"transformers": "isothink.backends.transformers_trainer:TransformersTrainer"}
ANSWERERS = {"transformers": "isothink.backends.transformers_answerer:TransformersAnswerer"}
KINDS = {"teacher": TEACHERS, "tokenizer": TOKENIZERS, "trainer": TRAINERS, "answerer": ANSWERERS}


TRAIN_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")


def require_train_libraries() -> None:
    """Looks whether the libraries of the `train` extra are installed, without importing them.

    Raises:
        MissingDependencyError: naming the first that is not.
    """
    for library in TRAIN_LIBRARIES:
        if find_spec(library) is None:
            raise MissingDependencyError(
                f"running a study needs {library}, which is not installed", hint="pip install 'isothink[train]'"
            )


def _load(table: dict[str, str], name: str) -> Callable[..., Any]:
    module, _, attribute = table[name].partition(":")
    try:
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("isothink"):
            raise
        raise MissingDependencyError(
            f"backend {name} needs {error.name}, which is not installed", hint="pip install 'isothink[train]'"
        ) from None


def load_teacher(name: str) -> "Teacher":
    """A teacher."""
    return _load(TEACHERS, name)()  # type: ignore[no-any-return]


def load_tokenizer(name: str) -> "WordsTokenizer":
    """A tokenizer."""
    return _load(TOKENIZERS, name)()  # type: ignore[no-any-return]


def load_trainer(name: str) -> "Trainer":
    """A trainer."""
    return _load(TRAINERS, name)()  # type: ignore[no-any-return]


def load_answerer(name: str, folder: Path, tokenizer: "WordsTokenizer", *, batch_size: int) -> "Answerer":
    """An answerer over the weights in `folder`."""
    return _load(ANSWERERS, name)(folder, tokenizer, batch_size=batch_size)  # type: ignore[no-any-return]
