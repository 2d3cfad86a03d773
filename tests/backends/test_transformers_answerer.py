"""The answerer: batches give the answers that one-by-one generation gives, and counts are counted by hand."""

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from isothink.backends.transformers_answerer import TransformersAnswerer  # noqa: E402
from isothink.backends.words import END, WordsTokenizer  # noqa: E402
from isothink.procedural.tasks import TASKS  # noqa: E402


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
