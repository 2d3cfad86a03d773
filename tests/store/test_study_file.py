"""Study files: every mistake is one line that names the key, what was found and what is allowed."""

import copy
import json
import math
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_example import ARCHITECTURE, put, valid_study

from isothink.domain.study import Study
from isothink.errors import StudyError, UsageError
from isothink.plan.students import OTHER_KEYS
from isothink.run.load import load_study_file
from isothink.store.study_file import LARGEST_FILE, parse_study, write_study

RAW = {
    "@nan": ".nan",
    "@inf": ".inf",
    "@-inf": "-.inf",
    "@1e400": "1e400",
    "@date": "2020-02-30",
    "@digits": "9" * 5000,
}
"""Scalars that JSON cannot hold, by the word that stands for them."""


def text_of(data):
    """JSON is YAML; words of RAW become what they stand for."""
    text = json.dumps(data, indent=1)
    for word, scalar in RAW.items():
        text = text.replace(f'"{word}"', scalar)
    return text


def load_text(folder, text, overrides=()):
    path = folder / "study.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_study_file(path, overrides)


def mistake(folder, text, overrides=()):
    """The one line that a wrong file gives."""
    with pytest.raises(UsageError) as caught:
        load_text(folder, text, overrides)
    return one_line(caught.value)


def one_line(error):
    assert error.exit_status == 2
    assert str(error) == error.message
    for text in (error.message, error.hint):
        assert text.isprintable() and len(text) < 1000
    return error.message


def test_a_valid_file_loads(tmp_path):
    study = load_text(tmp_path, text_of(valid_study()))
    assert study.name == "tiny" and study.budgets.training_flops == (1e6, 2e6)
    assert study.students[1].architecture["hidden_size"] == 16


OPEN_MAPPINGS = [("seeds", "arms"), ("students", 0, "architecture")]
MAPPINGS = [
    (),
    *[("prompts",), ("teacher",), ("tokenizer",), ("budgets",), ("seeds",), ("training",), ("evaluation",)],
    *[("verdict",), ("resources",), ("students", 1), ("training", "batch"), ("training", "learning_rate")],
    ("training", "optimizer"),
]


def dotted(path):
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


@pytest.mark.parametrize("path", MAPPINGS, ids=dotted)
def test_an_unknown_key_is_named_at_every_level(tmp_path, path):
    data = valid_study()
    put(data, (*path, "warmup"), 1)
    line = mistake(tmp_path, text_of(data))
    assert f" {dotted((*path, 'warmup'))}: found an unknown key, allowed are " in line


def test_a_misspelt_key_is_told_what_was_meant(tmp_path):
    data = valid_study()
    data["training"]["warmup_step"] = data["training"].pop("warmup_steps")
    with pytest.raises(StudyError) as caught:
        load_text(tmp_path, text_of(data))
    assert caught.value.hint == "did you mean warmup_steps?"


REQUIRED = [
    *[("schema_version",), ("name",), ("prompts",), ("teacher",), ("tokenizer",), ("students",), ("arms",)],
    *[("budgets",), ("training",), ("evaluation",), ("prompts", "backend"), ("prompts", "tasks")],
    *[("prompts", "per_task"), ("teacher", "backend"), ("students", 1, "name")],
    *[("training", "batch"), ("training", "batch", "unit"), ("training", "batch", "size")],
    *[("training", "learning_rate", "by"), ("training", "learning_rate", "rate")],
    *[("training", "warmup_steps"), ("evaluation", "tasks"), ("evaluation", "max_new_tokens")],
]


@pytest.mark.parametrize("path", REQUIRED, ids=dotted)
def test_a_missing_key_is_named(tmp_path, path):
    data = valid_study()
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    assert mistake(tmp_path, text_of(data)).endswith(f" {dotted(path)}: found nothing, this key is required")


@pytest.mark.parametrize(
    ("section", "found", "allowed"),
    [
        ("budgets", {}, "one of training_flops, samples, one_epoch_of with fractions; given are none"),
        ("budgets", {"training_flops": None}, "given are none"),
        ("budgets", {"training_flops": [1e6], "samples": [5]}, "given are training_flops and samples"),
        ("budgets", {"one_epoch_of": "ift"}, "one_epoch_of and fractions together"),
        ("students", [{"name": "s"}], "student s with a model or an architecture"),
    ],
)
def test_of_keys_that_take_each_others_place_one_is_needed(tmp_path, section, found, allowed):
    line = mistake(tmp_path, text_of(valid_study() | {section: found}))
    assert f" {section}" in line and "found {" in line and allowed in line


