"""Repetition loops: texts that end in a passage which they write again and again. Called by benchmark/ for answers.

Greedy traces get caught in loops until the cap cuts them off (huggingface/open-r1#530). Found are exact repetitions;
a loop that counts up while it repeats is not one here.
"""

REPETITIONS = 4
SHORTEST = 100
"""Characters that a loop has at least: `0.3333` and a row of dashes are none."""
ENDING = 70
LOOKED_AT = 20_000
"""Characters at the end of a text: a longer passage is not seen four times in them."""


def ends_in_loop(text: str) -> bool:
    """Whether the text ends in a passage that stands there at least four times in a row, the last perhaps cut off.

    In time linear in the text: of the text reversed, the failure function of Knuth, Morris and Pratt (SIAM Journal on
    Computing 6, 1977, 323-350) gives the smallest period of every prefix.
    """
    tail = text[-LOOKED_AT:].rstrip()
    if not _says_its_end_before(tail):  # nearly every text: no long trace need be gone through
        return False
    tail = tail[::-1]
    borders = [0] * len(tail)
    border = 0
    for place in range(1, len(tail)):
        while border and tail[place] != tail[border]:
            border = borders[border - 1]
        if tail[place] == tail[border]:
            border += 1
        borders[place] = border
        length = place + 1
        if length >= SHORTEST and length + 1 >= REPETITIONS * (length - border):  # one: the white space at the end
            return True
    return False


def _says_its_end_before(tail: str) -> bool:
    """Whether the last characters stand elsewhere in the text, as in a loop they do, one passage before the end.

    A passage is at most a quarter of its loop, or a character more, so that of a loop of 100 characters the last 75 are
    said before, and of a longer one more.
    """
    return tail.find(tail[-ENDING:]) < len(tail) - ENDING
