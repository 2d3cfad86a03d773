"""Rows of data sets become prompts and recorded pairs, and every row that does not says why."""

import json
import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isothink.domain.pair import Prompt
from isothink.domain.prompt_settings import FileSet, HubSet
from isothink.errors import StepError, UsageError
from isothink.store.rows import Row, read_rows
from isothink.teacher import recorded_pairs
from isothink.teacher.prompt_rows import prompt_rows, source_of
from isothink.teacher.prompts import prompt_id
from isothink.teacher.reading import read_reply

ROOT = Path(__file__).parents[2]
GSM8K = {"layout": "prompts", "prompt": "question", "reference": "answer", "reference_after": "####"}


def file_set(rows, **settings):
    return FileSet.model_validate({"kind": "file", "path": "folder/set.jsonl", "rows": rows, **settings})


def meant(values, rows, **settings):
    """What rows of these values mean; a text among them is the problem of an unreadable row."""
    listed = [
        Row(number, None, value) if isinstance(value, str) else Row(number, value)
        for number, value in enumerate(values, start=1)
    ]
    return list(prompt_rows(iter(listed), file_set(rows, **settings), source="set"))


def problems(found):
    return [(row.problem, row.detail) for row in found]


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **fields):
    return {"role": "assistant", "content": text, **fields}


def taken_apart(row):
    """Prompt, plain answer, trace, reasoning answer."""
    off, on = read_reply(row.off, "off"), read_reply(row.on, "on")
    assert not off.trace
    return row.prompt.text, off.answer, on.trace, on.answer


# prompts


def test_a_prompt_is_its_text_with_the_suffix_under_an_id_by_content():
    (row,) = meant([{"prompt": " Why?\n"}], {"layout": "prompts"}, suffix=" Think \\boxed{}.")
    text = " Why?\n Think \\boxed{}."
    assert row.prompt == Prompt(id=prompt_id("set", text), source="set", text=text)
    assert (row.source, row.text, row.problem, row.detail, row.off, row.on) == ("set", text, None, "", None, None)


def test_gsm8k_as_the_project_ships_it_has_references():
    chosen = file_set(GSM8K, answer_format="math")
    found = list(prompt_rows(read_rows(ROOT / "studies/gsm8k/prompts.jsonl"), chosen, source="gsm8k"))
    assert len(found) == 200 and all(row.problem is None for row in found)
    assert found[0].prompt.reference == "72" and found[0].prompt.answer_format == "math"
    assert len({row.prompt.id for row in found}) == 200
    assert all(row.prompt.reference.replace(",", "").lstrip("-").isdigit() for row in found)


def test_all_of_gsm8k_has_references():
    path = ROOT / "../shared/data/gsm8k/train.jsonl"
    if not path.is_file():
        pytest.skip("the whole of GSM8K is not here")
    found = list(prompt_rows(read_rows(path), file_set(GSM8K), source="gsm8k"))
    assert len(found) == 7473 and all(row.prompt.reference for row in found)


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        (42, "42"),
        (42.0, "42"),
        (0.5, "0.5"),
        (-3.0, "-3"),
        (1e300, "1e+300"),
        (True, "true"),
        (" x \n", "x"),
        (["Paris", 7.0], "Paris, 7"),
        (["Paris"], "Paris"),
        (b"caf\xc3\xa9", "café"),
        ({"a": 1}, '{"a": 1}'),
        (None, None),
        (float("nan"), None),
        ("", None),
        ([], None),
    ],
)
def test_references_become_texts(value, reference):
    layout = {"layout": "prompts", "reference": "answer"}
    (row,) = meant([{"prompt": "Why?", "answer": value}], layout, answer_format="exact")
    assert row.prompt.reference == reference
    assert row.prompt.answer_format == (None if reference is None else "exact")


@pytest.mark.parametrize(("answer", "reference"), [("a #### 1 #### 42 ", "42"), ("42", "42"), ("a ####", None)])
def test_the_last_mark_begins_the_reference(answer, reference):
    layout = {"layout": "prompts", "reference": "answer", "reference_after": "####"}
    (row,) = meant([{"prompt": "Why?", "answer": answer}], layout)
    assert row.prompt.reference == reference


