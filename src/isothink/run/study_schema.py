"""The JSON Schema of the study file, for editors: made from its records. Called by api.py and scripts/generate_docs.py.

It knows keys, types, bounds and alternatives; rules between keys are for `isothink plan` to check. Draft 7 of JSON
Schema, which every editor reads.
"""

import ast
import inspect
import json
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from isothink.benchmark.catalogue import published_benchmarks
from isothink.domain.arm import ARM_PATTERN
from isothink.domain.study import SCHEMA_VERSION, PairStudy, Study
from isothink.procedural.tasks import TASKS

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
DESCRIPTION = (
    "A study file of isothink. A key that is left out has the default shown here; keys that are filled in when the"
    " study is read (digests, benchmarks) say so. Commands take changes as key.sub=value, which replace what the file"
    " says before it is checked. Not every rule can be said here: `isothink plan` checks all of them."
)


def study_schema() -> Schema:
    """The schema of a study file: a whole study, or one that makes pairs only."""
    schema = Study.model_json_schema(ref_template="#/definitions/{model}")
    definitions: Schema = schema.pop("$defs")
    records = {record.__name__: record for record in _records(Study)}
    for name, definition in definitions.items():
        _describe(definition, records.get(name))
    _describe(schema, Study)
    for part in (schema, *definitions.values()):
        _walk(part, _tidied)
    _tell_what_types_cannot(schema, definitions)
    ordered = {"$schema": DRAFT, "title": "isothink study", "description": DESCRIPTION}
    return {
        **ordered,
        **{key: value for key, value in schema.items() if key not in ordered},
        "definitions": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """The schema as the text of a file."""
    return json.dumps(study_schema(), indent=1, ensure_ascii=False) + "\n"


def field_text(record: type[BaseModel], name: str) -> str:
    """The string under a field of a record of domain/; empty where there is none."""
    texts = _attribute_texts()
    return next((texts[base.__name__, name] for base in record.__mro__ if (base.__name__, name) in texts), "")


@cache
def _attribute_texts() -> dict[tuple[str, str], str]:
    """The strings under the fields of every record in domain/, read from its source: Python itself drops them."""
    texts = {}
    for path in files("isothink.domain").iterdir():
        if not path.name.endswith(".py"):
            continue
        classes = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
        for node in classes:
            for field, below in pairwise(node.body):
                text = below.value if isinstance(below, ast.Expr) else None
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Constant):
                    texts[node.name, ast.unparse(field.target)] = inspect.cleandoc(str(text.value))
    return texts


def _records(record: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A record, and all that its fields hold."""
    seen: set[type[BaseModel]] = set()
    waiting: list[Any] = [record]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if kind in seen:
                continue
            seen.add(kind)
            yield kind
            waiting.extend(field.annotation for field in kind.model_fields.values())
        else:
            waiting.extend(getattr(kind, "__args__", ()))


def _describe(schema: Schema, record: type[BaseModel] | None) -> None:
    """Puts the strings of a record's source beside its keys."""
    if record is None:
        return
    schema["description"] = _in_lines(inspect.cleandoc(record.__doc__ or ""))
    for name, key in schema["properties"].items():
        text = field_text(record, name)
        if not text and "const" in key:  # the key that chooses this record
            text = schema["description"].partition("\n")[0]
        if text:
            key["description"] = _in_lines(text)


def _in_lines(text: str) -> str:
    """Paragraphs without the line breaks of the source."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _walk(schema: Any, change: Callable[[Schema], None]) -> None:
    """Changes a schema and every schema in it; names of keys are no schemas."""
    if not isinstance(schema, dict):
        return
    change(schema)
    for name in ("properties", "patternProperties"):
        for inner in schema.get(name, {}).values():
            _walk(inner, change)
    for name in ("items", "additionalProperties", "propertyNames"):
        _walk(schema.get(name), change)
    for name in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(name, ()):
            _walk(inner, change)


def _tidied(schema: Schema) -> None:
    """Leaves out what pydantic adds for other readers: titles made of names, OpenAPI's discriminators, empty defaults.

    A record's default is left out, too: an editor would write out all of it, and its keys have their own.
    """
    schema.pop("title", None)
    schema.pop("discriminator", None)
    if isinstance(schema.get("default"), dict) or schema.get("default", "") is None:
        del schema["default"]
    if "patternProperties" in schema:
        schema["additionalProperties"] = False


def _tell_what_types_cannot(schema: Schema, definitions: Schema) -> None:
    """What validators in domain/ and the checks of run/load.py say, as far as a schema can."""
    keys = schema["properties"]
    keys["schema_version"]["const"] = SCHEMA_VERSION
    keys["arms"]["items"]["pattern"] = f"^({ARM_PATTERN})$"
    keys["arms"]["uniqueItems"] = True
    wanted = [name for name, field in Study.model_fields.items() if field.is_required()]
    schema["required"] = [name for name in wanted if name in PairStudy.model_fields]
    of_training = [name for name in wanted if name not in PairStudy.model_fields]
    schema["dependencies"] = {name: of_training for name in Study.model_fields if name not in PairStudy.model_fields}
    definitions["ProceduralPrompts"]["properties"]["tasks"]["items"] = {"enum": list(TASKS)}
    known = [*TASKS, *published_benchmarks()]
    tasks = definitions["Evaluation"]["properties"]["tasks"]
    tasks["items"] = {"anyOf": [{"enum": known}, tasks["items"]]}  # names to choose from, and files of one's own
