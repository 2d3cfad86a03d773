"""Assembly: both answers or none; every drop has a filter and a mode at fault; every reply is in the totals."""

import pytest

from isothink.compute.flops import inference_flops
from isothink.compute.registry import lookup
from isothink.domain.filter_settings import Filters
from isothink.domain.pair import DroppedPair, Prompt, StoredPair
from isothink.domain.reply import Failure
from isothink.scoring.verification import verify
from isothink.teacher.assembly import Answered, Assembler

from .test_reading import reply

GOOD = {"off": reply("4"), "on": reply("4", "two and two")}


class NoMath:
    def check(self, pairs):
        raise AssertionError("plain numbers need no library")


def assembler(counter=None, architecture=None, **filters):
    made = Assembler(
        Filters.model_validate(filters),
        sampling="{}",
        toggle="t",
        verify=lambda checks: verify(checks, NoMath()),
        counter=counter,
    )
    made.architecture = architecture
    return made


def answered(text="2 + 2", *, off=GOOD["off"], on=GOOD["on"], reference=None, retried=()):
    prompt = Prompt(
        id=f"id {text}",
        source="s",
        text=text,
        reference=reference,
        answer_format="math" if reference is not None else None,
    )
    return Answered(prompt=prompt, off=off, on=on, retried=retried)


def settle(case, **filters):
    (made,) = assembler(**filters).assemble([case])
    return made


def test_a_pair_holds_both_answers_and_what_is_known_of_them():
    pair = settle(answered(reference="4"))
    assert isinstance(pair, StoredPair)
    assert (pair.ift_answer, pair.trace, pair.reasoning_answer) == ("4", "two and two", "4")
    assert pair.off.think_state == "none" and pair.on.think_state == "closed"
    assert pair.off.correct is True and pair.on.correct is True
    assert pair.off.flops is None and pair.off.counted_answer_tokens is None


@pytest.mark.parametrize(
    ("case", "reason", "mode"),
    [
        (answered(off=Failure(error="HTTP 500", attempts=6)), "request_failed", "off"),
        (answered(off=Failure(error="x", attempts=1), on=Failure(error="y", attempts=2)), "request_failed", "both"),
        (answered(on=reply("4", "two", "length")), "truncated", "on"),
        (answered(off=reply("4", "", "length"), on=reply("", "two", "length")), "truncated", "both"),
        (answered(on=reply("", "two")), "unclosed_trace", "on"),
        (answered(on=reply("<think>two")), "unclosed_trace", "on"),
        (answered(off=reply(" \n")), "empty_answer", "off"),
        (answered(off=reply("4", "hm")), "trace_with_reasoning_off", "off"),
        (answered(on=reply("4")), "no_trace_with_reasoning_on", "on"),
        (answered(on=reply("<think>a <think> b</think>4")), "stray_think_tag", "on"),
    ],
)
def test_the_pair_is_dropped_whole_with_the_mode_at_fault(case, reason, mode):
    dropped = settle(case)
    assert isinstance(dropped, DroppedPair)
    assert (dropped.reason, dropped.mode, dropped.prompt) == (reason, mode, "2 + 2")
    assert dropped.detail


def test_what_the_cap_cut_off_can_be_kept_if_there_is_an_answer():
    cut = answered(on=reply("4 is the", "two", "length"))
    assert isinstance(settle(cut, on_length="keep"), StoredPair)
    assert settle(answered(on=reply("", "two", "length")), on_length="keep").reason == "unclosed_trace"


RIGHT_WRONG = answered(reference="4", on=reply("5", "two"))
WRONG_RIGHT = answered(reference="4", off=reply("5"))