def test_rates_are_the_published_ones_where_none_are_given(tmp_path):
    data = valid_study()
    del data["training"]["learning_rate"]
    assert load_text(tmp_path, text_of(data)).training.learning_rate.by == "published"


WHOLE = [
    *[("prompts", "per_task"), ("prompts", "seed"), ("training", "batch", "size"), ("training", "warmup_steps")],
    *[("training", "learning_rate", "reference_width"), ("evaluation", "items_per_task"), ("evaluation", "seed")],
    *[("evaluation", "max_new_tokens"), ("evaluation", "batch_size"), ("resources", "processes")],
    *[("resources", "threads"), ("seeds", "default"), ("seeds", "arms", "ift"), ("schema_version",)],
]
NUMBERS = [
    *[("budgets", "training_flops", 0), ("training", "learning_rate", "rate"), ("training", "decay_share")],
    *[("training", "learning_rate", "exponent"), ("training", "final_rate_share"), ("training", "max_epochs")],
    *[("training", "optimizer", name) for name in ("beta1", "beta2", "epsilon", "weight_decay", "clip_gradient_norm")],
    *[("verdict", "queries"), ("resources", "flops_per_second")],
]
TEXTS = [
    *[("name",), ("title",), ("output",), ("prompts", "backend"), ("prompts", "tasks", 0), ("teacher", "backend")],
    *[("tokenizer", "backend"), ("students", 0, "name"), ("students", 0, "backend"), ("arms", 0)],
    *[("training", "batch", "unit"), ("training", "learning_rate", "by"), ("training", "precision")],
    *[("evaluation", "tasks", 1), ("evaluation", "sampling")],
]
LISTS = [("students",), ("arms",), ("prompts", "tasks"), ("evaluation", "tasks"), ("budgets", "training_flops")]
WRONG_EVERYWHERE = ["@nan", "@inf", "@-inf", "@1e400", "@date", "@digits"]


def shown(value):
    """How a message shows a value: as JSON, cut after 80 characters."""
    special = {"@nan": "NaN", "@inf": "Infinity", "@-inf": "-Infinity", "@1e400": "Infinity"}
    if isinstance(value, str) and value in special:
        return special[value]
    text = json.dumps(RAW.get(value, value) if isinstance(value, str) else value)
    return text if len(text) <= 80 else text[:77]


def one_mistake_each():
    for paths, values in (
        (WHOLE, [-1, 1.5, True, None, "many", [], {}, 10**20, *WRONG_EVERYWHERE]),
        (NUMBERS, [-1, True, None, "many", [], {}, *WRONG_EVERYWHERE]),
        (TEXTS, [0, 1.5, True, "", "../x", "two\nlines", "\x1b[31m", "x" * 300, [], {}, *WRONG_EVERYWHERE]),
        (LISTS, [0, "ift", None, [], {}, [None], [[]], *WRONG_EVERYWHERE]),
        (MAPPINGS[1:] + OPEN_MAPPINGS, [0, "x", None, [], *WRONG_EVERYWHERE]),
    ):
        for index, path in enumerate(paths):
            for value in values:
                if index < 3 or value not in WRONG_EVERYWHERE:
                    yield path, value


MEANT = {
    ("title", ""),
    ("title", "../x"),
    ("output", "../x"),
    ("output", "x" * 300),
    ("resources.flops_per_second", "None"),
    ("evaluation.sampling", "{}"),
}
"""What these keys do allow of the values above."""
ONE_OF_SEVERAL = {("budgets.training_flops", "None"), ("students[0].architecture", "None")}
"""Absent, they leave a gap that others could fill: the mistake is that of their section."""


def test_a_wrong_value_names_key_value_and_what_is_allowed(tmp_path):
    wrong = []
    count = 0
    for path, value in one_mistake_each():
        if (dotted(path), str(value)) in MEANT:
            continue
        data = valid_study()
        put(data, path, value)
        count += 1
        try:
            line = mistake(tmp_path, text_of(data))
        except (Exception, pytest.fail.Exception) as error:
            wrong.append((dotted(path), str(value)[:20], repr(error)[:200]))
            continue
        where, found = path, value
        if (dotted(path), str(value)) in ONE_OF_SEVERAL:
            where, found = path[:-1], data[path[0]] if len(path) == 2 else data[path[0]][path[1]]
        if path in LISTS and value in ([None], [[]]):
            where, found = (*path, 0), value[0]
        if f" {dotted(where)}" not in line or f"found {shown(found)}" not in line or "allowed" not in line:
            wrong.append((dotted(path), str(value)[:20], line))
    assert wrong == []
    assert count > 350


