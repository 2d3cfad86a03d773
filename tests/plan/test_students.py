"""Students of a study file: what cannot be meant is refused before anything is trained."""

from pathlib import Path

import pytest

from isothink.errors import StudyError
from isothink.plan.students import OTHER_KEYS, SHAPE_KEYS
from isothink.run.load import load_study_file

QUICKSTART = Path(__file__).resolve().parent.parent.parent / "studies" / "quickstart.yaml"


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("students.0.architecture.tie_word_embeding=true", "students[0].architecture.tie_word_embeding"),
        ("students.2.architecture.auto_map={a: b}", "students[2].architecture.auto_map"),
        ("students.1.architecture.head_dim=15", "students[1].architecture.head_dim"),
        ("students.3.architecture.vocab_size=20", "students[3].architecture.vocab_size"),
        ("students.0.architecture.model_type=mamba", "students[0].architecture"),
    ],
)
def test_an_architecture_that_cannot_be_meant_is_one_line_that_names_it(override, named):
    with pytest.raises(StudyError) as caught:
        load_study_file(QUICKSTART, [override])
    assert named in caught.value.message and str(QUICKSTART) in caught.value.message
    assert "\n" not in caught.value.message


def test_a_misspelt_field_is_told_its_likely_name():
    with pytest.raises(StudyError) as caught:
        load_study_file(QUICKSTART, ["students.0.architecture.tie_word_embeding=true"])
    assert "tie_word_embeddings" in caught.value.hint


def test_every_field_that_transformers_saves_for_a_student_is_known():
    transformers = pytest.importorskip("transformers", reason="needs the [train] extra")
    for name in ("qwen2", "qwen3", "llama", "mistral"):
        saved = transformers.AutoConfig.for_model(name).to_diff_dict()
        assert set(saved) <= SHAPE_KEYS | OTHER_KEYS | {"tokenizer_class"}, name