@pytest.mark.parametrize(
    ("keep", "case", "kept", "mode"),
    [
        ("all", RIGHT_WRONG, True, None),
        ("all", WRONG_RIGHT, True, None),
        ("both_correct", RIGHT_WRONG, False, "on"),
        ("both_correct", WRONG_RIGHT, False, "off"),
        ("reasoning_correct", RIGHT_WRONG, False, "on"),
        ("reasoning_correct", WRONG_RIGHT, True, None),
        ("both_correct", answered(), True, None),  # nothing to compare with
    ],
)
def test_what_is_kept_by_correctness(keep, case, kept, mode):
    made = settle(case, keep=keep)
    assert isinstance(made, StoredPair) == kept
    if kept and case.prompt.reference:
        assert (made.off.correct, made.on.correct) == (case is RIGHT_WRONG, case is WRONG_RIGHT)  # stored either way
    if not kept:
        assert (made.reason, made.mode) == ("wrong_answer", mode) and "4" in made.detail


def test_every_reply_is_in_the_totals_those_of_dropped_pairs_and_first_tries_too():
    made = assembler()
    made.assemble(
        [
            answered("a"),
            answered("b", on=reply("4")),
            answered("c", off=Failure(error="x", attempts=6)),
            answered("d", retried=(("on", reply("4", "two", "length")),)),
        ]
    )
    off, on = made.tallies["off"].summary(), made.tallies["on"].summary()
    assert (off.replies, off.failures, off.prompt_tokens, off.output_tokens) == (3, 1, 3, 3)
    assert (on.replies, on.failures, on.retried, on.output_tokens) == (4, 0, 1, 5)
    assert [(count.reason, count.mode, count.pairs) for count in made.dropped] == [
        ("no_trace_with_reasoning_on", "on", 1),
        ("request_failed", "off", 1),
    ]
    assert made.kept == 2 and off.flops is None and off.unknown_flops == 3


def test_flops_are_prefill_and_decoding_of_what_the_server_counted():
    shape = lookup("Qwen/Qwen2.5-0.5B")
    made = assembler(architecture=shape)
    long = reply("4", "two").model_copy(update={"prompt_tokens": 30, "output_tokens": 200})
    (pair,) = made.assemble([answered(on=long)])
    assert pair.on.flops == inference_flops(shape, 30, 200)
    assert made.tallies["on"].summary().flops == pair.on.flops


class Counter:
    def count(self, texts):
        return [len(text.split()) for text in texts]


def test_local_counts_stand_beside_the_servers_and_in_for_them():
    silent = reply("it is 4", "two and two").model_copy(update={"prompt_tokens": None, "output_tokens": None})
    (pair,) = assembler(counter=Counter(), architecture=lookup("Qwen/Qwen2.5-0.5B")).assemble([answered(on=silent)])
    assert (pair.on.counted_prompt_tokens, pair.on.counted_trace_tokens, pair.on.counted_answer_tokens) == (3, 3, 3)
    assert (pair.off.prompt_tokens, pair.off.counted_prompt_tokens, pair.off.counted_answer_tokens) == (1, 3, 1)
    assert pair.on.flops == inference_flops(lookup("Qwen/Qwen2.5-0.5B"), 3, 6)


def test_counts_that_nobody_has_are_absent_and_not_zero():
    silent = reply("4", "two").model_copy(update={"prompt_tokens": None, "output_tokens": None})
    made = assembler(architecture=lookup("Qwen/Qwen2.5-0.5B"))
    (pair,) = made.assemble([answered(on=silent)])
    summary = made.tallies["on"].summary()
    assert pair.on.flops is None
    assert (summary.prompt_tokens, summary.output_tokens, summary.output, summary.unknown_tokens) == (
        None,
        None,
        None,
        1,
    )


def test_chunks_of_any_size_give_the_same():
    cases = [answered(str(number), on=reply(str(number), "t")) for number in range(7)]
    whole, apart = assembler(), assembler()
    one = whole.assemble(cases)
    assert one == [made for case in cases for made in apart.assemble([case])]
    assert whole.tallies["on"].summary() == apart.tallies["on"].summary()
