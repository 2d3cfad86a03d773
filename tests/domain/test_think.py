"""Think states: what is trace, what is answer, for well-formed and for hostile texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.domain.think import parse_think

CASES = {
    # text: (state, trace, answer)
    "9": ("none", "", "9"),
    "": ("none", "", ""),
    " 9\n": ("none", "", "9"),
    "<think> 3 8 9 </think> 9": ("closed", "3 8 9", "9"),
    "<think></think>9": ("closed", "", "9"),
    "<think> 3 8 9 </think>": ("closed", "3 8 9", ""),
    "3 8 9 </think> 9": ("orphan_close", "3 8 9", "9"),
    "</think> 9": ("orphan_close", "", "9"),
    "<think> 3 8 9": ("unclosed", "3 8 9", None),
    "<think>": ("unclosed", "", None),
    "A <think> 3": ("unclosed", "3", None),
    # Two closes: the last one ends the trace.
    "<think> a </think> B </think> C": ("closed", "a </think> B", "C"),
    "a </think> B </think> C": ("orphan_close", "a </think> B", "C"),
    # Several opens, nested or in a row.
    "<think> a <think> b </think> C": ("closed", "a <think> b", "C"),
    "<think> a <think> b </think> c </think> D": ("closed", "a <think> b </think> c", "D"),
    "<think> a </think> B <think> c </think> D": ("closed", "a </think> B <think> c", "D"),
    # An open after the close: still thinking.
    "<think> a </think> B <think> c": ("unclosed", "a </think> B <think> c", None),
    "a </think> B <think>": ("unclosed", "a </think> B <think>", None),
    # Text before the trace is no answer.
    "B <think> a </think> C": ("closed", "a", "C"),
    # What only looks like a tag is text.
    "<THINK> a </THINK> B": ("none", "", "<THINK> a </THINK> B"),
    "< think > a": ("none", "", "< think > a"),
    "<thinking> a": ("none", "", "<thinking> a"),
    "<think": ("none", "", "<think"),
}


@pytest.mark.parametrize("text", CASES)
def test_known_texts(text):
    parsed = parse_think(text)
    assert (parsed.state, parsed.trace, parsed.answer) == CASES[text]


pieces = st.lists(st.one_of(st.sampled_from(["<think>", "</think>", "<", ">", "think", "/"]), st.text(max_size=5)))


@given(pieces.map("".join))
def test_an_answer_never_holds_a_tag_and_is_absent_exactly_when_unclosed(text):
    parsed = parse_think(text)
    assert (parsed.answer is None) == (parsed.state == "unclosed")
    assert (parsed.state == "none") == ("<think>" not in text and "</think>" not in text)
    if parsed.answer is not None:
        assert text.rstrip().endswith(parsed.answer)
        assert "<think>" not in parsed.answer and "</think>" not in parsed.answer
    if parsed.state == "none":
        assert parsed.trace == ""


@given(st.text(alphabet=st.characters(exclude_characters="<", codec="utf-8")), st.text(alphabet="ABC 19\n"))
def test_what_the_format_writes_is_read_back(trace, answer):
    parsed = parse_think(f"<think> {trace} </think> {answer}")
    assert (parsed.state, parsed.trace, parsed.answer) == ("closed", trace.strip(), answer.strip())


def test_many_tags_take_linear_time():
    assert parse_think("<think>" * 50_000 + "</think>" * 50_000 + "A").answer == "A"
