"""Students of a study file: what cannot be meant is refused before anything is trained."""

from pathlib import Path

import pytest

from isothink.errors import StudyError
from isothink.plan.students import (
    OTHER_KEYS,
    SHAPE_KEYS,
    longest_sequence,
    positions_of,
    shape_fields,
    student_architecture,
)
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


def study_of_model(**changes):
    """The quickstart with its first student a model."""
    study = load_study_file(QUICKSTART)
    student = study.students[0].model_copy(update={"model": "someone/something", **changes})
    return study.model_copy(update={"students": (student, *study.students[1:])})


MULTIMODAL = {
    "model_type": "gemma3",
    "vision_config": {"hidden_size": 7},
    "text_config": {"hidden_size": 64, "max_position_embeddings": 99, "unheard_of": [1], "_name_or_path": "x"},
    "unheard_of": 1,
}


def test_of_a_models_configuration_its_shape_and_positions_are_kept():
    assert shape_fields(MULTIMODAL) == {
        "model_type": "gemma3",
        "text_config": {"hidden_size": 64, "max_position_embeddings": 99},
    }
    assert shape_fields({"kv_lora_rank": 4, "text_config": None}) == {"kv_lora_rank": 4, "text_config": None}


def test_fields_that_nobody_knows_are_refused_in_a_study_and_ignored_in_a_model():
    shape = {**load_study_file(QUICKSTART).students[0].architecture, "unheard_of": 1, "vocab_size": 500}
    assert student_architecture(study_of_model(architecture=shape), 0, 100).vocabulary_size == 500
    with pytest.raises(StudyError, match="unheard_of"):
        student_architecture(study_of_model(architecture=shape, model=None), 0, 100)


def test_a_models_vocabulary_may_be_larger_than_the_tokenizers_and_not_smaller():
    shape = {**load_study_file(QUICKSTART).students[0].architecture, "vocab_size": 100}
    assert student_architecture(study_of_model(architecture=shape), 0, 100).vocabulary_size == 100
    with pytest.raises(StudyError, match=r"students\[0\]\.model: found a vocabulary of 100 tokens") as caught:
        student_architecture(study_of_model(architecture=shape), 0, 101)
    assert "101" in caught.value.message


def test_the_longest_sequence_is_what_the_study_says_or_what_every_student_can_read():
    shape = load_study_file(QUICKSTART).students[0].architecture
    assert longest_sequence(load_study_file(QUICKSTART)) == 128
    study = study_of_model(architecture={**shape, "text_config": {"max_position_embeddings": 90}})
    assert positions_of(study, 0) == 90 and longest_sequence(study) == 90
    unknown = study.model_copy(
        update={
            "students": tuple(one.model_copy(update={"architecture": {"hidden_size": 8}}) for one in study.students)
        }
    )
    assert longest_sequence(unknown) is None
    for given, fits in ((90, True), (50, True), (91, False)):
        asked = study.model_copy(update={"training": study.training.model_copy(update={"max_tokens": given})})
        if fits:
            assert longest_sequence(asked) == given
        else:
            with pytest.raises(StudyError, match=r"training\.max_tokens: found 91, allowed are numbers up to 90"):
                longest_sequence(asked)


def test_every_field_that_transformers_saves_for_a_student_is_known():
    transformers = pytest.importorskip("transformers", reason="needs the [train] extra")
    for name in ("qwen2", "qwen3", "llama", "mistral"):
        saved = transformers.AutoConfig.for_model(name).to_diff_dict()
        assert set(saved) <= SHAPE_KEYS | OTHER_KEYS | {"tokenizer_class"}, name
