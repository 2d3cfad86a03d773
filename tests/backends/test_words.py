"""The words tokenizer: every procedural text survives it, and a chat begins with its own prompt."""

import pytest

pytest.importorskip("transformers", reason="tokenizing needs the [train] extra")

from transformers import AutoTokenizer

from isothink.backends.words import WordsTokenizer
from isothink.domain.student_settings import Rendering
from isothink.errors import StudyError
from isothink.procedural.tasks import TASKS

QUESTIONS = [
    (question.prompt, task.solve(question.prompt))
    for task in TASKS.values()
    for question in task.questions(split="train", limit=40, seed=1)
]


def test_every_question_trace_and_answer_survives():
    tokenizer = WordsTokenizer()
    prompts = [prompt for prompt, _ in QUESTIONS]
    answers = [f"<think> {' '.join(solution.steps)} </think> {solution.answer}" for _, solution in QUESTIONS]
    heads, bodies = tokenizer.encode_prompts(prompts), tokenizer.encode_answers(answers)
    for prompt, answer, head, body in zip(prompts, answers, heads, bodies, strict=True):
        assert body[-1] == tokenizer.end_id
        assert tokenizer.decode(body) == answer
        assert tokenizer.decode(head) == f"<user> {prompt} <assistant>"
        assert tokenizer.token_id("<unk>") not in [*head, *body]


def test_the_prompt_never_opens_a_trace():
    tokenizer = WordsTokenizer()
    for head in tokenizer.encode_prompts([prompt for prompt, _ in QUESTIONS]):
        assert not {tokenizer.token_id("<think>"), tokenizer.token_id("</think>")} & set(head)


def test_a_saved_tokenizer_is_an_ordinary_hugging_face_folder(tmp_path):
    tokenizer = WordsTokenizer()
    tokenizer.save(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    chat = [{"role": "user", "content": "sum 1 2 3 4 ?"}, {"role": "assistant", "content": "<think> 1 </think> 0"}]
    (head,), (body,) = tokenizer.encode_prompts([chat[0]["content"]]), tokenizer.encode_answers([chat[1]["content"]])
    theirs = loaded.apply_chat_template(chat, tokenize=True)
    assert list(getattr(theirs, "input_ids", theirs)) == [*head, *body]


@pytest.mark.parametrize("word", ["<end>", "<user>", "<assistant>", "<pad>", "<think>", "</think>"])
def test_a_control_word_in_a_prompt_is_an_unknown_word(word):
    tokenizer = WordsTokenizer()
    (ids,) = tokenizer.encode_prompts([f"sum 1 {word} {word}"])
    user, assistant, unknown = (tokenizer.token_id(name) for name in ("<user>", "<assistant>", "<unk>"))
    assert ids == [user, tokenizer.token_id("sum"), tokenizer.token_id("1"), unknown, unknown, assistant]


def test_an_answer_keeps_its_think_tags_and_no_other_control_word():
    tokenizer = WordsTokenizer()
    (ids,) = tokenizer.encode_answers(["<think> 1 </think> <end> 2"])
    assert tokenizer.decode(ids) == "<think> 1 </think> <unk> 2"
    assert ids.count(tokenizer.end_id) == 1 and tokenizer.end_ids == (tokenizer.end_id,)


def test_there_is_no_system_prompt():
    with pytest.raises(StudyError, match=r"rendering\.system_prompt"):
        WordsTokenizer(None, Rendering(system_prompt="Be kind."))
