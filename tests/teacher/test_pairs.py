"""Pairs: both answers or none, ids by content, and everything that was dropped or spent is counted."""

import pytest

from isothink.backends.symbolic import SymbolicTeacher
from isothink.domain.pair import Prompt
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS
from isothink.teacher.pairs import PairSet, make_pairs
from isothink.teacher.prompts import procedural_prompts, prompt_id
from isothink.teacher.protocol import Reply


class ScriptedTeacher:
    """Gives the trace and answer that a table holds for a prompt and mode."""

    name = "scripted"

    def __init__(self, replies, *, flops_are_counted=True):
        self.replies = replies
        self.flops_are_counted = flops_are_counted
        self.asked = []

    def answer(self, prompt, mode):
        self.asked.append((prompt, mode))
        trace, answer = self.replies[prompt][0 if mode == "off" else 1]
        return Reply(text=f"{trace}|{answer}", trace=trace, answer=answer, prompt_tokens=2, output_tokens=3, flops=10.0)


REPLIES = {
    "good": (("", "1"), ("because", "2")),
    "no plain answer": (("", " "), ("because", "2")),
    "no reasoned answer": (("", "1"), ("because", "")),
    "thinks when off": (("hm", "1"), ("because", "2")),
    "never thinks": (("", "1"), (" ", "2")),
}


def prompts_of(texts, source="s"):
    return [Prompt(id=prompt_id(source, text), source=source, text=text) for text in texts]


def test_a_pair_is_dropped_whole_and_counted():
    pair_set = make_pairs(prompts_of(REPLIES), ScriptedTeacher(REPLIES))
    assert [pair.prompt for pair in pair_set.pairs] == ["good"]
    (pair,) = pair_set.pairs
    assert (pair.ift_answer, pair.trace, pair.reasoning_answer) == ("1", "because", "2")
    assert pair_set.dropped == {
        "empty_answer": 2,
        "trace_with_reasoning_off": 1,
        "no_trace_with_reasoning_on": 1,
    }


def test_a_duplicate_prompt_is_counted_and_not_asked_again():
    teacher = ScriptedTeacher(REPLIES)
    pair_set = make_pairs(prompts_of(["good", "good", "never thinks", "never thinks"]), teacher)
    assert pair_set.dropped == {"duplicate_prompt": 2, "no_trace_with_reasoning_on": 1}
    assert len(teacher.asked) == 4


def test_the_same_text_from_another_source_is_another_prompt():
    pair_set = make_pairs(prompts_of(["good"]) + prompts_of(["good"], "t"), ScriptedTeacher(REPLIES))
    assert len({pair.id for pair in pair_set.pairs}) == 2


def test_what_dropped_pairs_cost_is_in_the_totals():
    pair_set = make_pairs(prompts_of(REPLIES), ScriptedTeacher(REPLIES))
    for totals, mode in ((pair_set.off, "off"), (pair_set.on, "on")):
        assert (totals.mode, totals.replies, totals.prompt_tokens, totals.output_tokens) == (mode, 5, 10, 15)
        assert totals.flops == 50.0


def test_flops_that_are_not_counted_are_absent_and_not_zero():
    pair_set = make_pairs(prompts_of(["good"]), ScriptedTeacher(REPLIES, flops_are_counted=False))
    assert pair_set.off.flops is None and pair_set.on.flops is None


def test_ids_go_by_content_and_not_by_order():
    prompts = procedural_prompts(["chain", "capital"], prompts_per_task=20, seed=0)
    forwards, backwards = (make_pairs(order, SymbolicTeacher()) for order in (prompts, prompts[::-1]))
    assert forwards.pairs == backwards.pairs[::-1]
    assert [pair.id for pair in forwards.pairs] == [prompt.id for prompt in prompts]


def test_a_source_and_a_text_cannot_run_into_each_other():
    assert prompt_id("ab", "c") != prompt_id("a", "bc")


def test_a_set_of_pairs_is_read_back_from_its_file_format():
    pair_set = make_pairs(procedural_prompts(list(TASKS), prompts_per_task=5, seed=0), SymbolicTeacher())
    assert PairSet.model_validate_json(pair_set.model_dump_json()) == pair_set
    assert len(pair_set.pairs) == 5 * len(TASKS)


def test_prompts_are_training_questions_of_known_tasks():
    prompts = procedural_prompts(["parity", "colour"], prompts_per_task=100, seed=0)
    assert [prompt.source for prompt in prompts] == ["parity"] * 100 + ["colour"] * 64
    with pytest.raises(UsageError, match="'sudoku': allowed are capital"):
        procedural_prompts(["sudoku"], prompts_per_task=1, seed=0)
