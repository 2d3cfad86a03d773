"""The symbolic teacher: it conforms, it is always right, and its traces teach no fact twice."""

import pytest

from isothink.backends.symbolic import SymbolicTeacher
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS, solve
from isothink.teacher.reading import read_reply

from .conformance import TeacherConformance, ask


class TestSymbolicTeacher(TeacherConformance):
    @pytest.fixture
    def teacher(self):
        return SymbolicTeacher()

    @pytest.fixture
    def prompts(self):
        return [task.questions(split="train", limit=1, seed=0)[0].prompt for task in TASKS.values()]

    def test_known_replies(self, teacher):
        known = {
            ("sum 3 5 9 2 ?", "off"): "9",
            ("sum 3 5 9 2 ?", "on"): "<think> 3 8 7 9 </think> 9",
            ("sum 3 5 9 2 ; A 1 B 9 C 3 D 0 ?", "on"): "<think> 3 8 7 9 B </think> B",
            ("parity 1 0 1 1 0 1 ?", "on"): "<think> odd odd even odd odd even </think> even",
        }
        replies = ask(teacher, sorted({prompt for prompt, _ in known}))
        assert {question: replies[question].message for question in known} == known

    def test_both_modes_give_the_solution(self, teacher, prompts):
        for (prompt, mode), reply in ask(teacher, prompts).items():
            assert read_reply(reply, mode).answer == solve(prompt).answer

    def test_it_refuses_what_it_cannot_solve(self, teacher):
        with pytest.raises(UsageError, match="capital of france"):
            ask(teacher, ["capital of france ?"])
