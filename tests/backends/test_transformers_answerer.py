"""The in-process answerer: refilled rows and batches alike give the answers of one `generate` call per prompt."""

import json
import shutil

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from isothink.backends.batch_writer import BatchWriter  # noqa: E402
from isothink.backends.chat_tokenizer import ChatTokenizer  # noqa: E402
from isothink.backends.slot_cache import SlotCache  # noqa: E402
from isothink.backends.slot_writer import SlotWriter, keeps_plain_keys  # noqa: E402
from isothink.backends.transformers_answerer import TransformersAnswerer  # noqa: E402
from isothink.backends.words import END, WordsTokenizer  # noqa: E402
from isothink.backends.writing import Writing  # noqa: E402
from isothink.benchmark.protocol import Answering, AnswerSettings, Ask  # noqa: E402
from isothink.domain.evaluation_settings import Drawing, LocalAnswers  # noqa: E402
from isothink.domain.student_settings import ModelTokenizer, Rendering  # noqa: E402
from isothink.errors import StepError, UsageError  # noqa: E402

from .answerer_conformance import (  # noqa: E402
    CAP,
    SHAPE,
    AnswererConformance,
    alike,
    answers_of,
    singly,
    task_prompts,
    write_student,
)
from .small_tokenizers import QWEN25, byte_level, write_tokenizer  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Models this small are only slowed down by a second one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def open_local(folder, tokenizer, batch_size):
    return TransformersAnswerer(
        LocalAnswers(backend="transformers"), Answering(folder=folder, names={}, batch_size=batch_size), tokenizer
    )


def agreement(answerer, prompts):
    """The share of prompts whose answer is that of `generate`, to the token as far as text and counts tell."""
    wanted = singly(answerer.model, answerer.tokenizer, prompts)
    found = answers_of(answerer, prompts)
    same = [
        (answer.text, answer.output_tokens) == (answerer.tokenizer.decode(output), len(output))
        for answer, output in zip(found, wanted, strict=True)
    ]
    return sum(same) / len(same)


class TestRefilledRows(AnswererConformance):
    def open(self, folder, tokenizer, batch_size):
        return open_local(folder, tokenizer, batch_size)

    def test_it_is_what_answers(self, answerer):
        assert isinstance(answerer.writer, SlotWriter)


class TestBatches(AnswererConformance):
    """A student with a sliding window that is shorter than the prompts."""

    def open(self, folder, tokenizer, batch_size):
        return open_local(folder, tokenizer, batch_size)

    def make_student(self, folder):
        return write_student(folder, "qwen2", **BATCHED["qwen2"])

    def test_it_is_what_answers(self, answerer):
        assert "sliding_attention" in answerer.model.config.layer_types
        assert isinstance(answerer.writer, BatchWriter)


# Greedy answers are those of `generate`


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_student(tmp_path_factory.mktemp("student") / "weights")


@pytest.fixture(scope="module")
def prompts():
    return task_prompts(3)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_greedy_answers_are_those_of_generate_one_by_one(folder, prompts, batch_size):
    assert agreement(open_local(folder, WordsTokenizer(), batch_size), prompts) >= 0.96


ARCHITECTURES = {
    "llama": {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8},
    "qwen2": {"use_sliding_window": False},
    "gemma": {},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512},
    "gpt_neox": {},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "olmo2": {},
    "phi": {},
}
BATCHED = {
    "qwen2": {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    "gemma3_text": {"sliding_window": 8, "sliding_window_pattern": 2},
    "mistral": {"sliding_window": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 8, "num_layers": 2, "num_heads": 2},
    "bloom": {"n_head": 2, "n_layer": 2},
}


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_models_of_full_attention_answer_in_refilled_rows(tmp_path, prompts, model_type):
    student = write_student(tmp_path / "weights", model_type, **ARCHITECTURES[model_type])
    answerer = open_local(student, WordsTokenizer(), 7)
    assert isinstance(answerer.writer, SlotWriter)
    assert agreement(answerer, prompts[::2]) == 1


@pytest.mark.parametrize("model_type", BATCHED)
def test_models_of_other_kinds_answer_in_batches(tmp_path, prompts, model_type):
    student = write_student(tmp_path / "weights", model_type, **BATCHED[model_type])
    answerer = open_local(student, WordsTokenizer(), 7)
    assert isinstance(answerer.writer, BatchWriter)
    assert agreement(answerer, prompts[::2]) == 1


@pytest.mark.parametrize(
    ("model_type", "fields"),
    [
        ("mamba", {"state_size": 4}),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}}),
    ],
)
def test_recurrent_states_and_frequencies_of_the_longest_row_do_not_fit_rows(model_type, fields):
    config = AutoConfig.for_model(model_type, vocab_size=50, **{**SHAPE, **fields})
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert not keeps_plain_keys(model)