@pytest.mark.parametrize(
    ("path", "value", "shown_once"),
    [
        (("budgets", "training_flops"), [1e6, 2e6, 1e6], "1000000.0 twice, in budgets.training_flops[0] and"),
        (("arms",), ["ift", "ift"], '"ift" twice, in arms[0] and arms[1]'),
        (("prompts", "tasks"), ["chain", "capital", "capital"], '"capital" twice, in prompts.tasks[1] and'),
    ],
)
def test_of_a_value_that_stands_twice_the_places_are_named(tmp_path, path, value, shown_once):
    data = valid_study()
    put(data, path, value)
    line = mistake(tmp_path, text_of(data))
    assert f" {dotted(path)}: found {shown_once}" in line and line.endswith("allowed is each value once")


def test_further_mistakes_are_counted_and_said_to_be_alike_or_not(tmp_path):
    data = valid_study()
    put(data, ("budgets", "training_flops"), [-1.0, -2.0, -3.0])
    assert mistake(tmp_path, text_of(data)).endswith("(and 2 more errors like it)")
    put(data, ("budgets", "training_flops"), [-1.0, "x"])
    assert mistake(tmp_path, text_of(data)).endswith("(and 1 more error)")


@pytest.mark.parametrize(
    ("path", "value", "allowed"),
    [
        (("schema_version",), 0, "allowed: 1"),
        (("schema_version",), 2, "allowed: 1"),
        (("budgets", "training_flops", 0), 0, "greater than 0"),
        (("budgets", "training_flops"), [2e6, 1e6], "increase"),
        (("budgets", "training_flops", 1), 1e300, "up to 1e+30"),
        (("arms", 2), "sequential(0)", "0 < RHO < 1"),
        (("arms", 2), "sequential(1)", "0 < RHO < 1"),
        (("arms", 3), "curriculum", "sequential(RHO) or mixed(RHO)"),
        (("seeds", "arms"), {"nope": 1}, "sequential(RHO) or mixed(RHO)"),
        (("seeds", "default"), 10**6, "up to 1000"),
        (("prompts", "tasks", 1), "geometry", "capital, colour"),
        (("evaluation", "tasks", 1), "geometry", "capital, colour"),
        (("prompts", "backend"), "web", "procedural"),
        (("teacher", "backend"), "oracle", "symbolic"),
        (("training", "batch", "unit"), "bytes", "'tokens', 'instances'"),
        (("training", "learning_rate", "by"), "magic", "'rule', 'table'"),
        (("training", "precision"), "float64", "'float32' or 'bfloat16'"),
        (("training", "decay_share"), 0, "greater than 0"),
        (("training", "decay_share"), 1, "less than 1"),
        (("training", "final_rate_share"), 1.01, "up to 1"),
        (("training", "max_epochs"), 0, "greater than 0"),
        (("training", "optimizer", "beta1"), 1, "less than 1"),
        (("resources", "processes"), 257, "up to 256"),
        (("resources", "flops_per_second"), 0, "from 1 on"),
        (("students", 0, "name"), ".", "letters, digits"),
        (("students", 0, "name"), "x" * 65, "1 to 64"),
        (("name",), "naïve", "letters, digits"),
        (("name",), "tiny/../../x", "letters, digits"),
        (("output",), "a\x00b", "printable"),
    ],
    ids=lambda value: dotted(value) if isinstance(value, tuple) else str(value)[:20],
)
def test_an_impossible_value_is_told_the_rule(tmp_path, path, value, allowed):
    data = valid_study()
    put(data, path, value)
    line = mistake(tmp_path, text_of(data))
    assert f" {dotted(path)}: found {shown(value)}" in line and allowed in line


def test_students_with_one_name_are_refused(tmp_path):
    data = valid_study()
    data["students"][1]["name"] = "s"
    line = mistake(tmp_path, text_of(data))
    assert line.endswith('students: found "s" twice, in students[0] and students[1], allowed is each value once')


def test_a_fact_that_is_asked_must_be_taught(tmp_path):
    data = valid_study()
    data["prompts"]["tasks"] = ["chain"]
    assert ' evaluation.tasks: found "capital"' in mistake(tmp_path, text_of(data))


