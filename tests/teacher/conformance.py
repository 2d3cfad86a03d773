"""What every teacher backend must do. A backend's test inherits the class and says how to build the teacher."""

import pytest

from isothink.domain.reply import Failure, Reply
from isothink.teacher.protocol import Question
from isothink.teacher.reading import read_reply


def ask(teacher, prompts, modes=("off", "on"), max_tokens=None):
    """The replies by (prompt, mode); fails if a question is answered twice or never."""
    questions = [
        Question(key=f"{number}-{mode}", prompt=prompt, mode=mode, max_tokens=max_tokens)
        for number, prompt in enumerate(prompts)
        for mode in modes
    ]
    answers = {}

    def receive(question, answer):
        assert question.key not in answers, "answered twice"
        answers[question.key] = answer

    teacher.answer_all(iter(questions), receive)
    assert set(answers) == {question.key for question in questions}
    return {(question.prompt, question.mode): answers[question.key] for question in questions}


class TeacherConformance:
    """Inherit it, and override the two fixtures."""

    @pytest.fixture
    def teacher(self):
        raise NotImplementedError("the teacher under test")

    @pytest.fixture
    def prompts(self):
        raise NotImplementedError("a few distinct prompts that this teacher can answer")

    def test_it_has_a_name_and_says_whether_it_is_free(self, teacher):
        assert isinstance(teacher.name, str) and teacher.name
        assert isinstance(teacher.is_free, bool)

    def test_every_question_is_answered_once(self, teacher, prompts):
        for reply in ask(teacher, prompts).values():
            assert isinstance(reply, Reply) and not isinstance(reply, Failure)
            assert reply.message and reply.attempts >= 1 and reply.latency_seconds >= 0

    def test_no_question_is_no_work(self, teacher):
        assert ask(teacher, []) == {}

    def test_reasoning_shows_exactly_where_it_is_on(self, teacher, prompts):
        for (_, mode), reply in ask(teacher, prompts).items():
            reading = read_reply(reply, mode)
            assert bool(reading.trace) == (mode == "on")
            if reading.think_state != "unclosed":
                assert "<think>" not in reading.answer and "</think>" not in reading.answer

    def test_tokens_are_counted(self, teacher, prompts):
        for reply in ask(teacher, prompts).values():
            assert reply.prompt_tokens > 0 and reply.output_tokens > 0

    def test_the_two_requests_differ(self, teacher, prompts):
        off, on = (
            teacher.render(Question(key="k", prompt=prompts[0], mode=mode, max_tokens=8)) for mode in ("off", "on")
        )
        assert off != on

    def test_rendering_is_deterministic(self, teacher, prompts):
        question = Question(key="k", prompt=prompts[0], mode="on", max_tokens=8)
        assert teacher.render(question) == teacher.render(question)

    def test_what_receive_raises_ends_the_work(self, teacher, prompts):
        class StopNowError(Exception):
            pass

        def receive(question, answer):
            raise StopNowError

        with pytest.raises(StopNowError):
            teacher.answer_all([Question(key="k", prompt=prompts[0], mode="off", max_tokens=8)], receive)