def test_drawn_answers_do_not_depend_on_the_batch(folder, prompts):
    drawing = Drawing(temperature=1.5, top_p=0.95)
    by_size = [answers_of(open_local(folder, WordsTokenizer(), size), prompts, sampling=drawing) for size in (1, 5, 64)]
    assert len({answer.output_tokens for answer in by_size[0]}) > 2
    assert all(alike(by_size[0], other) >= 0.95 for other in by_size[1:])


def test_refilled_rows_and_batches_draw_the_same(folder, prompts):
    drawing = Drawing(temperature=1.5, top_k=20)
    answerer = open_local(folder, WordsTokenizer(), 7)
    rows = answers_of(answerer, prompts, sampling=drawing, seed=2)
    tokenizer = answerer.tokenizer
    answerer.writer = BatchWriter(answerer.model, end_ids=tokenizer.end_ids, pad_id=tokenizer.pad_id)
    assert alike(answers_of(answerer, prompts, sampling=drawing, seed=2), rows) >= 0.95


# Rows


def passes(monkeypatch, answerer):
    """Notes the shape of the ids of every pass through the model."""
    shapes = []
    forward = answerer.model.forward

    def noted(*args, **given):
        shapes.append(tuple(given["input_ids"].shape))
        return forward(*args, **given)

    monkeypatch.setattr(answerer.model, "forward", noted)
    return shapes


def test_a_row_takes_the_next_prompt_as_soon_as_its_answer_has_ended(folder, prompts, monkeypatch):
    answerer = open_local(folder, WordsTokenizer(), 4)
    shapes = passes(monkeypatch, answerer)
    found = answers_of(answerer, prompts, cap=40)
    steps = [rows for rows, length in shapes if length == 1]
    assert sum(steps) == sum(answer.output_tokens for answer in found), "each token is one row of one step"
    full = len(steps) - steps[::-1].index(4)
    assert set(steps[:full]) == {4}, "no row is empty while prompts wait"
    assert steps[full:] == sorted(steps[full:], reverse=True), "then the batch shrinks"


def test_prompts_of_like_length_are_read_together(folder, prompts, monkeypatch):
    answerer = open_local(folder, WordsTokenizer(), 16)
    shapes = passes(monkeypatch, answerer)
    answers_of(answerer, prompts, cap=1)
    read = [(rows, length) for rows, length in shapes if length > 1]
    needed = sum(len(ids) - 1 for ids in answerer.tokenizer.encode_prompts(prompts))
    assert sum(rows * length for rows, length in read) < 1.5 * needed


def test_the_longest_prompts_limit_how_many_are_read_together(folder, prompts, monkeypatch):
    monkeypatch.setattr("isothink.backends.slot_writer.FILL_TOKENS", 64)
    answerer = open_local(folder, WordsTokenizer(), 16)
    shapes = passes(monkeypatch, answerer)
    answers_of(answerer, prompts, cap=1)
    assert all(rows * length <= 64 or rows == 1 for rows, length in shapes if length > 1)


def test_buffers_grow_as_answers_do(folder, prompts, monkeypatch):
    monkeypatch.setattr("isothink.backends.slot_cache.STEP", 8)
    assert agreement(open_local(folder, WordsTokenizer(), 5), prompts) >= 0.96


def test_what_lies_in_a_row_behind_a_text_is_not_read():
    cache = SlotCache(rows=2, longest=8)
    old = torch.full((2, 1, 4, 2), 7.0)
    cache.fill(torch.tensor([0, 1]), 4)
    cache.update(old, old, 0)
    new = torch.ones(2, 1, 1, 2)
    cache.step(torch.tensor([3, 1]), 4)
    keys, _ = cache.update(new, new, 0)
    assert cache.get_mask_sizes(1, 0) == (4, 0)
    assert keys[:, 0, :, 0].tolist() == [[7.0, 7.0, 7.0, 1.0], [7.0, 1.0, 7.0, 7.0]]
    cache.move([1], [0], 4)
    cache.step(torch.tensor([2]), 3)
    keys, _ = cache.update(new[:1] * 2, new[:1] * 2, 0)
    assert keys[:, 0, :, 0].tolist() == [[7.0, 1.0, 2.0]]