def test_a_rate_table_has_exactly_the_students(tmp_path):
    rate = {"ift": 0.1, "reasoning": 0.1}
    data = valid_study()
    data["training"]["learning_rate"] = {"by": "table", "rates": {"s": rate}}
    assert "training.learning_rate.rates: found no entry for student m" in mistake(tmp_path, text_of(data))
    data["training"]["learning_rate"]["rates"] = {"s": rate, "m": rate, "large": rate}
    assert "training.learning_rate.rates: found large, allowed are the students s, m" in mistake(
        tmp_path, text_of(data)
    )
    data["training"]["learning_rate"]["rates"] = {"s": rate, "m": {"ift": 0.1}}
    assert "training.learning_rate.rates.m.reasoning: found nothing" in mistake(tmp_path, text_of(data))


def test_seeds_of_an_arm_that_is_not_studied_are_refused(tmp_path):
    data = valid_study()
    data["seeds"]["arms"] = {"mixed(0.25)": 2}
    assert "seeds.arms: found mixed(0.25), allowed are the arms ift, reasoning" in mistake(tmp_path, text_of(data))


@pytest.mark.parametrize("key", [key for key in ARCHITECTURE if key not in {"tie_word_embeddings", "head_dim"}])
def test_an_architecture_without_a_size_is_refused(tmp_path, key):
    data = valid_study()
    del data["students"][1]["architecture"][key]
    line = mistake(tmp_path, text_of(data))
    assert "students[1].architecture: " in line and (key in line or key == "num_key_value_heads")


@pytest.mark.parametrize("key", [key for key in ARCHITECTURE if key != "tie_word_embeddings"])
@pytest.mark.parametrize("value", [-1, 0, 1.5, True, "many", [], 10**25])
def test_an_impossible_size_of_an_architecture_is_named(tmp_path, key, value):
    data = valid_study()
    data["students"][1]["architecture"][key] = value
    line = mistake(tmp_path, text_of(data))
    assert "students[1].architecture: " in line and key in line


def test_an_architecture_that_the_formulas_do_not_cover_is_refused(tmp_path):
    data = valid_study()
    data["students"][0]["architecture"]["model_type"] = "mamba"
    line = mistake(tmp_path, text_of(data))
    assert "students[0].architecture: " in line and "mamba" in line and "qwen3" in line


