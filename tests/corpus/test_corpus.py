"""The frozen corpus: what was frozen comes back, from memory and from the disk, and long pairs go as pairs."""

import dataclasses
import os

import numpy as np
import pytest
from character_tokenizer import CharacterTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from isothink.corpus.corpus import PARTS, freeze, measure, open_corpus, tokens_file, write_corpus
from isothink.corpus.over_length import NONE_TOO_LONG, LengthFilter, OverLength
from isothink.corpus.rendering import TokenizedPair
from isothink.errors import RunFolderError, StepError


def row(number, prompt=3, ift=2, reasoning=5, source=None):
    start = number * 100
    return TokenizedPair(
        pair=f"p{number}",
        source=source or "ab"[number % 2],
        prompt=list(range(start, start + prompt)),
        ift=list(range(start + 20, start + 20 + ift)),
        reasoning=list(range(start + 50, start + 50 + reasoning)),
    )


ROWS = [row(1), row(22, prompt=1, reasoning=9), row(333, ift=7)]


def frozen(rows, tokenizer="t"):
    return freeze(rows, tokenizer=tokenizer, vocabulary_size=40_000)


def stored(rows, folder, tokenizer="t", over_length=NONE_TOO_LONG):
    written = write_corpus(iter(rows), folder, tokenizer=tokenizer)
    opened = open_corpus(
        folder, tokenizer=tokenizer, vocabulary_size=40_000, identity=written.identity, over_length=over_length
    )
    return opened, written


def contents(corpus):
    parts = {part: getattr(corpus, part).rows() for part in PARTS}
    return corpus.ids, corpus.sources, parts, corpus.identity


def test_a_corpus_gives_back_what_was_frozen():
    corpus = frozen(ROWS)
    assert corpus.ids == ("p1", "p22", "p333") and corpus.sources == ("b", "a", "b")
    for name in PARTS:
        assert getattr(corpus, name).rows() == [getattr(one, name) for one in ROWS]
        assert len(getattr(corpus, name)) == 3


TOKENS = st.lists(st.integers(0, 2**31 - 1), max_size=6)
PAIRS = st.lists(
    st.builds(
        TokenizedPair,
        pair=st.text(max_size=5),
        source=st.sampled_from(["a", "b\n", "é"]),
        prompt=TOKENS,
        ift=TOKENS,
        reasoning=TOKENS,
    ),
    max_size=6,
)


@given(rows=PAIRS)
@settings(max_examples=60, deadline=None)
def test_the_mapped_corpus_equals_the_one_in_memory(tmp_path_factory, rows):
    opened, written = stored(rows, tmp_path_factory.mktemp("corpus"))
    assert contents(opened) == contents(frozen(rows))
    assert written.pairs == len(rows)


def test_the_means_are_of_whole_sequences(tmp_path):
    _, written = stored(ROWS, tmp_path)
    assert written.mean_prompt_tokens == np.mean([3, 1, 3])
    assert written.mean_ift_tokens == np.mean([5, 3, 10])
    assert written.mean_reasoning_tokens == np.mean([8, 10, 8])


def test_tokens_stay_on_the_disk(tmp_path):
    """The files hold nothing but little-endian integers, and are mapped."""
    opened, _ = stored(ROWS, tmp_path)
    raw = (tmp_path / tokens_file("ift")).read_bytes()
    assert np.frombuffer(raw, "<i4").tolist() == [token for one in ROWS for token in one.ift]
    assert isinstance(opened.ift.values.base, np.memmap)
    assert opened.ift[1].dtype == np.int32
    assert len({id(source) for source in opened.sources}) == 2, "one text for each source, not for each pair"


def test_a_torn_file_is_noticed(tmp_path):
    stored(ROWS, tmp_path)
    torn = tmp_path / tokens_file("reasoning")
    os.truncate(torn, torn.stat().st_size - 4)
    again = {"tokenizer": "t", "vocabulary_size": 9, "identity": "i", "over_length": NONE_TOO_LONG}
    with pytest.raises(RunFolderError, match=r"reasoning\.tokens: found 72 bytes, expected 76"):
        open_corpus(tmp_path, **again)
    torn.unlink()
    with pytest.raises(RunFolderError, match=r"reasoning\.tokens: found no file"):
        open_corpus(tmp_path, **again)


