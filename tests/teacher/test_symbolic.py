"""The symbolic teacher: it conforms, it is always right, and its traces teach no fact twice."""

import pytest

from isothink.backends.symbolic import SymbolicTeacher
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS, solve

from .conformance import TeacherConformance


class TestSymbolicTeacher(TeacherConformance):
    @pytest.fixture
    def teacher(self):
        return SymbolicTeacher()

    @pytest.fixture
    def prompts(self):
        return [task.questions(split="train", limit=1, seed=0)[0].prompt for task in TASKS.values()]

    def test_known_replies(self, teacher):
        assert teacher.answer("sum 3 5 9 2 ?", "off").text == "9"
        assert teacher.answer("sum 3 5 9 2 ?", "on").text == "<think> 3 8 7 9 </think> 9"
        assert teacher.answer("sum 3 5 9 2 ; A 1 B 9 C 3 D 0 ?", "on").text == "<think> 3 8 7 9 B </think> B"
        assert teacher.answer("parity 1 0 1 1 0 1 ?", "on").text == "<think> odd odd even odd odd even </think> even"

    def test_both_modes_give_the_solution(self, teacher, prompts):
        for prompt in prompts:
            assert {teacher.answer(prompt, mode).answer for mode in ("off", "on")} == {solve(prompt).answer}

    def test_it_refuses_what_it_cannot_solve(self, teacher):
        with pytest.raises(UsageError, match="capital of france"):
            teacher.answer("capital of france ?", "on")