VALID_TEXT = text_of(valid_study())
ALIAS_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found null, allowed is a mapping"),
        ("# only a comment\n", "found null, allowed is a mapping"),
        ("[1, 2]", "found [1, 2], allowed is a mapping"),
        ("just words", 'found "just words", allowed is a mapping'),
        (".nan", "top level: found NaN"),
        (VALID_TEXT + "\n}", "not YAML"),
        (VALID_TEXT[:-2], "not YAML"),
        ("a:\n\t- b", "not YAML"),
        ("name: a\nname: b", "duplicate key"),
        ("a: {b: 1, b: 2}", "duplicate key"),
        ("a: *nowhere", "undefined alias"),
        ("a: !!python/object/apply:os.system [exit]", "tag"),
        ("a: !mine 5", "tag"),
        ("a: !!int five", 'a: found "five"'),
        ("a: !!int ''", 'a: found ""'),
        ("a: !!float ''", 'a: found ""'),
        ("a: !!bool maybe", 'a: found "maybe"'),
        ("a: !!set {b}", "a: found"),
        ("a: !!binary aGk=", "a: found"),
        ("a: 2020-01-01", 'a: found "2020-01-01"'),
        ("a: 2020-13-77", 'a: found "2020-13-77"'),
        (f"a: {'9' * 5000}", 'a: found "999'),
        (f"a: {'9' * 40}", "a: found a whole number of more than 30 digits"),
        (f"a: 0x{'f' * 5000}", "a: found a whole number of more than 30 digits"),
        ('a: "\\ud800"', 'a: found "\\ud800", allowed are Unicode'),
        ('"\\ud800": 1', "found key"),
        ("1: a", "found key 1, allowed are words"),
        ("? [a, b]\n: c", 'found key ["a", "b"]'),
        ("~: c", "found key null"),
        ("<<: 5", "not YAML"),
        ("a: 1\n---\nb: 2", "another document"),
        ("%YAML 9.9\n---\na: 1", "not YAML"),
        ("&a [*a]", "levels"),
        ("a: &a {b: *a}", "levels"),
        (ALIAS_BOMB, "values"),
        ("".join(f"- {line}\n" for line in ("&a [x]", "&b [*a]")) + "- *b", "allowed is a mapping"),
        ("&a " + "[" * 100 + "]" * 100, "levels"),
        ("a: " + "[" * 5000 + "]" * 5000, "levels"),
        ("#" * (LARGEST_FILE + 1), f"allowed are {LARGEST_FILE}"),
        ("a: \0", "not YAML"),
        (bytes(range(256)), "not UTF-8"),
        ("title: Größe".encode("latin-1"), "not UTF-8"),
        (VALID_TEXT.encode("utf-16"), "not UTF-8"),
        (b"\x1f\x8b\x08" + bytes(range(200)), "UTF-8"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_file_that_is_no_study_says_why_at_once(tmp_path, text, said):
    begun = time.perf_counter()
    line = mistake(tmp_path, text)
    assert said in line and line.startswith(str(tmp_path / "study.yaml"))
    assert time.perf_counter() - begun < 10


def test_a_list_of_aliases_that_would_fill_the_memory_is_refused(tmp_path):
    listed = "\n".join("- " + line.split(": ", 1)[1] for line in ALIAS_BOMB.splitlines())
    assert "values" in mistake(tmp_path, listed)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    for path, said in ((tmp_path / "nowhere.yaml", "no such study file"), (tmp_path, "without study.yaml")):
        with pytest.raises(UsageError, match=said) as caught:
            load_study_file(path)
        assert str(path) in one_line(caught.value)


def test_a_path_with_a_line_break_still_gives_one_line(tmp_path):
    with pytest.raises(UsageError) as caught:
        load_study_file(tmp_path / "two\nlines\x1b[31m.yaml")
    assert "two\\nlines" in one_line(caught.value)


def test_aliases_and_merge_keys_within_reason_are_read(tmp_path):
    text = VALID_TEXT.replace('"prompts": {', '"prompts": {"<<": {"seed": 7},', 1).replace('"seed": 0', "", 1)
    text = text.replace('"<<"', "<<").replace('"per_task": 10,\n  \n', '"per_task": 10\n')
    assert load_text(tmp_path, text).prompts.seed == 7


# Overrides


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("name=second", "second"),
        ("training.batch={unit: instances, size: 4}", {"unit": "instances", "size": 4}),
        ("training.batch.size=9", 9),
        ("budgets.training_flops=[1e5]", (1e5,)),
        ("budgets.training_flops.1=3e6", 3e6),
        ("students.1.name=large", "large"),
        ("students.0.architecture.head_dim=8", 8),
        ("resources.processes=2", 2),
        ("output=some/where=else", "some/where=else"),
        ("title='a: b'", "a: b"),
        ("seeds.arms.mixed(0.5)=3", 3),
    ],
)
def test_an_override_changes_its_key_and_nothing_else(tmp_path, override, value):
    before = load_text(tmp_path, VALID_TEXT).model_dump()
    after = load_text(tmp_path, VALID_TEXT, [override]).model_dump()
    path = ["seeds", "arms", "mixed(0.5)"] if "mixed" in override else override.partition("=")[0].split(".")
    inner = after
    for part in path:
        inner = inner[int(part) if isinstance(inner, tuple) else part]
    assert inner == value
    different = {key for key in before if before[key] != after[key]}
    assert different == {path[0]}


def test_the_last_override_of_a_key_wins(tmp_path):
    assert load_text(tmp_path, VALID_TEXT, ["name=a", "name=b"]).name == "b"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("", "allowed is key=value"),
        ("name", "allowed is key=value"),
        ("=x", "allowed is key=value"),
        ("a..b=1", "allowed is key=value"),
        (".name=x", "allowed is key=value"),
        ("name.=x", "allowed is key=value"),
        ("name.first=x", 'found "tiny" where "first" should go'),
        ("arms.4=ift", 'found "4", allowed is a position from 0 to 3'),
        ("arms.-1=ift", 'found "-1", allowed is a position from 0 to 3'),
        ("arms.first=ift", 'found "first", allowed is a position'),
        (f"arms.{'9' * 5000}=ift", "allowed is a position from 0 to 3"),
        ("arms.²=ift", "allowed is a position"),
        ("students.name=x", "allowed is a position from 0 to 1"),
        ("students.0.architecture.head_dim.x=1", 'found 4 where "x" should go'),
        ("name={", "override name: line 1"),
        ("name=a: b: c", "override name: line 1"),
        ("name=!!python/name:os.system", "tag"),
        ("nmae=x", "nmae: found an unknown key"),
        ("training.batch.sise=4", "training.batch.sise: found an unknown key"),
        ("training.warmup_steps=-1", "training.warmup_steps: found -1"),
        ("budgets.training_flops=1e6", "budgets.training_flops: found 1000000.0, allowed is a list"),
        ("budgets.training_flops.0=.nan", "budgets.training_flops[0]: found NaN"),
        ("name=", "name: found null"),
        ("two\nlines=1", "two\\nlines: found an unknown key"),
        ("name=&a [*a]", "levels"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_wrong_override_is_one_line(tmp_path, override, said):
    assert said in mistake(tmp_path, VALID_TEXT, [override])


# Whatever comes


def paths_of(value, path=()):
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from paths_of(child, (*path, key))


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from([*RAW, "ift", "mixed(0.5)", "capital", "../x", "", "tokens", 1, 0, -1, 1e30]),
    st.lists(st.integers(-2, 2), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(-2, 2), max_size=2),
    st.sampled_from(list(valid_study().values())),
)


