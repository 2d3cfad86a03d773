"""Selection: which rows are asked, in which order, and why the others are not."""

from dataclasses import dataclass

from isothink.domain.pair import Prompt
from isothink.teacher.prompt_rows import PromptRow
from isothink.teacher.prompts import prompt_id
from isothink.teacher.selection import Selection


def row(text, source="s", problem=None):
    prompt = None if problem else Prompt(id=prompt_id(source, text), source=source, text=text)
    return PromptRow(prompt=prompt, source=source, text=text, problem=problem, detail="why" if problem else "")


@dataclass(frozen=True)
class FoundMatch:
    item: str
    text: str


class IndexOf:
    def __init__(self, word):
        self.word = word

    def match(self, prompt):
        return FoundMatch("bench 7", self.word) if self.word in prompt else None


def chosen(rows, **options):
    dropped = []
    selection = Selection(lambda: iter(rows), **options)
    selection.choose(dropped.append)
    return selection, dropped


def test_rows_are_kept_in_order_and_the_others_have_their_reasons():
    rows = [row("b"), row("", problem="empty_prompt"), row("a"), row(" b\n"), row("b", source="t"), row("leak here")]
    selection, dropped = chosen(rows, index=IndexOf("leak"))
    assert [(kept.source, kept.text) for kept in selection] == [("s", "b"), ("s", "a")]
    assert [(item.reason, item.mode, item.detail) for item in dropped] == [
        ("empty_prompt", "neither", "why"),
        ("duplicate_prompt", "neither", "equal to an earlier prompt, up to white space"),
        ("duplicate_prompt", "neither", "equal to an earlier prompt, up to white space"),
        ("contaminated", "neither", "bench 7: leak"),
    ]
    assert (selection.read, selection.fit, len(selection)) == (6, 2, 2)


def test_it_can_be_gone_through_again_and_only_in_part():
    selection, _ = chosen([row(str(number)) for number in range(10)])
    assert next(iter(selection)).text == "0"
    assert [kept.text for kept in selection] == [kept.text for kept in selection] == [str(n) for n in range(10)]


def test_a_limit_chooses_at_random_whatever_the_order_and_grows():
    rows = [row(str(number)) for number in range(200)]
    small, _ = chosen(rows, limit=20)
    large, _ = chosen(rows, limit=50)
    backwards, _ = chosen(rows[::-1], limit=20)
    texts = [kept.text for kept in small]
    assert len(texts) == 20 and texts == sorted(texts, key=int)
    assert set(texts) < {kept.text for kept in large}
    assert set(texts) == {kept.text for kept in backwards}
    assert max(int(text) for text in texts) > 100, "not the first rows"
    assert (small.fit, len(small)) == (200, 20)


def test_a_limit_above_the_number_of_prompts_is_all_of_them():
    selection, _ = chosen([row("a"), row("b")], limit=5)
    assert [kept.text for kept in selection] == ["a", "b"]
