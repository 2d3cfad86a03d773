"""IFEval's own checks on known texts: followed, not followed, unknown, and answers that hang or break them."""

import pytest

from isothink.backends.instruction_checker import IfevalChecker
from isothink.scoring.instructions import read_instructions, write_instructions
from isothink.scoring.verification import Check, verify

for library in ("lm_eval", "nltk", "langdetect", "immutabledict", "punkt"):
    pytest.importorskip(library)

COUNT = {"relation": "at least", "num_sentences": 3, "num_words": None, "language": None}
FOLLOWED = [
    (["punctuation:no_comma"], [{"num_words": None}], "no commas here"),
    (["length_constraints:number_sentences"], [COUNT], "Dr. Smith came. He saw. He left."),
    (
        ["change_case:capital_word_frequency"],
        [{"capital_relation": "at least", "capital_frequency": 2}],
        "ONE two THREE",
    ),
    (["language:response_language"], [{"language": "de"}], "Das ist ein deutscher Satz und nichts anderes."),
    (["detectable_format:json_format", "startend:end_checker"], [{}, {"end_phrase": "1}"}], '{"a": 1}'),
    (["combination:repeat_prompt"], [{"prompt_to_repeat": "Say hello."}], "Say hello. Hello!"),
]
NOT_FOLLOWED = [
    (["punctuation:no_comma"], [{}], "a, b"),
    (["punctuation:no_comma"], [{}], "  "),
    (["length_constraints:number_sentences"], [COUNT], "Dr. Smith came. He saw."),
    (["punctuation:no_comma", "detectable_format:json_format"], [{}, {}], "all words"),
    (["language:response_language"], [{"language": "en"}], "Das ist ein deutscher Satz und nichts anderes."),
    (["detectable_format:json_format"], [{}], "x" * 100_000),
    (["detectable_format:json_format"], [{}], "\x00\u202e<b>\ud800"),
]
FAILING = [
    (["nonsense:x"], [{}], "a", "ValueError: unknown instruction 'nonsense:x'"),
    (["length_constraints:number_words"], [{"bogus": 3}], "a", "TypeError: "),
]


@pytest.fixture(scope="module")
def checker():
    with IfevalChecker(processes=1) as checker:
        yield checker


def results(checker, examples):
    checks = [
        Check(answer=answer, reference=write_instructions(names, arguments), answer_format="ifeval")
        for names, arguments, answer, *_ in examples
    ]
    return verify(checks, math=None, instructions=checker)


def test_known_answers_follow_or_do_not(checker):
    assert [result.score for result in results(checker, FOLLOWED)] == [1.0] * len(FOLLOWED)
    assert [result.score for result in results(checker, NOT_FOLLOWED)] == [0.0] * len(NOT_FOLLOWED)


def test_what_cannot_be_checked_has_no_score_and_says_why(checker):
    for result, (*_, reason) in zip(results(checker, FAILING), FAILING, strict=True):
        assert result.score is None and result.error.startswith(reason)


def test_the_same_answer_always_has_the_same_score(checker):
    short = (["language:response_language"], [{"language": "en"}], "ok no")
    assert len({result.score for _ in range(3) for result in results(checker, [short] * 2)}) == 1


def test_an_answer_that_takes_too_long_costs_itself_alone():
    slow = (["length_constraints:number_sentences"], [COUNT], "Dr. Smith came. " * 200_000)
    quick = (["punctuation:no_comma"], [{}], "quick")
    with IfevalChecker(processes=1, deadline_seconds=0.3) as checker:
        late, soon = results(checker, [slow, quick])
    assert (late.score, late.error, soon.score) == (None, "no result within 0.3 s", 1.0)


def test_instructions_are_read_as_they_are_written():
    written = write_instructions(["a:b", "c"], [{"x": 1, "y": None}, {}])
    assert read_instructions(written) == [("a:b", {"x": 1}), ("c", {})]
    for broken in (
        "",
        "[]",
        "{}",
        "[1]",
        '[{"instruction": "a"}]',
        '[{"instruction": 1, "arguments": {}}]',
        "[" * 9999,
    ):
        assert read_instructions(broken) is None
