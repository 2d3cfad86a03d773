"""The identities of the steps before training: what a teacher is asked, the pairs, the corpus. Used by run/.

A path, an address or a number of processes is never part of one; contents are, as digests.
"""

import re
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from isothink.domain.prompt_settings import DataPrompts
from isothink.domain.student_settings import ModelTokenizer, TokenizerSettings
from isothink.domain.study import PairStudy, Study
from isothink.domain.teacher_settings import (
    ModelTeacher,
    OpenAITeacher,
    RecordedTeacher,
    SymbolicTeacher,
    TransformersTeacher,
)
from isothink.plan.students import longest_sequence
from isothink.run.benchmarks import benchmark_recipe
from isothink.store.fingerprint import fingerprint

_MODE = {"request", "model", "system", "prompt_suffix"}
_PILOT = re.compile(r"pilot(\d{1,8})-[0-9a-f]+")


def asking_identity(teacher: ModelTeacher) -> dict[str, Any]:
    """What decides a reply, apart from the prompt and the cap on its tokens."""
    common = {"backend": teacher.backend, "off": teacher.off.model_dump(), "on": teacher.on.model_dump()}
    common["sampling"] = teacher.sampling.model_dump()
    if isinstance(teacher, OpenAITeacher):
        return {**common, "model": teacher.model}
    return {**common, **_local_model(teacher), "revision": teacher.revision, "precision": teacher.precision}


def _local_model(teacher: TransformersTeacher) -> dict[str, Any]:
    """A folder by its digest alone; a model of the Hub by its name, beside the digest of a template of one's own."""
    digest = {} if teacher.digest is None else {"digest": teacher.digest}
    if digest and Path(teacher.model).is_absolute():
        return digest
    file = {} if teacher.gguf_file is None else {"gguf_file": teacher.gguf_file}
    return {"model": teacher.model, **file, **digest}


def toggle_of(teacher: SymbolicTeacher | RecordedTeacher | ModelTeacher) -> dict[str, JsonValue]:
    """What is sent in each mode; for a program and for recorded replies, the name of the mode alone."""
    if isinstance(teacher, OpenAITeacher | TransformersTeacher):
        return {
            "off": teacher.off.model_dump(mode="json", include=_MODE),
            "on": teacher.on.model_dump(mode="json", include=_MODE),
        }
    return {"off": "off", "on": "on"}


def pairs_step(study: PairStudy) -> str:
    """The id of the step that makes the pairs."""
    return f"pairs-{fingerprint(_pairs_recipe(study))}"


def pilot_step(study: PairStudy, limit: int) -> str:
    """The id of the step that makes the pairs of `limit` prompts."""
    return f"pilot{limit}-{fingerprint(_pairs_recipe(study))}"


def limit_of_pilot(step: str) -> int | None:
    """The limit that the id of a pilot holds; None for other steps."""
    match = _PILOT.fullmatch(step)
    return int(match[1]) if match else None


def corpus_step(study: Study) -> str:
    """The id of the step that freezes the corpus and the items."""
    recipe = {
        "pairs": pairs_step(study),
        "tokenizer": tokenizer_identity(study.tokenizer),
        "rendering": study.rendering.model_dump(),
        "max_tokens": longest_sequence(study),
        "evaluation": _items(study),
    }
    return f"corpus-{fingerprint(recipe)}"


def tokenizer_identity(settings: TokenizerSettings) -> dict[str, Any]:
    """What decides token ids: of local files their digest, of the Hub's the name and the revision."""
    recipe = settings.model_dump(exclude={"chat_template"})
    if isinstance(settings, ModelTokenizer) and settings.model is not None and Path(settings.model).is_absolute():
        del recipe["model"]
    return recipe


def _pairs_recipe(study: PairStudy) -> dict[str, Any]:
    recipe = {"prompts": _prompts(study), "teacher": _teacher(study.teacher)}
    filters = study.filters.model_dump()
    for chosen in filters["decontamination"]["against"]:
        del chosen["path"]
    if isinstance(study, Study) and study.filters.decontamination.items and isinstance(study.prompts, DataPrompts):
        recipe["items"] = _items(study)
    return {**recipe, "filters": filters}


def _items(study: Study) -> dict[str, Any]:
    settings = study.evaluation
    recipe = settings.model_dump(include={"tasks", "items_per_task", "seed"})
    benchmarks = [benchmark_recipe(each) for each in settings.benchmarks if each.name in settings.tasks]
    families = settings.model_dump(include={"families"}) if settings.families else {}
    return {**recipe, **families, "benchmarks": benchmarks} if benchmarks else {**recipe, **families}


def _prompts(study: PairStudy) -> dict[str, Any]:
    prompts = study.prompts.model_dump()
    for chosen in prompts.get("sets", ()):
        chosen.pop("path", None)
    return prompts


def _teacher(teacher: SymbolicTeacher | RecordedTeacher | ModelTeacher) -> dict[str, Any]:
    if isinstance(teacher, SymbolicTeacher | RecordedTeacher):
        return teacher.model_dump()
    counted = (
        {"architecture": teacher.architecture, "tokenizer": teacher.tokenizer}
        if isinstance(teacher, OpenAITeacher)
        else {}
    )
    return {**asking_identity(teacher), **counted}