@st.composite
def mutated_studies(draw):
    data = valid_study()
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(paths_of(data), key=str)))
        inner = data
        for part in path[:-1]:
            inner = inner[part]
        kind = draw(st.sampled_from(["replace", "remove", "add"]))
        if kind == "remove":
            del inner[path[-1]]
        elif kind == "replace":
            inner[path[-1]] = copy.deepcopy(draw(JUNK))
        elif isinstance(inner, list):
            inner.append(copy.deepcopy(draw(JUNK)))
        else:
            inner[draw(st.text(max_size=8))] = copy.deepcopy(draw(JUNK))
        if not data:
            break
    return data


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated_studies())
def test_a_mutated_study_loads_or_gives_one_line(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    try:
        study = load_text(folder, text_of(data))
    except UsageError as error:
        one_line(error)
        assert str(folder / "study.yaml") in error.message
    else:
        assert load_text(folder, write_study(study)) == study


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(max_size=60), st.text(alphabet="ab1.:-[]{}&*!<>?|%@'\"#~,=\\ \n\té", max_size=40)))
def test_arbitrary_bytes_give_one_line(tmp_path_factory, text):
    mistake(tmp_path_factory.getbasetemp(), text)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=40))
def test_an_arbitrary_override_loads_or_gives_one_line(tmp_path_factory, override):
    try:
        load_text(tmp_path_factory.getbasetemp(), VALID_TEXT, [override])
    except UsageError as error:
        one_line(error)


@settings(max_examples=50, deadline=None)
@given(
    title=st.text(max_size=120).filter(str.isprintable),
    rate=st.floats(1e-300, 1000),
    budget=st.floats(1e-300, 1e30),
    extra=st.dictionaries(
        st.sampled_from(sorted(OTHER_KEYS)),
        st.one_of(st.none(), st.booleans(), st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False)),
        max_size=3,
    ),
)
def test_what_is_written_is_read_back_the_same(tmp_path_factory, title, rate, budget, extra):
    data = valid_study()
    data["title"] = title
    data["training"]["learning_rate"]["rate"] = rate
    data["budgets"]["training_flops"] = [budget]
    data["students"][0]["architecture"].update(extra)
    study = parse_study(data, name="study")
    read = load_text(tmp_path_factory.getbasetemp(), write_study(study))
    assert read == study
    assert read.students[0].architecture == data["students"][0]["architecture"]


def test_defaults_are_written_out(tmp_path):
    data = valid_study()
    for key in ("title", "seeds", "verdict", "resources"):
        del data[key]
    del data["training"]["optimizer"]
    study = load_text(tmp_path, text_of(data))
    text = write_study(study)
    for key in ("beta2: 0.95", "queries: 1000000.0", "decay_share: 0.1", "processes: 1"):
        assert key in text
    assert load_text(tmp_path, text) == study


def test_a_null_in_an_architecture_survives_since_absent_means_something_else(tmp_path):
    data = valid_study()
    data["students"][0]["architecture"] |= {"model_type": "mistral", "sliding_window": None}
    study = load_text(tmp_path, text_of(data))
    assert load_text(tmp_path, write_study(study)) == study


def test_every_field_of_the_schema_is_in_the_example():
    """So that the tests above, which walk through the example, walk through the schema."""
    assert set(valid_study()) | {"output"} == set(Study.model_fields)
    assert all(math.isfinite(budget) for budget in valid_study()["budgets"]["training_flops"])