def test_an_end_token_at_once_is_an_empty_answer_of_one_token(tmp_path, prompts):
    tokenizer = WordsTokenizer()
    student = write_student(tmp_path / "weights", "llama", end=0.0)
    model = AutoModelForCausalLM.from_pretrained(student)
    with torch.no_grad():  # all scores are 0 but that of the end token, whose row follows the norm's weight
        model.lm_head.weight.zero_()
        model.model.norm.weight.zero_()
    bias = torch.nn.Parameter(torch.zeros(tokenizer.vocabulary_size))
    bias.data[tokenizer.token_id(END)] = 1.0
    answerer = open_local(student, tokenizer, 3)
    answerer.model.lm_head.weight.data.zero_()
    answerer.model.lm_head.bias = bias
    answers = answers_of(answerer, prompts)
    assert {(answer.text, answer.output_tokens, answer.stop_reason) for answer in answers} == {("", 1, "end")}


# Interruption and failures


def test_what_was_told_before_an_interruption_is_whole(folder, prompts):
    answerer = open_local(folder, WordsTokenizer(), 4)
    whole = dict(zip(prompts, answers_of(answerer, prompts), strict=True))
    heard = {}

    def receive(key, answer):
        if len(heard) == 10:
            raise KeyboardInterrupt
        heard[key] = answer.model_copy(update={"seconds": 0.0})

    asks = [Ask(key=prompt, prompt=prompt) for prompt in prompts]
    with pytest.raises(KeyboardInterrupt):
        answerer.answer_all(asks, AnswerSettings(max_new_tokens=CAP), receive)
    assert len(heard) == 10
    assert sum(whole[key] == answer for key, answer in heard.items()) >= 9


@pytest.mark.parametrize("batches", [False, True])
def test_what_was_handed_over_is_let_go_of(folder, prompts, monkeypatch, batches):
    """Fifty thousand answers with the numbers that draw up to 32,768 tokens each would take gigabytes."""
    answerer = open_local(folder, WordsTokenizer(), 4)
    if batches:
        answerer.writer = BatchWriter(answerer.model, end_ids=answerer.tokenizer.end_ids, pad_id=0)
    seen, write = [], answerer.writer.write

    def noting(writings, **settings):
        seen.extend(writings)
        return write(writings, **settings)

    monkeypatch.setattr(answerer.writer, "write", noting)
    answers_of(answerer, prompts, sampling=Drawing(temperature=1.5))
    assert len(seen) == len(prompts)
    assert all(writing.draws is None and not writing.output for writing in seen)


def test_an_error_of_whoever_hears_of_answers_is_not_taken_for_the_models(folder, prompts):
    def receive(key, answer):
        raise RuntimeError("not enough memory for this row")

    answerer = open_local(folder, WordsTokenizer(), 4)
    with pytest.raises(RuntimeError, match="for this row"):
        answerer.answer_all([Ask(key="k", prompt=prompts[0])], AnswerSettings(max_new_tokens=2), receive)


def test_answers_that_are_told_of_can_be_trained_on(folder, prompts):
    """The caller's code does not run in inference mode, in which tensors could not be trained."""
    answerer = open_local(folder, WordsTokenizer(), 4)
    modes = set()
    answerer.answer_all(
        [Ask(key=prompt, prompt=prompt) for prompt in prompts[:6]],
        AnswerSettings(max_new_tokens=3),
        lambda key, answer: modes.add(torch.is_inference_mode_enabled()),
    )
    assert modes == {False}


class Limited:
    """Runs out of memory where a pass has more than so many rows, or at a given pass."""

    def __init__(self, answerer, monkeypatch, *, rows=10_000, at=None):
        self.sizes = []
        forward = answerer.model.forward

        def limited(*args, **given):
            size = given["input_ids"].shape[0]
            self.sizes.append(size)
            if size > rows or len(self.sizes) == at:
                raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")
            return forward(*args, **given)

        monkeypatch.setattr(answerer.model, "forward", limited)


@pytest.mark.parametrize("batches", [False, True])
def test_where_memory_runs_out_fewer_rows_go_on(folder, prompts, monkeypatch, batches):
    answerer = open_local(folder, WordsTokenizer(), 16)
    tokenizer = answerer.tokenizer
    if batches:
        answerer.writer = BatchWriter(answerer.model, end_ids=tokenizer.end_ids, pad_id=tokenizer.pad_id)
    whole = answers_of(answerer, prompts)
    limited = Limited(answerer, monkeypatch, rows=5)
    assert alike(answers_of(answerer, prompts), whole) >= 0.96
    assert sorted({size for size in limited.sizes if size > 5}, reverse=True) == [16, 8]
    limited.sizes.clear()
    answers_of(answerer, prompts)
    assert max(limited.sizes) == 4, "what did not fit is not tried again"


