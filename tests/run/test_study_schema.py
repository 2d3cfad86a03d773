"""The study file's JSON Schema: accepts what the loader accepts, refuses typical mistakes, and says what keys mean."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from isothink.benchmark.catalogue import published_benchmarks
from isothink.procedural.tasks import TASKS
from isothink.run.load import load_pair_study_file
from isothink.run.study_schema import schema_text, study_schema
from isothink.store.study_file import load_yaml, read_pair_study, write_study

STUDIES = sorted((Path(__file__).resolve().parent.parent.parent / "studies").glob("*.yaml"))


@pytest.fixture(scope="module")
def schema():
    made = study_schema()
    jsonschema.Draft7Validator.check_schema(made)
    return made


def faults(schema, data):
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(data)]


def read(path):
    return load_yaml(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_fits_as_it_is_written_and_as_a_run_folder_stores_it(schema, path):
    assert faults(schema, read(path)) == []
    stored = write_study(read_pair_study(path))
    assert faults(schema, load_yaml(stored, "stored")) == []


def test_a_resolved_study_with_its_benchmarks_fits(schema):
    path = next(path for path in STUDIES if path.stem == "gsm8k-students")
    student = "{name: a, model: Qwen/Qwen2.5-0.5B}"  # its shape is in the package's table
    study = load_pair_study_file(path, [f"students=[{student}]", "training.learning_rate={by: published}"])
    assert study.evaluation.benchmarks
    assert faults(schema, load_yaml(write_study(study), "stored")) == []


MISTAKES = {
    "an unknown key": lambda study: study.update(nonsense=1),
    "an unknown key deeper down": lambda study: study["training"].update(batch_size=3),
    "a missing key": lambda study: study.pop("teacher"),
    "a key of training without the others": lambda study: study.pop("budgets"),
    "a text for a number": lambda study: study["evaluation"].update(items_per_task="many"),
    "a fraction of an item": lambda study: study["evaluation"].update(items_per_task=1.5),
    "a negative number": lambda study: study["training"]["batch"].update(size=-1),
    "an unknown option": lambda study: study.update(match="money"),
    "an unknown kind": lambda study: study["teacher"].update(backend="oracle"),
    "an unknown generator": lambda study: study["prompts"].update(tasks=["chess"]),
    "an arm that is none": lambda study: study.update(arms=["ift", "sequential"]),
    "an arm twice": lambda study: study.update(arms=["ift", "ift"]),
    "a name that is none": lambda study: study.update(name="a b"),
    "another version": lambda study: study.update(schema_version=2),
    "no student": lambda study: study.update(students=[]),
    "a list for a mapping": lambda study: study.update(training=[]),
    "a family whose name is none": lambda study: study["evaluation"].update(families={"a b": ["chain"]}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_typical_mistakes_are_refused(schema, mistake):
    study = read(next(path for path in STUDIES if path.stem == "quickstart"))
    assert faults(schema, study) == []
    wrong = copy.deepcopy(study)
    MISTAKES[mistake](wrong)
    assert faults(schema, wrong)


def test_every_key_says_what_it_is_or_what_it_holds(schema):
    """A key is described by itself, or by the record that it refers to."""
    silent = []
    records = {name: record for name, record in schema["definitions"].items() if "properties" in record}
    for name, record in [("study", schema), *records.items()]:
        assert record["description"]
        for key, value in record["properties"].items():
            if "description" not in value and "$ref" not in json.dumps(value):
                silent.append(f"{name}.{key}")
    known = len([key for record in records.values() for key in record["properties"]])
    assert len(silent) < known / 4, silent
    assert {"description", "default"} >= set(_beside_references(schema))  # draft 7 ignores others there


def _beside_references(part):
    if isinstance(part, dict):
        if "$ref" in part:
            yield from part.keys() - {"$ref"}
        for inner in part.values():
            yield from _beside_references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _beside_references(inner)


def test_defaults_are_those_of_the_records_and_tasks_can_be_chosen(schema):
    assert schema["definitions"]["Training"]["properties"]["decay_share"]["default"] == 0.1
    assert "default" not in schema["properties"]["filters"]  # its keys have their own
    offered = schema["definitions"]["Evaluation"]["properties"]["tasks"]["items"]["anyOf"][0]["enum"]
    assert {*TASKS, *published_benchmarks()} == set(offered)
    assert json.loads(schema_text()) == schema
