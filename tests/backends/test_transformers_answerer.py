"""The answerer: batches give the answers that one-by-one generation gives, and counts are counted by hand."""

import json
import shutil

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from isothink.backends.chat_tokenizer import ChatTokenizer  # noqa: E402
from isothink.backends.transformers_answerer import TransformersAnswerer  # noqa: E402
from isothink.backends.words import END, WordsTokenizer  # noqa: E402
from isothink.domain.student_settings import ModelTokenizer, Rendering  # noqa: E402
from isothink.errors import StepError, UsageError  # noqa: E402
from isothink.procedural.tasks import TASKS  # noqa: E402

from .small_tokenizers import QWEN25, byte_level, write_tokenizer  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random student whose end token is likely enough for answers of different lengths."""
    tokenizer = WordsTokenizer()
    torch.manual_seed(5)
    config = AutoConfig.for_model(
        "qwen3",
        vocab_size=tokenizer.vocabulary_size,
        hidden_size=32,
        num_hidden_layers=2,
        intermediate_size=64,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        tie_word_embeddings=False,
        initializer_range=0.5,
    )
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        model.lm_head.weight[tokenizer.token_id(END)] *= 2.5
    place = tmp_path_factory.mktemp("student")
    model.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def prompts():
    return [question.prompt for task in TASKS.values() for question in task.questions(split="test", limit=12, seed=2)]


def test_batched_answers_equal_those_given_one_by_one(folder, prompts):
    tokenizer = WordsTokenizer()
    batched = TransformersAnswerer(folder, tokenizer, batch_size=64).generate(prompts, max_new_tokens=12)
    single = TransformersAnswerer(folder, tokenizer, batch_size=1).generate(prompts, max_new_tokens=12)
    assert len({answer.output_tokens for answer in batched}) > 2, "the answers do not vary: the test shows nothing"
    same = sum(left == right for left, right in zip(batched, single, strict=True))
    assert same >= 0.99 * len(prompts)


def test_every_answer_is_heard_of_once_as_its_batch_ends(folder, prompts):
    heard = []
    answerer = TransformersAnswerer(folder, WordsTokenizer(), batch_size=16)
    answers = answerer.generate(prompts[:40], max_new_tokens=6, on_batch=lambda batch: heard.append(list(batch)))
    assert [len(batch) for batch in heard] == [16, 16, 8]
    assert sorted(map(id, (one for batch in heard for one in batch))) == sorted(map(id, answers))


def test_counts_are_those_of_the_tokens(folder, prompts):
    tokenizer = WordsTokenizer()
    answers = TransformersAnswerer(folder, tokenizer, batch_size=32).generate(prompts, max_new_tokens=12)
    for prompt, answer in zip(prompts, answers, strict=True):
        words = len(answer.text.split())
        assert answer.prompt_tokens == len(tokenizer.encode_prompts([prompt])[0])
        ended = answer.stop_reason == "end"
        assert ended or answer.output_tokens == 12
        assert answer.output_tokens == words + ended, "the end token counts, and is no word"


@pytest.mark.parametrize(
    ("output", "trace"),
    [
        ("<think> 1 2 </think> 3 <end>", 4),
        ("<think> 1 2", 3),
        ("1 </think> 3 <end>", 2),
        ("3 <end>", 0),
        ("5 <think> 1 </think> 2 </think> 3", 5),
        ("", 0),
    ],
)
def test_the_trace_is_counted_from_its_opener_to_its_last_close(folder, output, trace):
    tokenizer = WordsTokenizer()
    answerer = TransformersAnswerer(folder, tokenizer, batch_size=1)
    answer = answerer._answer(3, [tokenizer.token_id(word) for word in output.split()])
    assert answer.trace_tokens == trace
    assert answer.output_tokens == len(output.split())


def test_every_prompt_is_answered_in_its_own_place(folder, prompts):
    answerer = TransformersAnswerer(folder, WordsTokenizer(), batch_size=16)
    forward = answerer.generate(prompts[:40], max_new_tokens=6)
    backward = answerer.generate(prompts[:40][::-1], max_new_tokens=6)[::-1]
    assert [a.prompt_tokens for a in forward] == [a.prompt_tokens for a in backward]
    assert sum(a.text == b.text for a, b in zip(forward, backward, strict=True)) >= 39


# Any tokenizer


@pytest.fixture(scope="module")
def chat_folder(tmp_path_factory):
    """A random student with a byte-level tokenizer, for which both end tokens are likely."""
    place = tmp_path_factory.mktemp("chat-student")
    write_tokenizer(place, byte_level(tags=False), QWEN25, eos_token="<|endoftext|>")
    tokenizer = chat_tokenizer(place)
    torch.manual_seed(3)
    config = AutoConfig.for_model(
        "llama",
        vocab_size=tokenizer.vocabulary_size + 24,
        hidden_size=32,
        num_hidden_layers=1,
        intermediate_size=64,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=False,
        initializer_range=0.5,
    )
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        first, second = tokenizer.end_ids
        model.lm_head.weight[first] *= 3
        model.lm_head.weight[second] = -model.lm_head.weight[first]
    model.save_pretrained(place)
    tokenizer.save(place)
    return place


def chat_tokenizer(place):
    return ChatTokenizer(ModelTokenizer(backend="transformers", model=str(place)), Rendering())


QUESTIONS = [f"{left} + {right} ?" for left in range(8) for right in range(5)]


def test_the_end_of_a_turn_and_the_end_of_sequence_both_end_an_answer(chat_folder):
    tokenizer = chat_tokenizer(chat_folder)
    answerer = TransformersAnswerer(chat_folder, tokenizer, batch_size=8)
    ends = set()
    for prompt in QUESTIONS:
        (ids,) = tokenizer.encode_prompts([prompt])
        (output,) = answerer._generate([ids], 12)
        assert not set(output[:-1]) & set(tokenizer.end_ids)
        answer = answerer.generate([prompt], max_new_tokens=12)[0]
        assert answer.prompt_tokens == len(ids) and answer.output_tokens == len(output)
        assert answer.text == tokenizer.decode(output)
        assert answer.stop_reason == ("end" if output[-1] in tokenizer.end_ids else "length")
        if answer.stop_reason == "end":
            ends.add(output[-1])
    assert ends == set(tokenizer.end_ids), "the answers do not end in both ways: the test shows nothing"


def test_batches_of_any_tokenizer_give_single_answers(chat_folder):
    tokenizer = chat_tokenizer(chat_folder)
    batched = TransformersAnswerer(chat_folder, tokenizer, batch_size=32).generate(QUESTIONS, max_new_tokens=12)
    single = TransformersAnswerer(chat_folder, tokenizer, batch_size=1).generate(QUESTIONS, max_new_tokens=12)
    assert len({answer.output_tokens for answer in batched}) > 2, "the answers do not vary: the test shows nothing"
    assert sum(left == right for left, right in zip(batched, single, strict=True)) >= len(QUESTIONS) - 1


def test_sampling_settings_of_the_folder_do_not_leak(chat_folder, tmp_path):
    tokenizer = chat_tokenizer(chat_folder)
    place = shutil.copytree(chat_folder, tmp_path / "copy")
    leaking = {
        "do_sample": True,
        "temperature": 5.0,
        "repetition_penalty": 9.0,
        "max_new_tokens": 2,
        "min_new_tokens": 9,
    }
    (place / "generation_config.json").write_text(json.dumps({**leaking, "eos_token_id": 5}))
    clean = TransformersAnswerer(chat_folder, tokenizer, batch_size=8).generate(QUESTIONS, max_new_tokens=9)
    assert TransformersAnswerer(place, tokenizer, batch_size=8).generate(QUESTIONS, max_new_tokens=9) == clean


def test_more_tokens_than_positions_are_refused_before_anything_is_generated(chat_folder):
    tokenizer = chat_tokenizer(chat_folder)
    longest = len(tokenizer.encode_prompts(QUESTIONS[:1])[0])
    heard = []
    answerer = TransformersAnswerer(chat_folder, tokenizer, batch_size=8)
    assert len(answerer.generate(QUESTIONS[:1], max_new_tokens=64 - longest)) == 1
    with pytest.raises(UsageError, match=f"allowed are numbers up to {64 - longest}: the student has 64 positions"):
        answerer.generate(QUESTIONS[:1], max_new_tokens=65 - longest, on_batch=heard.append)
    assert heard == []


def test_a_folder_without_weights_is_one_line(chat_folder, tmp_path):
    with pytest.raises(StepError, match="cannot be loaded") as caught:
        TransformersAnswerer(tmp_path, chat_tokenizer(chat_folder), batch_size=1)
    assert "\n" not in caught.value.message