@pytest.mark.parametrize(
    "cell",
    [
        [user("Why?")],
        [user("Why?"), assistant("So."), assistant("Really.")],
        [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}],
        [{"role": None, "content": None, "from": "human", "value": "Why?"}],
        [user([{"type": "text", "text": "Wh"}, {"type": "text", "text": "y?"}])],
    ],
)
def test_a_chat_of_one_user_message_is_a_prompt(cell):
    (row,) = meant([{"prompt": cell}], {"layout": "prompts"})
    assert row.prompt.text == "Why?"


@pytest.mark.parametrize(
    "cell",
    [
        [{"role": "system", "content": "Be brief."}, user("Why?")],
        [user("Why?"), {"role": "system", "content": ""}],
        [user("Why?"), assistant("So."), user("And?")],
        [assistant("Hello."), user("Why?")],
        [user("Why?"), {"role": "tool", "content": "7"}],
    ],
)
def test_longer_chats_are_not_single_turn(cell):
    (row,) = meant([{"prompt": cell}], {"layout": "prompts"})
    assert (row.problem, row.prompt, row.text) == ("not_single_turn", None, "Why?")
    assert row.detail.startswith("row 1: ")


@pytest.mark.parametrize("cell", [None, "", " \n", float("nan"), [], [user("")], [user(None)]])
def test_nothing_asked_is_an_empty_prompt(cell):
    (row,) = meant([{"prompt": cell}], {"layout": "prompts"}, suffix="Think.")
    assert (row.problem, row.prompt) == ("empty_prompt", None)


def test_a_column_that_is_absent_later_is_an_empty_prompt():
    found = meant([{"prompt": "Why?"}, {"other": 1}], {"layout": "prompts"})
    assert [row.problem for row in found] == [None, "empty_prompt"]


@pytest.mark.parametrize("cell", [17, True, {"a": 1}, ["a"], [{"content": "x"}], [user([{"type": "image"}])]])
def test_what_is_no_text_is_unreadable(cell):
    (row,) = meant([{"prompt": cell}], {"layout": "prompts"})
    assert row.problem == "unreadable_row" and row.detail.startswith("row 1: ") and row.detail.isprintable()


def test_an_unreadable_row_says_which_and_why():
    found = meant(["not JSON: x", {"prompt": "Why?"}], {"layout": "prompts"})
    assert problems(found) == [("unreadable_row", "row 1: not JSON: x"), (None, "")]


def test_a_missing_column_is_an_error_that_names_what_is_there():
    with pytest.raises(UsageError) as caught:
        meant(["torn", {"questions": "Why?", "answer\n": "So."}], {"layout": "prompts", "prompt": "question"})
    assert caught.value.message == (
        "folder/set.jsonl: found no column 'question' for rows.prompt, its columns are questions, answer\\n"
    )
    assert caught.value.hint == "did you mean questions?"
    with pytest.raises(UsageError, match=r"rows\.reference"):
        meant([{"prompt": "Why?"}], {"layout": "prompts", "reference": "answer"})
    with pytest.raises(UsageError, match=r"rows\.reasoning.* and 80 more"):
        meant([{"prompt": "", "ift": "", **{f"c{n}": 1 for n in range(98)}}], {"layout": "pairs"})


def test_nothing_is_read_ahead():
    def rows():
        yield Row(1, {"prompt": "Why?"})
        raise AssertionError("read ahead")

    assert next(prompt_rows(rows(), file_set({"layout": "prompts"}), source="set")).prompt.text == "Why?"


# finished pairs


def test_pairs_hold_both_replies_of_a_row():
    (row,) = meant(
        [{"prompt": "Why?", "ift": "So.", "reasoning": "<think>\nHm.\n</think>\n\nThus."}], {"layout": "pairs"}
    )
    assert taken_apart(row) == ("Why?", "So.", "Hm.", "Thus.")
    assert row.off.finish_reason == "recorded" and row.on.attempts == 0


def test_a_reasoning_text_without_tags_is_not_guessed_at():
    (row,) = meant(
        [{"prompt": "Why?", "ift": "So.", "reasoning": "Thus.", "reasoning_content": "Hm."}], {"layout": "pairs"}
    )
    assert row.problem is None and read_reply(row.on, "on").trace == ""


def test_a_missing_answer_is_an_empty_one():
    found = meant([{"prompt": "Why?", "ift": None, "reasoning": "x"}, {"prompt": "And?"}], {"layout": "pairs"})
    assert [(row.off.content, row.on.content) for row in found] == [("", "x"), ("", "")]


