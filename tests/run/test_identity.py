"""Identities of what a teacher is asked: every model and template has its own, and no path is part of one."""

import shutil

import pytest

from isothink.domain.teacher_settings import TransformersTeacher
from isothink.run.identity import asking_identity
from isothink.run.load import load_pair_study_file

from .pair_study import write_prompts

STUDY = """
schema_version: 1
name: identities
prompts: {{backend: data, sets: [{{kind: file, path: prompts.jsonl}}]}}
teacher:
  backend: transformers
  model: {model}
  {more}
  off: {{request: {{chat_template_kwargs: {{enable_thinking: false}}}}}}
  on: {{request: {{chat_template_kwargs: {{enable_thinking: true}}}}}}
"""


def identity(folder, model, more=""):
    folder.mkdir(exist_ok=True)
    write_prompts(folder, ["a"])
    (folder / "ours.jinja").write_text("{{ messages }}", encoding="utf-8")
    path = folder / "study.yaml"
    path.write_text(STUDY.format(model=model, more=more), encoding="utf-8")
    teacher = load_pair_study_file(path).teacher
    assert isinstance(teacher, TransformersTeacher)
    return asking_identity(teacher)


@pytest.mark.parametrize(
    "others",
    [
        [("owner/a", "chat_template: ours.jinja"), ("owner/b", "chat_template: ours.jinja")],
        [("owner/a", ""), ("owner/a", "chat_template: ours.jinja")],
        [("owner/a", "gguf_file: q4.gguf"), ("owner/a", "gguf_file: q8.gguf")],
    ],
    ids=["two models under one template", "a template of one's own", "two files of one model"],
)
def test_models_of_the_hub_are_told_apart(tmp_path, others):
    one, other = (identity(tmp_path, *chosen) for chosen in others)
    assert one != other


def test_a_folder_is_known_by_its_contents(tmp_path):
    model = tmp_path / "one" / "small"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}", encoding="utf-8")
    first = identity(model.parent, "small", "chat_template: ours.jinja")
    shutil.copytree(model, tmp_path / "two" / "moved")
    assert identity(tmp_path / "two", "moved", "chat_template: ours.jinja") == first
    (model / "config.json").write_text('{"changed": 1}', encoding="utf-8")
    assert identity(model.parent, "small", "chat_template: ours.jinja") != first
