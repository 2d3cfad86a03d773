"""What every in-process answerer must do, with students made here. Inherited by the tests of each.

A test class says how its answerer is opened.
"""

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from isothink.backends.words import END, WordsTokenizer
from isothink.benchmark.protocol import AnswerSettings, Ask
from isothink.domain.evaluation_settings import Drawing
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS

CAP = 12
POSITIONS = 512

SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": POSITIONS,
    "tie_word_embeddings": False,
    "initializer_range": 0.5,
}


def write_student(folder: Path, model_type: str = "qwen3", *, end: float = 2.5, **fields) -> Path:
    """A random student whose end token is likely enough for answers of different lengths."""
    tokenizer = WordsTokenizer()
    torch.manual_seed(5)
    config = AutoConfig.for_model(model_type, vocab_size=tokenizer.vocabulary_size, **{**SHAPE, **fields})
    model = AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings()
    with torch.no_grad():
        head.weight[tokenizer.token_id(END)] *= end
    model.save_pretrained(folder)
    tokenizer.save(folder)
    return folder


def task_prompts(limit: int = 4) -> list[str]:
    """Prompts of many lengths."""
    questions = [task.questions(split="test", limit=limit, seed=2) for task in TASKS.values()]
    return list(dict.fromkeys(question.prompt for several in questions for question in several))


def answers_of(answerer, prompts, *, cap=CAP, sampling="greedy", seed=0):
    """Every answer, in the order of the prompts; each was told of once, with the time that it took."""
    found = {}

    def receive(key, answer):
        assert key not in found
        found[key] = answer

    asks = [Ask(key=f"{prompt}-{seed}", prompt=prompt) for prompt in prompts]
    answerer.answer_all(asks, AnswerSettings(max_new_tokens=cap, sampling=sampling, seed=seed), receive)
    assert set(found) == {ask.key for ask in asks}
    assert all(answer.seconds > 0 for answer in found.values())
    return [found[ask.key].model_copy(update={"seconds": 0.0}) for ask in asks]


def singly(model, tokenizer, prompts, cap=CAP):
    """The output of one plain greedy `generate` call per prompt."""
    settings = GenerationConfig(
        max_new_tokens=cap, do_sample=False, eos_token_id=list(tokenizer.end_ids), pad_token_id=tokenizer.pad_id
    )
    outputs = []
    for prompt in tokenizer.encode_prompts(prompts):
        ids = torch.tensor([prompt], device=model.device)
        with torch.inference_mode():
            output = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
        outputs.append(output[0, len(prompt) :].tolist())
    return outputs


def alike(left, right) -> float:
    """The share of answers that are the same; rounding may tip a choice."""
    return sum(one == other for one, other in zip(left, right, strict=True)) / len(left)


class AnswererConformance:
    """Inherited; the answerer is opened once for all tests of a class, which for vLLM takes a minute."""

    _known: ClassVar[dict[type, tuple[Path, Any]]] = {}

    def make_student(self, folder: Path) -> Path:
        """Writes the student that answers."""
        return write_student(folder)

    def open(self, folder: Path, tokenizer: WordsTokenizer, batch_size: int) -> Any:
        """Opens the answerer."""
        raise NotImplementedError

    @pytest.fixture
    def prompts(self):
        return task_prompts()

    @pytest.fixture
    def opened(self, tmp_path_factory):
        if type(self) not in self._known:
            folder = self.make_student(tmp_path_factory.mktemp("student") / "weights")
            self._known[type(self)] = folder, self.open(folder, WordsTokenizer(), 16)
        return self._known[type(self)]

    @pytest.fixture
    def answerer(self, opened):
        return opened[1]

    @pytest.fixture
    def greedy(self, answerer, prompts):
        return answers_of(answerer, prompts)

    def test_counts_are_those_of_the_tokens(self, greedy, prompts):
        tokenizer = WordsTokenizer()
        assert len({answer.output_tokens for answer in greedy}) > 2, "answers do not vary: the test shows nothing"
        assert {answer.stop_reason for answer in greedy} == {"end", "length"}
        for prompt, answer in zip(prompts, greedy, strict=True):
            ended = answer.stop_reason == "end"
            assert answer.prompt_tokens == len(tokenizer.encode_prompts([prompt])[0])
            assert ended or answer.output_tokens == CAP
            assert answer.output_tokens == len(answer.text.split()) + ended, "the end token counts, and is no word"
            assert answer.error is None

    def test_greedy_answers_are_those_of_generate(self, opened, greedy, prompts):
        tokenizer = WordsTokenizer()
        wanted = singly(AutoModelForCausalLM.from_pretrained(opened[0]), tokenizer, prompts)
        same = [
            (answer.text, answer.output_tokens) == (tokenizer.decode(output), len(output))
            for answer, output in zip(greedy, wanted, strict=True)
        ]
        assert sum(same) >= 0.95 * len(same)

    def test_the_order_of_the_prompts_does_not_matter(self, answerer, greedy, prompts):
        assert alike(answers_of(answerer, prompts[::-1])[::-1], greedy) >= 0.97

    def test_a_cap_of_one_leaves_the_first_token(self, answerer, greedy, prompts):
        first = answers_of(answerer, prompts, cap=1)
        assert {answer.output_tokens for answer in first} == {1}
        same = [one.text.split()[:1] == whole.text.split()[:1] for one, whole in zip(first, greedy, strict=True)]
        assert sum(same) >= 0.97 * len(same)

    def test_what_is_drawn_follows_from_seed_and_key(self, answerer, prompts, greedy):
        drawing = Drawing(temperature=1.5, top_p=0.95, top_k=40, min_p=0.01)
        first = answers_of(answerer, prompts, sampling=drawing, seed=3)
        assert alike(answers_of(answerer, prompts[::-1], sampling=drawing, seed=3)[::-1], first) >= 0.95
        assert alike(answers_of(answerer, prompts, sampling=drawing, seed=4), first) < 0.5
        assert alike(greedy, first) < 0.5

    def test_more_tokens_than_positions_are_refused_before_anything_is_answered(self, answerer, prompts):
        longest = max(map(len, WordsTokenizer().encode_prompts(prompts)))
        heard = []
        with pytest.raises(UsageError, match=f"allowed are numbers up to {POSITIONS - longest}:"):
            answerer.answer_all(
                [Ask(key=prompt, prompt=prompt) for prompt in prompts],
                AnswerSettings(max_new_tokens=POSITIONS - longest + 1),
                lambda key, answer: heard.append(key),
            )
        assert heard == []

    def test_no_prompts_are_no_answers(self, answerer):
        assert answers_of(answerer, []) == []
