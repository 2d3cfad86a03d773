"""What students write at their worst, given to every scorer: tags, boxes in the wrong place, and long broken texts."""

import json
import time

import pytest

from isothink.benchmark.sample import Answered, score_generations
from isothink.domain.sample import Generation, Item
from isothink.scoring.instructions import write_instructions
from isothink.scoring.verification import Comparison, verify

GOLD = {
    "exact": "Paris",
    "letter": "C",
    "math": "17",
    "number": "17",
    "squad_em": "Paris",
    "squad_f1": "Paris",
}
WRONG = {"exact": "Rome", "letter": "A", "math": "4", "number": "4", "squad_em": "Rome", "squad_f1": "Rome"}


class Unequal:
    """A checker that finds nothing equal: what it is asked is not plainly right."""

    def check(self, pairs):
        return [Comparison(equal=False) for _ in pairs]

    def follow(self, pairs):
        return [Comparison(equal="," not in answer) for _, answer in pairs]


def score(answer_format, text, reference=None, prompt="?"):
    reference = reference or GOLD[answer_format]
    item = Item(
        id="i", benchmark="b", family="f", prompt=prompt, reference=reference, answer_format=answer_format, cluster="i"
    )
    made = Generation(text=text, stop_reason="end", prompt_tokens=0, output_tokens=0, trace_tokens=0)
    answered = Answered(item=item, repeat=0, generation=made, inference_flops=0.0)
    (sample,) = score_generations("c", [answered], verify=lambda checks: verify(checks, Unequal(), Unequal()))
    assert (sample.score is None) == (sample.error is not None)
    assert json.loads(sample.model_dump_json())["text"] == text
    return sample


@pytest.mark.parametrize("name", GOLD)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"<think> a </think> b </think> \boxed{GOLD}", 1),
        (r"<think> a </think> \boxed{GOLD} </think> \boxed{WRONG}", 0),
        (r"<think> \boxed{GOLD} </think> WRONG", 0),
        (r"<think> \boxed{GOLD} </think>", 0),
        (r"<think> \boxed{GOLD}", 0),
        (r"\boxed{GOLD} <think>", 0),
        (r"\boxed{GOLD}</think>", 0),
        (r"<think></think>\boxed{\text{}}\boxed{GOLD}", 1),
        (r"\boxed{WRONG} \boxed{\boxed{GOLD}}", 1),
        (r"\boxed{GOLD} \boxed{WRONG", 1),
        (r"\boxed{WRONG}{\boxed{GOLD}}}}", 1),
    ],
)
def test_tags_and_boxes(name, text, expected):
    assert score(name, text.replace("GOLD", GOLD[name]).replace("WRONG", WRONG[name])).score == expected


@pytest.mark.parametrize("name", GOLD)
def test_tags_in_the_prompt_are_not_the_answers(name):
    sample = score(name, rf"\boxed{{{GOLD[name]}}}", prompt="What do <think> and </think> mean? <think>")
    assert (sample.score, sample.think_state) == (1, "none")


LONG = {
    "no space": "x" * 100_000,
    "digits": "1" * 100_000,
    "groups of digits": "1,111" * 20_000,
    "decimals": "1.1" * 33_000,
    "powers": "1e" * 50_000,
    "times": r"1 \times 10^" * 8_000,
    "signs": "-" * 100_000,
    "fractions": r"\frac{1" * 14_000,
    "slashes": "1/" * 50_000,
    "equals": "=" * 100_000,
    "markers": "answer is " * 10_000,
    "hashes": "#### \n" * 16_000,
    "articles": "a an the " * 11_000,
    "punctuation": "!?." * 33_000,
    "capitals": "B " * 50_000,
    "braces": r"\boxed{" * 14_000,
    "nested": r"\boxed{" * 14_000 + "}" * 14_000,
    "control characters": "\x00\x01\x1b[31m\x7f" * 12_000,
    "marks of direction": "\u202e\u2067\u200f" * 30_000,
    "HTML": "<script>alert(1)</script>&amp;" * 3_500,
    "surrogates": "\ud800\udfff" * 50_000,
    "opened": "<think>" * 14_000,
    "closed": "</think>" * 12_000,
}


@pytest.mark.parametrize("kind", LONG)
def test_long_hostile_texts_are_wrong_and_take_no_time(kind):
    """100 KB in linear time: of processor time, so that a busy machine changes nothing."""
    text = LONG[kind].encode("utf-8", errors="replace").decode() if kind == "surrogates" else LONG[kind]
    start = time.process_time()
    for name in GOLD:
        for answer in (text, rf"\boxed{{{text}}}", f"<think> {text} </think> {text}"):
            sample = score(name, answer)
            assert sample.score == 0 or (name == "math" and "more than 1,000" in sample.error)
            assert sample.extracted is None or len(sample.extracted) <= 1000
    assert time.process_time() - start < 10


@pytest.mark.parametrize("name", ["exact", "letter", "number", "squad_em", "squad_f1"])
@pytest.mark.parametrize("text", ["\ud800", "\udfff\x00", "\u202e", "\x00"])
def test_half_surrogates_and_null_bytes_are_wrong(name, text):
    checks = [text, rf"\boxed{{{text}}}"]
    from isothink.scoring.verification import Check

    results = verify([Check(answer=each, reference=GOLD[name], answer_format=name) for each in checks], Unequal())
    assert [result.score for result in results] == [0, 0]


def test_instructions_see_the_whole_text_after_the_trace():
    reference = write_instructions(["punctuation:no_comma"], [{"num_words": None}])
    assert "num_words" not in reference
    assert score("ifeval", "<think> a, b </think> none here", reference).score == 1
    assert score("ifeval", r"a, b \boxed{c}", reference).score == 0
    assert score("ifeval", "<think> a", reference).score == 0
    assert "holds no answer" in score("ifeval", "a", "no instructions").error


def test_a_jury_is_asked_only_where_there_is_an_answer():
    assert score("jury", "It adds.", "Adds two numbers.").error == "needs a jury"
    unclosed = score("jury", "<think> It adds.", "Adds two numbers.")
    assert (unclosed.score, unclosed.error) == (0, None)
