"""Exact match and F1 of short answers, as SQuAD defines them. Called by `scorers.py` and `verification.py`.

The rules are those of the official script of SQuAD 1.1 (arXiv:1606.05250): lower case, no ASCII punctuation, no
articles, single spaces; F1 over bags of tokens; the best of all references. An empty reference, for a question that its
passage does not answer, is matched by an empty answer alone, as in SQuAD 2.0 (arXiv:1806.03822), whose script also
passes over references that are nothing but articles and punctuation where there are others. CoQA's script
(arXiv:1808.07042) scores systems by the same rules, against the best of several people's answers.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def normalized(text: str) -> str:
    """The text as it is compared."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, references: Sequence[str]) -> float:
    """1 where the answer is one of the references, else 0."""
    found = normalized(answer)
    return float(any(found == reference for reference in _compared(references)))


def token_f1(answer: str, references: Sequence[str]) -> float:
    """The largest F1 that the answer's tokens have with those of a reference."""
    tokens = normalized(answer).split()
    counts = Counter(tokens)
    return max(_f1(tokens, counts, reference.split()) for reference in _compared(references))


def _compared(references: Sequence[str]) -> Sequence[str]:
    return [text for text in map(normalized, references) if text] or [""]


def _f1(answer: list[str], counts: Counter[str], reference: list[str]) -> float:
    if not answer or not reference:
        return float(answer == reference)
    common = (counts & Counter(reference)).total()
    if common == 0:
        return 0.0
    precision, recall = common / len(answer), common / len(reference)
    return 2 * precision * recall / (precision + recall)