def test_answers_may_be_chats_but_nothing_else():
    chat = {"prompt": [user("Why?")], "ift": [assistant("So.")], "reasoning": [assistant("Thus.", reasoning="Hm.")]}
    assert taken_apart(meant([chat], {"layout": "pairs"})[0]) == ("Why?", "So.", "Hm.", "Thus.")
    for cell in ({"a": 1}, ["x"], [[user("Why?")]]):
        (row,) = meant([{**chat, "ift": cell}], {"layout": "pairs"})
        assert row.problem == "unreadable_row"
    (row,) = meant([{**chat, "ift": [user("Why?")]}], {"layout": "pairs"})
    assert row.problem == "not_single_turn"


TWO_ROWS = [
    pytest.param(
        "messages",
        lambda prompt, answer, trace: {"messages": [user(prompt), assistant(answer, reasoning_content=trace)]},
    ),
    pytest.param(
        "messages", lambda prompt, answer, trace: {"messages": [user(prompt), assistant(answer, reasoning=trace)]}
    ),
    pytest.param(
        "messages", lambda prompt, answer, trace: {"messages": [user(prompt), assistant(in_tags(answer, trace))]}
    ),
    pytest.param(
        "messages",
        lambda prompt, answer, trace: {"messages": json.dumps([user(prompt), assistant(in_tags(answer, trace))])},
    ),
    pytest.param("completions", lambda prompt, answer, trace: {"prompt": prompt, "completion": in_tags(answer, trace)}),
    pytest.param(
        "completions",
        lambda prompt, answer, trace: {
            "prompt": [user(prompt)],
            "completion": [assistant(answer, reasoning_content=trace)],
        },
    ),
]


def in_tags(answer, trace):
    """A reply as Qwen3 writes it, with reasoning on and off."""
    return f"<think>\n{trace}\n</think>\n\n{answer}" if trace is not None else answer


@pytest.mark.parametrize(("layout", "row"), TWO_ROWS)
def test_two_rows_of_a_prompt_are_joined_in_whatever_order(layout, row):
    values = [row(f"Q{n}", f"A{n}", None) for n in range(20)] + [row(f"Q{n}", f"B{n}", f"T{n}") for n in range(20)]
    random.Random(1).shuffle(values)
    found = meant(values, {"layout": layout}, suffix=" Go.")
    assert sorted(taken_apart(pair) for pair in found) == sorted(
        (f"Q{n} Go.", f"A{n}", f"T{n}", f"B{n}") for n in range(20)
    )


@pytest.mark.parametrize(("layout", "row"), TWO_ROWS)
def test_an_empty_think_block_is_no_trace(layout, row):
    found = meant([row("Q", "A", "\n"), row("Q", "B", "T")], {"layout": layout})
    assert [taken_apart(pair) for pair in found] == [("Q", "A", "T", "B")]


@pytest.mark.parametrize(("layout", "row"), TWO_ROWS)
def test_what_stays_alone_or_comes_twice_is_dropped(layout, row):
    values = [
        row("both", "A", "T"),
        row("alone", "A", None),
        row("both", "later", "T"),
        row("both", "B", None),
        row("both", "C", None),
        row("both", "later", "T"),
        row("thinking", "A", "T"),
    ]
    found = meant(values, {"layout": layout})
    assert [(row.text, row.problem, row.detail) for row in found] == [
        ("both", "duplicate_prompt", "row 3: the prompt has a reply with a trace already"),
        ("both", None, ""),
        ("both", "duplicate_prompt", "row 5: the prompt has a reply without a trace already"),
        ("both", "duplicate_prompt", "row 6: the prompt has a reply with a trace already"),
        ("alone", "unpaired", "row 2: a reply with a trace is missing"),
        ("thinking", "unpaired", "row 7: a reply without a trace is missing"),
    ]
    assert taken_apart(found[1]) == ("both", "B", "T", "A")
    assert all(row.prompt.text == row.text for row in found)


def test_a_reply_cut_off_in_its_trace_is_one_with_a_trace():
    values = [{"prompt": "Q", "completion": "<think> T"}, {"prompt": "Q", "completion": "A"}]
    (row,) = meant(values, {"layout": "completions"})
    assert (row.on.content, row.off.content) == ("<think> T", "A")


