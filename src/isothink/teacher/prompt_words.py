"""The words of a prompt, as decontamination compares them, and where they stand. Called by `contamination.py`.

Words are runs of letters and digits after NFKC and case folding; of Han and kana, which are written without spaces,
each character is one. Signs that combine with no letter, as vowels of Indic scripts, end a run as punctuation does.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate

_ALONE = "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
_ALONE += "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U000323af"
_WORD = re.compile(rf"[^\W_{_ALONE}]+|[{_ALONE}]")


def words_of(text: str) -> list[str]:
    """The words in their order, normalised."""
    return _WORD.findall(_normalise(text))


def as_written(text: str, first: int, count: int) -> str:
    """What stands in the text from its word number `first` on, `count` words long, in its own spelling."""
    clusters = list(_clusters(text))
    normalised = [_normalise(cluster) for cluster in clusters]
    words = list(_WORD.finditer("".join(normalised)))
    if [word[0] for word in words] != words_of(text):  # letters that join in a way not known here
        return " ".join(words_of(text)[first : first + count])
    begin, end = words[first].start(), words[first + count - 1].end()
    ends = accumulate(map(len, normalised))
    return "".join(
        cluster
        for cluster, length, at in zip(clusters, map(len, normalised), ends, strict=True)
        if at > begin and at - length < end
    ).strip()


def _normalise(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def _clusters(text: str) -> Iterator[str]:
    """The text in pieces that are normalised independently: a character with the signs that combine with it."""
    start = 0
    for index in range(1, len(text)):
        if not _combines(text[index]):
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def _combines(char: str) -> bool:
    """Whether it may join the character before it: marks, and the vowels and final consonants of Hangul."""
    return not char.isascii() and (unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff")
