"""The toggle check: a teacher that ignores the toggle is found out, with both of its replies shown."""

import pytest

from isothink.errors import StepError
from isothink.teacher.probe import check_toggle
from isothink.teacher.protocol import Reply


class ToggleTeacher:
    """Reasons in the modes that it is told to."""

    name = "toggle"
    flops_are_counted = False

    def __init__(self, *reasoning_modes, padding=""):
        self.reasoning_modes = reasoning_modes
        self.padding = padding
        self.asked = []

    def answer(self, prompt, mode):
        self.asked.append(prompt)
        trace = "because" if mode in self.reasoning_modes else ""
        text = f"{trace} 4 {mode}{self.padding}"
        return Reply(text=text, trace=trace, answer="4", prompt_tokens=1, output_tokens=1, flops=0.0)


def test_a_toggle_that_works_passes_after_a_few_prompts():
    teacher = ToggleTeacher("on")
    check_toggle(teacher, [str(number) for number in range(100)], probes=3)
    assert teacher.asked == ["0", "0", "1", "1", "2", "2"]


@pytest.mark.parametrize(
    ("modes", "fault"),
    [((), "does not reason with reasoning on"), (("on", "off"), "reasons with reasoning off"), (("off",), "off")],
)
def test_a_toggle_that_is_ignored_shows_both_replies(modes, fault):
    with pytest.raises(StepError, match=fault) as caught:
        check_toggle(ToggleTeacher(*modes), ["2 + 2"])
    for shown in ("'2 + 2'", "4 off", "4 on", "'toggle'"):
        assert shown in caught.value.message
    assert caught.value.hint


def test_long_replies_are_cut_in_the_message_and_stay_on_one_line():
    with pytest.raises(StepError) as caught:
        check_toggle(ToggleTeacher(padding="\n" * 10_000), ["p"])
    assert len(caught.value.message) < 1500 and "\n" not in caught.value.message


def test_without_a_prompt_nothing_is_proven():
    with pytest.raises(StepError, match="without a prompt"):
        check_toggle(ToggleTeacher("on"), [])