def test_either_row_may_hold_the_reference():
    layout = {"layout": "completions", "reference": "answer"}
    rows = [
        {"prompt": "Q", "completion": "A", "answer": None},
        {"prompt": "Q", "completion": "<think>T</think>B", "answer": 7},
    ]
    for values in (rows, rows[::-1]):
        (row,) = meant(values, layout, answer_format="math")
        assert (row.prompt.reference, row.prompt.answer_format) == ("7", "math")


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([user("Q"), assistant("A"), user("R"), assistant("B")], "not_single_turn"),
        ([{"role": "system", "content": ""}, user("Q"), assistant("A")], "not_single_turn"),
        ([user("Q"), assistant("A"), assistant("B")], "not_single_turn"),
        ([assistant("A")], "not_single_turn"),
        ([], "empty_prompt"),
        (None, "empty_prompt"),
        ([user(" "), assistant("A")], "empty_prompt"),
        ("Q", "unreadable_row"),
        (7, "unreadable_row"),
        ("[" * 100_000, "unreadable_row"),
    ],
)
def test_conversations_of_other_shapes_are_dropped(messages, problem):
    (row,) = meant([{"messages": messages}], {"layout": "messages"})
    assert row.problem == problem


def test_json_in_a_cell_holds_no_half_surrogate_pairs():
    cell = r'[{"role": "user", "content": "Q\ud800"}, {"role": "assistant", "content": "A"}]'
    (row,) = meant([{"messages": cell}], {"layout": "messages"})
    assert (row.problem, row.text) == ("unpaired", "Q\ufffd")


def test_a_conversation_without_an_answer_is_an_empty_answer():
    found = meant(
        [{"messages": [user("Q")]}, {"messages": [user("Q"), assistant("B", reasoning="T")]}], {"layout": "messages"}
    )
    assert [taken_apart(row) for row in found] == [("Q", "", "T", "B")]


TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip)


@settings(max_examples=50, deadline=None)
@given(
    pairs=st.dictionaries(TEXT, st.tuples(TEXT, TEXT, TEXT), max_size=6),
    order=st.randoms(use_true_random=False),
)
def test_any_texts_survive_the_join(pairs, order):
    rows = [{"messages": [user(prompt), assistant(off)]} for prompt, (off, _, _) in pairs.items()]
    rows += [
        {"messages": [user(prompt), assistant(answer, reasoning_content=trace)]}
        for prompt, (_, trace, answer) in pairs.items()
    ]
    order.shuffle(rows)
    found = {
        row.prompt.text: (row.off.content, row.on.reasoning, row.on.content)
        for row in meant(rows, {"layout": "messages"})
    }
    assert found == pairs


def test_a_join_may_go_on_in_another_thread_and_be_left_half_way():
    rows = (Row(number, {"prompt": f"Q{number}", "completion": "A"}) for number in range(10))
    found = prompt_rows(rows, file_set({"layout": "completions"}), source="set")
    first = next(found)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(next(found)))
    thread.start()
    thread.join()
    assert [first.problem, *(row.problem for row in seen)] == ["unpaired", "unpaired"]
    found.close()


def test_no_room_for_the_join_is_one_error(monkeypatch):
    monkeypatch.setattr(recorded_pairs, "_TABLE", recorded_pairs._TABLE + "PRAGMA max_page_count = 4;")
    values = [{"prompt": f"Q{number}", "completion": "A" * 2000} for number in range(100)]
    with pytest.raises(StepError, match="cannot be joined: database or disk is full"):
        meant(values, {"layout": "completions"})


# names


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"kind": "file", "path": "a/b c/GSM8K (train).v2.jsonl"}, "GSM8K-train-.v2"),
        ({"kind": "file", "path": "../.hidden.csv"}, "hidden"),
        ({"kind": "file", "path": "ключ.csv"}, "data"),
        ({"kind": "file", "path": "x" * 100 + ".csv"}, "x" * 64),
        ({"kind": "file", "path": "a.csv", "source": "mine"}, "mine"),
        ({"kind": "hub", "name": "openai/gsm8k"}, "gsm8k"),
        ({"kind": "hub", "name": "/local/folder/"}, "folder"),
        ({"kind": "hub", "name": "plain"}, "plain"),
    ],
)
def test_a_source_is_a_name_that_the_study_file_allows(settings, name):
    kind = FileSet if settings["kind"] == "file" else HubSet
    assert source_of(kind.model_validate(settings)) == name
    assert kind.model_validate({**settings, "source": name}).source == name
