"""Decontamination: what matches and what does not, shown as it stands, in agreement with a comparison word by word."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.teacher import contamination
from isothink.teacher.contamination import BenchmarkIndex, Match
from isothink.teacher.prompt_words import as_written, words_of

FOX = "The quick brown fox jumps over the lazy dog and runs away from it all"
EGGS = "How many eggs are there in the basket?"
SUM = "Two plus two"
APPLES = "小明有五个苹果他又买了三个苹果"


def index(*texts, words=6, shortest_item=4):
    return BenchmarkIndex(
        ((f"item {n}", text) for n, text in enumerate(texts)), words=words, shortest_item=shortest_item
    )


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        (
            "I saw THE quick, brown -- fox\njumps over the lazy cat!",
            (0, "THE quick, brown -- fox\njumps over the lazy"),
        ),
        ("the quick brown fox jumps", None),  # five words of a long item
        ("So: «how many EGGS are there -- in the basket», hm?", (1, "how many EGGS are there -- in the basket")),
        ("eggs are there in the basket", (1, "eggs are there in the basket")),
        ("two plus two!", (2, "two plus two")),
        ("What is two plus two?", None),  # a short item matches nothing but itself
        ("请问：小明有五个苹果，他又买了。", (3, "小明有五个苹果，他又买了")),
        ("", None),
        ("?!", None),
    ],
)
def test_known_matches(prompt, found):
    match = index(FOX, EGGS, SUM, APPLES).match(prompt)
    assert match == (None if found is None else Match(item=f"item {found[0]}", text=found[1]))


def test_items_below_the_length_match_only_whole():
    short = index("one two three four five", words=6, shortest_item=4)
    assert short.match("zero One, two; three. four five six") == Match(item="item 0", text="One, two; three. four five")
    assert short.match("one two three four six") is None
    assert short.match("two three four five six") is None


def test_the_longest_match_is_shown_and_of_equals_the_first():
    both = index("a b c d e f x", "z b c d e f g h", "b c d e f g h")
    assert both.match("a b c d e f g h i") == Match(item="item 1", text="b c d e f g h")
    assert index(FOX, FOX).match(FOX) == Match(item="item 0", text=FOX)


def test_an_item_shared_by_thousands_is_found_once():
    many = index(*(f"answer with a single letter and nothing else {n} {n} {n}" for n in range(3000)))
    match = many.match("Answer with a single letter, and nothing else: 2999 2999 2999 2998")
    assert match == Match(item="item 2999", text="Answer with a single letter, and nothing else: 2999 2999 2999")


def test_matches_do_not_run_from_one_item_into_the_next():
    assert index("a b c d", "e f g h", words=6, shortest_item=6).match("a b c d e f g h") is None


def test_equal_hashes_are_no_match(monkeypatch):
    """With a base of one, all orders of the same words have the same hash."""
    monkeypatch.setattr(contamination, "_BASE", 1)
    monkeypatch.setattr(contamination, "_INVERSE", 1)
    confused = index("a b c d e f", "f e d c b a")
    assert confused.match("b a c d e f") is None
    assert confused.match("x f e d c b a") == Match(item="item 1", text="f e d c b a")


def test_nothing_to_compare_with():
    assert index().match(FOX) is None
    assert index("", "?!").match("?!") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("STRASSE", "straße"),
        ("ﬁne", "fine"),
        ("e\u0301te\u0301", "été"),
        ("\uff14\uff12", "42"),
        ("half ½", "half 1/2"),
        (unicodedata.normalize("NFD", "한국어"), "한국어"),
        ("a\u00adb", "a b"),
    ],
)
def test_spellings_of_the_same_words(one, other):
    assert words_of(one) == words_of(other)


@given(st.text())
def test_every_word_is_found_again_where_it_is_written(text):
    words = words_of(text)
    for number, word in enumerate(words):
        assert word in words_of(as_written(text, number, 1))
    if words:
        assert words_of(as_written(text, 0, len(words))) == words


def naive(items, prompt, words, shortest_item):
    """The length of the longest match, by comparison of every run of words; 0 where there is none."""
    asked, longest = words_of(prompt), 0
    for item in map(words_of, items):
        if item and item == asked:
            longest = max(longest, len(item))
        for start in range(len(asked)):
            for first in range(len(item)):
                length = 0
                while asked[start + length : start + length + 1] == item[first + length : first + length + 1] != []:
                    length += 1
                if length >= words or (length == len(item) >= shortest_item):
                    longest = max(longest, length)
    return longest


few_words = st.lists(st.sampled_from("abc"), max_size=12).map(" ".join)


@given(st.lists(few_words, max_size=5), few_words, st.integers(1, 5), st.integers(1, 5))
def test_agrees_with_a_comparison_of_all_runs(items, prompt, words, shortest_item):
    match = index(*items, words=words, shortest_item=shortest_item).match(prompt)
    assert (0 if match is None else len(words_of(match.text))) == naive(items, prompt, words, shortest_item)
    if match is not None:
        assert match.text in prompt
        assert f" {match.text} " in f" {items[int(match.item.split()[1])]} "


letters = st.text("abcdeéßπ日7", min_size=1, max_size=4)
between = st.text(" ,.-\n!?*", min_size=1, max_size=3)


@given(st.data(), st.lists(letters, min_size=13, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_thirteen_words_of_an_item_match_however_they_are_written(data, item, before, after):
    """Written in any case and with any punctuation, and with anything around it."""
    start = data.draw(st.integers(0, len(item) - 13))
    written = "".join(
        data.draw(st.sampled_from([word, word.upper(), word.title()])) + data.draw(between)
        for word in item[start : start + 13]
    )
    thirteen = index(" ".join(item), words=13, shortest_item=8)
    match = thirteen.match(f"{before} {written} {after}")
    assert match is not None
    assert len(words_of(match.text)) >= 13


@given(st.lists(letters, max_size=40), st.lists(st.text("uvwxyz", min_size=1), max_size=60))
def test_prompts_of_other_words_never_match(item, prompt):
    assert index(" ".join(item), words=4, shortest_item=1).match(" ".join(prompt)) is None


@pytest.mark.parametrize(
    ("text", "longest"),
    [
        ("the " * 20_000, 60),
        ("a\u0301" * 50_000, 0),
        ("日" * 30_000, 60),
        ("\x00\u202e" * 30_000, 0),
        ("ß-" * 40_000, 60),
    ],
)
def test_large_hostile_texts(text, longest):
    assert index(FOX).match(text) is None
    match = index("the " * 60, "日" * 60, "ß " * 60).match(text)
    assert (0 if match is None else len(words_of(match.text))) == longest
