"""The words tokenizer: every procedural text survives it, and a chat begins with its own prompt."""

import pytest

pytest.importorskip("transformers", reason="tokenizing needs the [train] extra")

from transformers import AutoTokenizer

from isothink.backends.words import WordsTokenizer
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
    heads, chats = tokenizer.encode_prompts(prompts), tokenizer.encode_chats(prompts, answers)
    for prompt, answer, head, chat in zip(prompts, answers, heads, chats, strict=True):
        assert chat[: len(head)] == head
        assert chat[-1] == tokenizer.end_id
        assert tokenizer.decode(chat[len(head) :]) == answer
        assert tokenizer.decode(head) == f"<user> {prompt} <assistant>"
        assert tokenizer.token_id("<unk>") not in chat


def test_the_prompt_never_opens_a_trace():
    tokenizer = WordsTokenizer()
    for head in tokenizer.encode_prompts([prompt for prompt, _ in QUESTIONS]):
        assert not {tokenizer.token_id("<think>"), tokenizer.token_id("</think>")} & set(head)


def test_a_saved_tokenizer_is_an_ordinary_hugging_face_folder(tmp_path):
    tokenizer = WordsTokenizer()
    tokenizer.save(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    chat = [{"role": "user", "content": "sum 1 2 3 4 ?"}, {"role": "assistant", "content": "<think> 1 </think> 0"}]
    ours = tokenizer.encode_chats([chat[0]["content"]], [chat[1]["content"]])[0]
    theirs = loaded.apply_chat_template(chat, tokenize=True)
    assert list(getattr(theirs, "input_ids", theirs)) == ours
