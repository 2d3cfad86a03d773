"""What every teacher backend must do. A backend's test inherits the class and says how to build the teacher."""

import pytest

from isothink.domain.pair import Prompt
from isothink.teacher.pairs import make_pairs
from isothink.teacher.probe import check_toggle
from isothink.teacher.prompts import prompt_id


class TeacherConformance:
    """Inherit it, and override the two fixtures."""

    @pytest.fixture
    def teacher(self):
        raise NotImplementedError("the teacher under test")

    @pytest.fixture
    def prompts(self):
        raise NotImplementedError("a few prompts that this teacher can answer")

    def test_it_has_a_name_and_says_whether_its_flops_are_counted(self, teacher):
        assert isinstance(teacher.name, str) and teacher.name
        assert isinstance(teacher.flops_are_counted, bool)

    def test_reasoning_off_gives_an_answer_and_no_trace(self, teacher, prompts):
        for prompt in prompts:
            reply = teacher.answer(prompt, "off")
            assert reply.answer.strip() and not reply.trace
            assert reply.answer in reply.text

    def test_reasoning_on_gives_a_trace_and_an_answer_without_think_tags(self, teacher, prompts):
        for prompt in prompts:
            reply = teacher.answer(prompt, "on")
            assert reply.answer.strip() and reply.trace.strip()
            assert reply.trace in reply.text and reply.answer in reply.text
            for part in (reply.trace, reply.answer):
                assert "<think>" not in part and "</think>" not in part

    def test_tokens_are_counted_and_reasoning_costs_more_of_them(self, teacher, prompts):
        for prompt in prompts:
            off, on = teacher.answer(prompt, "off"), teacher.answer(prompt, "on")
            assert off.prompt_tokens > 0 and off.output_tokens > 0
            assert on.output_tokens > off.output_tokens

    def test_flops_are_positive_exactly_where_they_are_counted(self, teacher, prompts):
        for mode in ("off", "on"):
            assert (teacher.answer(prompts[0], mode).flops > 0) == teacher.flops_are_counted

    def test_the_toggle_check_passes(self, teacher, prompts):
        check_toggle(teacher, prompts)

    def test_it_makes_pairs(self, teacher, prompts):
        asked = [Prompt(id=prompt_id("source", text), source="source", text=text) for text in prompts]
        pair_set = make_pairs(asked, teacher)
        assert [pair.prompt for pair in pair_set.pairs] == prompts
        assert pair_set.teacher == teacher.name and not pair_set.dropped
