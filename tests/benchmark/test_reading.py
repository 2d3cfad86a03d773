"""Rows into items: hostile rows are counted and named, none is lost in silence; the choice of items is fixed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.benchmark.reading import choose_items, read_items
from isothink.domain.benchmark_settings import Benchmark
from isothink.errors import StudyError, UsageError
from isothink.store.rows import Row, read_rows
from isothink.store.study_file import parse_benchmark, read_benchmark

OPEN = """
schema_version: 1
name: mine
family: sums
rows: {kind: file, path: rows.jsonl}
prompt: "{question}"
reference: {column: answer, after: "####"}
answer_format: math
suffix: " Box it."
"""
CHOICE = """
schema_version: 1
name: mine
family: sums
rows: {kind: file, path: rows.jsonl}
prompt: "{question}\\n{options}"
options: {column: choices}
reference: {column: answer, gives: index_from_0}
answer_format: letter
"""


def benchmark(text=OPEN, **changes) -> Benchmark:
    return Benchmark.model_validate({**parse_benchmark(text, name="test").model_dump(), **changes})


def read(rows, settings=None):
    return read_items(
        [row if isinstance(row, Row) else Row(number, row) for number, row in enumerate(rows, start=1)],
        settings or benchmark(),
        place="here",
    )


def test_hostile_rows_are_counted_named_and_cost_no_other(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'{"question": "1 + 1?", "answer": "it is\\n#### 2"}\n'
        b'{"question": "no reference", "answer": "#### "}\n'
        b'{"question": "  1  + 1?", "answer": "#### 3"}\n'
        b'{"question": "caf\xe9?", "answer": "#### 4"}\n'
        b'{"question": "   ", "answer": "#### 4"}\n'
        b"not json\n"
        b'{"question": "null reference", "answer": null}\n'
        b'{"question": "<b>2 + 2</b> &amp; {answer} <script>x</script>?", "answer": "#### 4"}\n'
    )
    found = read_items(read_rows(path), benchmark(), place=str(path))
    assert [item.prompt for item in found.items] == [
        "1 + 1? Box it.",
        "<b>2 + 2</b> &amp; {answer} <script>x</script>? Box it.",
    ]
    assert [item.reference for item in found.items] == ["2", "4"]
    assert found.rows == 8 == len(found.items) + sum(faults.count for faults in found.faults.values())
    assert {reason: (faults.count, faults.first) for reason, faults in found.faults.items()} == {
        "bad_reference": (2, "row 2: column 'answer' holds no reference"),
        "duplicate_prompt": (1, "row 3: equal to an earlier prompt, up to white space"),
        "unreadable_row": (2, "row 4: not UTF-8: byte 0xe9 at position 17"),
        "empty_prompt": (1, "row 5: column 'question' is empty"),
    }


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ({"choices": ["a", "b"], "answer": 2}, "bad_reference", "'2' in column 'answer' is none of 2 options"),
        ({"choices": ["a", "b"], "answer": -1}, "bad_reference", "'-1'"),
        ({"choices": ["a", "b"], "answer": "B"}, "bad_reference", "'B'"),
        ({"choices": ["a"], "answer": 0}, "bad_options", "holds 1 options, allowed are 2 to 26"),
        ({"choices": ["a"] * 27, "answer": 0}, "bad_options", "holds 27 options"),
        ({"choices": ["a", ""], "answer": 0}, "bad_options", "option B is empty"),
        ({"choices": "a b", "answer": 0}, "bad_options", "holds a text, allowed is a list"),
        ({"choices": None, "answer": 0}, "bad_options", "holds no list"),
    ],
)
def test_bad_options_and_gold_out_of_range(row, reason, detail):
    good = {"question": "?", "choices": ["a", "b"], "answer": 0}
    found = read([good, {"question": "which?", **row}], benchmark(CHOICE))
    assert len(found.items) == 1 and detail in found.faults[reason].first


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (["1", "one"], "row 2: column 'answer' holds a list of 2, which gives: answers takes, allowed is one answer"),
        ({"text": ["1"]}, "row 2: column 'answer' holds a mapping, allowed is one answer"),
    ],
)
def test_a_reference_that_is_several_is_no_answer(answer, detail):
    """Joined with commas, it would be a reference that no answer equals, and every student would be wrong."""
    found = read([{"question": "?", "answer": ["1"]}, {"question": "2?", "answer": answer}], benchmark())
    assert [item.reference for item in found.items] == ["1"]
    assert found.faults["bad_reference"].first == detail


def test_a_first_row_without_what_may_be_absent_is_no_missing_column():
    settings = benchmark(prompt="{context.text} {unit} {question}", empty={"unit": "none"})
    whole = {"question": "?", "context": {"text": "x"}, "unit": "m", "answer": "1"}
    found = read([{**whole, "context": None}, {**whole, "unit": None}, whole], settings)
    assert [item.prompt for item in found.items] == ["x none ? Box it.", "x m ? Box it."]
    assert found.faults["empty_prompt"].first == "row 1: column 'context.text' is empty"
    short = {name: value for name, value in whole.items() if name != "unit"}
    assert len(read([short, whole], settings).items) == 2
    with pytest.raises(UsageError, match=r"found no column 'context\.txt'"):
        read([whole], benchmark(prompt="{context.txt} {question}"))


def test_rows_that_where_leaves_out_are_said_to_be_beside_unreadable_ones():
    rows = [{"question": "?", "answer": "1"}, Row(2, None, "not JSON")]
    with pytest.raises(UsageError, match="none of the 1 rows of here has question of x"):
        read(rows, benchmark(where={"question": ("x",)}))


def test_every_way_to_name_the_right_option():
    rows = {
        "index_from_0": {"answer": 1},
        "index_from_1": {"answer": "2"},
        "option": {"answer": "two"},
        "answer": {"answer": "(B)"},
    }
    for gives, row in rows.items():
        settings = benchmark(CHOICE.replace("index_from_0", gives))
        [item] = read([{"question": "?", "choices": ["one", "two", "three"], **row}], settings).items
        assert (item.reference, item.prompt) == ("B", "?\nA. one\nB. two\nC. three")
    floats = {"question": "?", "choices": '["one", "two"]', "answer": "1.0"}  # a CSV file that pandas wrote
    assert read([floats], benchmark(CHOICE)).items[0].reference == "B"
    labelled = CHOICE.replace("{column: choices}", "{column: choices, labels: labels}").replace("index_from_0", "label")
    row = {"question": "?", "choices": ["one", "two"], "labels": ["1", "2"], "answer": "2"}
    assert read([row], benchmark(labelled)).items[0].reference == "B"
    twice = {"question": "?", "choices": ["one", "one"], "answer": "one"}
    with pytest.raises(UsageError):
        read([twice], benchmark(CHOICE.replace("index_from_0", "option")))


def test_options_that_do_not_begin_with_their_letter_are_a_fault():
    settings = benchmark(CHOICE.replace("{column: choices}", "{column: choices, are_lettered: true}"))
    good = {"question": "?", "choices": ["A)1", "(b) 2", "C. 3"], "answer": 0}
    bad = {"question": "??", "choices": ["A)1", "C)2"], "answer": 0}
    found = read([good, bad], settings)
    assert found.items[0].prompt == "?\nA. 1\nB. 2\nC. 3"
    assert "does not begin with its letter B: 'C)2'" in found.faults["bad_options"].first


def test_csv_holds_lists_as_json(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('question,choices,answer\nq,"[""x"", ""y""]",1\n', encoding="utf-8")
    assert read_items(read_rows(path), benchmark(CHOICE), place="csv").items[0].prompt == "q\nA. x\nB. y"


def test_a_row_of_data_fills_no_placeholder():
    settings = benchmark(prompt="{a} and {b}")
    [item] = read([{"a": "{b}", "b": "{a}{options}", "answer": "1"}], settings).items
    assert item.prompt == "{b} and {a}{options} Box it."


def test_items_of_one_passage_share_a_cluster_and_others_stand_alone():
    settings = benchmark(cluster="passage")
    rows = [{"question": f"q{n}", "answer": "1", "passage": passage} for n, passage in enumerate(["x", "x", "y", ""])]
    clusters = [item.cluster for item in read(rows, settings).items]
    assert clusters[0] == clusters[1] and len(set(clusters)) == 3
    assert all(item.cluster == item.id for item in read(rows).items)


def test_no_usable_row_is_an_error_that_names_the_first_fault():
    with pytest.raises(UsageError, match="none of the 1 rows of here makes an item") as error:
        read([{"question": "?", "answer": ""}])
    assert "row 1: column 'answer' holds no reference" in error.value.hint
    with pytest.raises(UsageError, match="none of the 0 rows"):
        read([])


def test_a_column_inside_of_another_is_named_with_its_dot():
    with pytest.raises(UsageError, match=r"its columns are data\.quest, answer") as error:
        read([{"data": {"quest": "?"}, "answer": "1"}], benchmark(prompt="{data.question}"))
    assert error.value.hint == "did you mean data.quest?"


@given(
    st.dictionaries(
        st.sampled_from(["question", "choices", "answer"]), st.none() | st.text() | st.integers() | st.lists(st.text())
    )
)
def test_no_row_breaks_the_reading(row):
    for settings in (benchmark(), benchmark(CHOICE)):
        good = {"question": "?", "choices": ["a", "b"], "answer": 0}
        found = read([good, {**row, "question": row.get("question", "??")}], settings)
        assert found.rows == len(found.items) + sum(faults.count for faults in found.faults.values())


def test_the_choice_depends_on_seed_and_ids_alone_and_grows():
    items = read([{"question": f"What is {n}?", "answer": str(n)} for n in range(200)]).items
    shuffled = random.Random(1).sample(items, len(items))
    few, many = choose_items(items, limit=10, seed=0), choose_items(shuffled, limit=50, seed=0)
    assert many[:10] == few and len({item.id for item in many}) == 50
    assert choose_items(items, limit=10, seed=1) != few
    assert [item.reference for item in few[:3]] == ["174", "157", "86"]  # another rule, other studies
    assert len(choose_items(items, limit=1000, seed=0)) == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("prompt:", "promt:"), "promt: found an unknown key"),
        (('"{question}"', '"question"'), "prompt: found no column in braces"),
        (("answer_format: math", "answer_format: letter"), "options: they and answer_format: letter need each other"),
        (("answer_format: math", "answer_format: maths"), "answer_format: found"),
        (('after: "####"', "gives: option"), "reference.gives: found option, which needs options"),
        (("kind: file", "kind: url"), "rows.kind: found"),
        (("name: mine", "name: ../mine"), "name: found"),
        (("schema_version: 1", "schema_version: 2"), "schema_version: found 2"),
        (('"{question}"', "3"), "prompt: found 3"),
        (("rows: {kind: file, path: rows.jsonl}", ""), "rows: found nothing, this key is required"),
    ],
)
def test_mistakes_in_the_file_are_one_line(tmp_path, change, message):
    path = tmp_path / "mine.yaml"
    path.write_text(OPEN.replace(*change), encoding="utf-8")
    with pytest.raises(StudyError) as error:
        read_benchmark(path)
    assert error.value.message.startswith(str(path)) and message in error.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("{column: choices}", "{column: choices, columns: [a, b]}"), "allowed is one of column"),
        (("{column: choices}", "{columns: [a, a]}"), "allowed is each value once"),
        (("{column: choices}", "{columns: [a]}"), "allowed is a list of at least 2"),
        (("{column: choices}", "{colum: choices}"), "options.colum: found an unknown key"),
        (("index_from_0", "label"), "reference.gives: label and options.labels need each other"),
        (("\\n{options}", ""), "found no {options}"),
    ],
)
def test_mistakes_in_options_are_one_line(change, message):
    with pytest.raises(StudyError) as error:
        parse_benchmark(CHOICE.replace(*change), name="mine.yaml")
    assert message in error.value.message


SPAN = """
schema_version: 1
name: mine
family: reading
rows: {kind: file, path: rows.jsonl}
prompt: "{text} {question}"
reference: {column: answers.text, gives: answers}
answer_format: squad_f1
"""


def test_a_question_without_an_answer_is_an_item_only_where_the_file_says_so():
    rows = [{"text": "t", "question": str(n), "answers": {"text": texts}} for n, texts in enumerate(([], ["a"], None))]
    assert read(rows, benchmark(SPAN)).faults["bad_reference"].count == 2
    open_to_none = benchmark(SPAN.replace("gives: answers", "gives: answers, may_be_empty: true"))
    assert [item.reference for item in read(rows, open_to_none).items] == ["", "a", ""]


def test_lists_of_a_row_that_differ_in_length_are_a_fault_and_cost_no_other_row():
    text = OPEN.replace('prompt: "{question}"', 'each: {columns: [question, answer]}\nprompt: "{question}"')
    rows = [
        {"question": ["1?", "2?"], "answer": ["1"]},
        {"question": "no list", "answer": ["1"]},
        {"question": ["3?", " ", "4?"], "answer": ["3", "3", "4"]},
        {"question": '["5?"]', "answer": '["5"]'},
        {"question": [], "answer": []},
    ]
    found = read(rows, benchmark(text))
    assert [item.reference for item in found.items] == ["3", "4", "5"]
    assert {reason: (faults.count, faults.first) for reason, faults in found.faults.items()} == {
        "uneven_lists": (2, "row 1: found 2 in 'question' and 1 in 'answer', allowed is one length"),
        "empty_prompt": (1, "row 3, item 2: column 'question' is empty"),
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("after:", "tolerance: 0.1, after:", "reference.tolerance: needs answer_format: number, found math"),
        ("after:", "unit: u, after:", "reference.unit: needs answer_format: number"),
        ("after:", "arguments: u, after:", "reference.arguments: needs answer_format: ifeval"),
        ("after:", "may_be_empty: true, after:", "reference.may_be_empty: needs answer_format: squad_em or squad_f1"),
        ("answer_format: math", "answer_format: ifeval", "reference.arguments: not found"),
        ("answer_format: math", "answer_format: math\nempty: {unit: none}", "empty: found unit, which the prompt"),
        ("prompt:", "each: {columns: [q], earlier: 'x'}\nprompt:", "prompt: found no {earlier}"),
    ],
)
def test_settings_that_do_not_fit_together_are_one_line(old, new, message):
    with pytest.raises(StudyError) as error:
        parse_benchmark(OPEN.replace(old, new), name="mine.yaml")
    assert message in error.value.message and "\n" not in error.value.message