def test_memory_that_runs_out_in_the_middle_loses_no_token(folder, prompts, monkeypatch):
    answerer = open_local(folder, WordsTokenizer(), 8)
    whole = answers_of(answerer, prompts, cap=20)
    drawing = Drawing(temperature=1.5)
    drawn = answers_of(answerer, prompts, cap=20, sampling=drawing)
    limited = Limited(answerer, monkeypatch, at=25)
    assert alike(answers_of(answerer, prompts, cap=20), whole) >= 0.96
    steps = sum(limited.sizes)
    answerer._rows = 8
    limited.sizes.clear()
    assert alike(answers_of(answerer, prompts, cap=20, sampling=drawing), drawn) >= 0.95
    assert steps < sum(answer.output_tokens for answer in whole) + len(prompts) + 3 * 8


def test_one_row_that_does_not_fit_is_one_line(folder, prompts, monkeypatch):
    answerer = open_local(folder, WordsTokenizer(), 4)
    Limited(answerer, monkeypatch, rows=0)
    with pytest.raises(StepError, match="one answer alone does not fit into the memory of cpu: CUDA out of") as caught:
        answers_of(answerer, prompts)
    assert "\n" not in caught.value.message and "\\n" not in caught.value.message


def test_scores_that_are_not_numbers_are_one_line(folder, prompts):
    answerer = open_local(folder, WordsTokenizer(), 4)
    with torch.no_grad():
        answerer.model.lm_head.weight[3] = float("nan")
    with pytest.raises(StepError, match="the student fails: the model's scores are not numbers"):
        answers_of(answerer, prompts)


def test_a_folder_without_weights_is_one_line(tmp_path):
    with pytest.raises(StepError, match="cannot be loaded") as caught:
        open_local(tmp_path, WordsTokenizer(), 1)
    assert "\n" not in caught.value.message


# Counts, and any tokenizer


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
    answerer = open_local(folder, tokenizer, 1)
    ids = [tokenizer.token_id(word) for word in output.split()]
    answer = answerer._generation(Writing(key="k", prompt=[1, 2, 3], output=ids))
    assert answer.trace_tokens == trace
    assert answer.output_tokens == len(output.split())


@pytest.fixture(scope="module")
def chat_folder(tmp_path_factory):
    """A random student with a byte-level tokenizer, for which both end tokens are likely."""
    place = tmp_path_factory.mktemp("chat-student")
    write_tokenizer(place, byte_level(tags=False), QWEN25, eos_token="<|endoftext|>")
    tokenizer = chat_tokenizer(place)
    torch.manual_seed(3)
    config = AutoConfig.for_model(
        "llama",
        **{**SHAPE, "num_hidden_layers": 1, "num_key_value_heads": 2, "max_position_embeddings": 64},
        vocab_size=tokenizer.vocabulary_size + 24,
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
    answerer = open_local(chat_folder, tokenizer, 8)
    ends = set()
    outputs = singly(answerer.model, tokenizer, QUESTIONS)
    answers = answers_of(answerer, QUESTIONS)
    same = 0
    for output, answer in zip(outputs, answers, strict=True):
        assert not set(output[:-1]) & set(tokenizer.end_ids)
        if answer.output_tokens != len(output):
            continue
        same += answer.text == tokenizer.decode(output)
        assert answer.stop_reason == ("end" if output[-1] in tokenizer.end_ids else "length")
        if answer.stop_reason == "end":
            ends.add(output[-1])
    assert ends == set(tokenizer.end_ids), "the answers do not end in both ways: the test shows nothing"
    assert same >= len(QUESTIONS) - 1


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
    clean = answers_of(open_local(chat_folder, tokenizer, 8), QUESTIONS, cap=9)
    leaked = open_local(place, tokenizer, 8)
    assert answers_of(leaked, QUESTIONS, cap=9) == clean
    leaked.writer = BatchWriter(leaked.model, end_ids=tokenizer.end_ids, pad_id=tokenizer.pad_id)
    assert alike(answers_of(leaked, QUESTIONS, cap=9), clean) >= 0.97


def test_the_last_position_can_be_used(chat_folder):
    tokenizer = chat_tokenizer(chat_folder)
    longest = len(tokenizer.encode_prompts(QUESTIONS[:1])[0])
    answerer = open_local(chat_folder, tokenizer, 8)
    assert len(answers_of(answerer, QUESTIONS[:1], cap=64 - longest)) == 1
    with pytest.raises(UsageError, match=f"allowed are numbers up to {64 - longest}: the student has 64 positions"):
        answers_of(answerer, QUESTIONS[:1], cap=65 - longest)