def test_a_full_disk_is_one_line(tmp_path):
    def rows():
        yield ROWS[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(StepError, match="the corpus cannot be written: No space left on device"):
        write_corpus(rows(), tmp_path, tokenizer="t")


def test_lengths_are_of_the_whole_sequence():
    lengths = measure(frozen(ROWS), origin="measured")
    assert lengths.prompt.tolist() == [3, 1, 3]
    assert lengths.of("ift").tolist() == [5, 3, 10]
    assert lengths.of("reasoning").tolist() == [8, 10, 8]
    assert [lengths.sources[index] for index in lengths.source] == ["b", "a", "b"]
    assert lengths.unique_prompts == 3 and lengths.origin == "measured" and not lengths.is_balanced
    assert measure(frozen(ROWS), origin="pilot", is_balanced=True).is_balanced


def test_lengths_say_what_was_dropped(tmp_path):
    gone = OverLength(pairs=7, pairs_share=0.1, ift_tokens_share=0.2, trace_tokens_share=0.3)
    lengths = measure(stored(ROWS, tmp_path, over_length=gone)[0], origin="measured")
    assert (lengths.dropped_pairs, lengths.dropped_ift_share, lengths.dropped_trace_share) == (7, 0.2, 0.3)


def test_the_identity_changes_with_everything_that_a_student_could_see():
    identities = [
        frozen(ROWS).identity,
        frozen(ROWS, "other tokenizer").identity,
        frozen([ROWS[1], ROWS[0], ROWS[2]]).identity,
        frozen(ROWS[:2]).identity,
        *(frozen([changed(ROWS[0], field), *ROWS[1:]]).identity for field in (*PARTS, "pair", "source")),
    ]
    assert len(set(identities)) == len(identities)
    assert frozen(list(ROWS)).identity == identities[0]


def changed(one, field):
    value = getattr(one, field)
    return dataclasses.replace(one, **{field: [*value[:-1], value[-1] + 1] if isinstance(value, list) else value + "x"})


def test_the_identity_sees_where_one_part_ends_and_the_next_begins():
    one, two = row(1), row(3)
    moved = [dataclasses.replace(one, ift=[*one.ift, two.ift[0]]), dataclasses.replace(two, ift=two.ift[1:])]
    within = dataclasses.replace(one, prompt=[*one.prompt, one.ift[0]], ift=one.ift[1:])
    renamed = dataclasses.replace(one, pair="p1b", source="")
    identities = {frozen(rows).identity for rows in ([one, two], moved, [within, two], [renamed, two])}
    assert len(identities) == 4


# Pairs that are too long


def answers(ift, trace, answer=2):
    tokenizer = CharacterTokenizer()
    (reasoning,) = tokenizer.encode_answers(["<think>" + "x" * trace + "</think>" + "y" * answer])
    return TokenizedPair(pair="p", source="s", prompt=[1] * 10, ift=[1] * ift, reasoning=reasoning)


def through(cap, rows):
    chosen = LengthFilter(cap, CharacterTokenizer().trace_tokens)
    return list(chosen.kept(rows)), chosen.facts()


def test_a_pair_goes_when_either_answer_is_too_long():
    """Prompt, trace with its tags (15), answer (2) and end count: the first reasoning sequence has 10 + 5 + 15 + 3."""
    short, thought, told = answers(ift=4, trace=5), answers(ift=4, trace=20), answers(ift=40, trace=1)
    kept, facts = through(33, [short, thought, told])
    assert kept == [short]
    assert facts.pairs == 2 and facts.pairs_share == 2 / 3
    assert facts.ift_tokens_share == 44 / 48
    assert facts.trace_tokens_share == (35 + 16) / (20 + 35 + 16)


def test_a_sequence_as_long_as_the_cap_stays():
    one = answers(ift=4, trace=5)
    assert through(33, [one])[0] == [one]
    with pytest.raises(StepError, match="all 1 pairs are longer than 32 tokens; the shortest has 33"):
        through(32, [one])


def test_without_a_cap_everything_stays():
    rows = [answers(ift=4, trace=5), answers(ift=4, trace=2000)]
    assert through(None, rows) == (rows, NONE_TOO_LONG)
    assert through(5, []) == ([], NONE_TOO_LONG)


def test_the_error_names_the_cap_and_the_shortest_pair():
    with pytest.raises(StepError, match="all 2 pairs are longer than 12 tokens; the shortest has 33") as caught:
        through(12, [answers(ift=4, trace=20), answers(ift=4, trace=5)])
    assert "training.max_tokens" in caught.value.hint
