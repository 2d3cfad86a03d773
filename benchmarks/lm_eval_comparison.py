"""Answers of a real model, against the `hf` backend of lm-eval. Run by evaluation.py where it is given a model.

Both answer the same prompts greedily, with the same weights in the same type, the same batch size and the same cap, in
turn. lm-eval is handed rendered prompts, as its own tasks do it, and stops at the end token alone; that it reads the
same token ids is checked. It tells no token counts: those of the same text are the same, others are counted anew.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from quickstart import Clock, Speed, ratios, speed

from isothink.backends.chat_tokenizer import ChatTokenizer
from isothink.backends.transformers_answerer import TransformersAnswerer
from isothink.benchmark.protocol import Answering, AnswerSettings, Ask
from isothink.domain.evaluation_settings import LocalAnswers
from isothink.domain.sample import Generation
from isothink.domain.student_settings import ModelTokenizer, Rendering

QUESTIONS = Path(__file__).parent.parent / "studies" / "gsm8k" / "prompts.jsonl"
SOLVE = "{question}\nPut the final answer in \\boxed{{}}."
SHORT = "{question}\nDo not solve this. Answer with one word: yes."
LONG = "Write a very long and detailed story about this, with many chapters: {question}"
"""What is asked where lengths are to differ. The kinds alternate, so that a batch of neighbours in length has both."""
LONG_EVERY = 4


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Prompts that both answer, with a cap on new tokens."""

    name: str
    prompts: list[str]
    cap: int


class Contest:
    """Both ways of answering, over one folder of weights."""

    def __init__(self, folder: Path, batch_size: int) -> None:
        from lm_eval.models.huggingface import HFLM

        self.tokenizer = ChatTokenizer(ModelTokenizer(backend="transformers", model=str(folder)), Rendering())
        self.ours = TransformersAnswerer(
            LocalAnswers(backend="transformers"),
            Answering(folder=folder, names={}, batch_size=batch_size),
            self.tokenizer,
        )
        device = str(self.ours.device)
        self.theirs = HFLM(pretrained=str(folder), device=device, dtype=self.ours.model.dtype, batch_size=batch_size)
        assert self.theirs.model.dtype == self.ours.model.dtype

    def answer(self, prompts: Sequence[str], cap: int) -> list[Generation]:
        """Our answers."""
        found: dict[str, Generation] = {}
        asks = [Ask(key=str(number), prompt=prompt) for number, prompt in enumerate(prompts)]
        self.ours.answer_all(asks, AnswerSettings(max_new_tokens=cap), found.__setitem__)
        return [found[ask.key] for ask in asks]

    def render(self, prompts: Sequence[str]) -> list[str]:
        """The prompts as lm-eval is handed them, which it reads as the same ids."""
        ids = self.tokenizer.encode_prompts(prompts)
        texts = [self.tokenizer.transformers.decode(row, clean_up_tokenization_spaces=False) for row in ids]
        assert [list(self.theirs.tok_encode(text)) for text in texts] == ids, "lm-eval reads other prompts"
        return texts

    def answer_with_lm_eval(self, texts: Sequence[str], cap: int) -> list[str]:
        """The answers of lm-eval."""
        from lm_eval.api.instance import Instance

        settings = {"until": [], "max_gen_toks": cap, "do_sample": False}
        requests = [
            Instance(request_type="generate_until", doc={}, arguments=(text, settings), idx=number)
            for number, text in enumerate(texts)
        ]
        return [str(text) for text in self.theirs.generate_until(requests, disable_tqdm=True)]

    def encode(self, text: str) -> list[int]:
        """An answer's tokens."""
        return list(self.tokenizer.transformers(text, add_special_tokens=False)["input_ids"])

    def difference(self, prompt: str, ours: str, theirs: str) -> str:
        """Where two answers part, and by how much the model prefers one token over the other there, on its own."""
        left, right = self.encode(ours), self.encode(theirs)
        common = next(
            (n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(map(len, (left, right)))
        )
        ids = torch.tensor([self.tokenizer.encode_prompts([prompt])[0] + left[:common]], device=self.ours.device)
        with torch.inference_mode():
            best = self.ours.model(input_ids=ids).logits[0, -1].float().topk(2)
        words = [self.tokenizer.transformers.decode([index]) for index in best.indices.tolist()]
        gap = float(best.values[0] - best.values[1])
        return f"they part at token {common + 1}, where the scores of {words[0]!r} and {words[1]!r} differ by {gap:.2g}"


def scenarios(items: int, cap: int, mixed_items: int, mixed_cap: int) -> list[Scenario]:
    """GSM8K under one cap, and answers of widely different lengths under another."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    mixed = [
        (SHORT if number % LONG_EVERY else LONG).format(question=question)
        for number, question in enumerate(questions[:mixed_items])
    ]
    solve = [SOLVE.format(question=question) for question in questions[:items]]
    named = [
        Scenario(name="GSM8K", prompts=solve, cap=cap),
        Scenario(name="long and short", prompts=mixed, cap=mixed_cap),
    ]
    return [scenario for scenario in named if scenario.prompts]


def compare(contest: Contest, scenario: Scenario, rounds: int) -> None:
    """Lets both answer in turn, and prints."""
    texts = contest.render(scenario.prompts)
    contest.answer(scenario.prompts[:2], 2)
    contest.answer_with_lm_eval(texts[:2], 2)
    ours: list[Speed] = []
    theirs: list[Speed] = []
    clock = Clock()
    for _ in range(rounds):
        clock.start()
        answers = contest.answer(scenario.prompts, scenario.cap)
        clock.stop()
        counts = [answer.output_tokens for answer in answers]
        ours.append(speed(sum(counts), clock))
        clock.start()
        replies = contest.answer_with_lm_eval(texts, scenario.cap)
        clock.stop()
        same = [answer.text.strip() == reply.strip() for answer, reply in zip(answers, replies, strict=True)]
        recounted = [min(scenario.cap, len(contest.encode(reply)) + 1) for reply in replies]
        tokens = sum(a if is_same else b for a, b, is_same in zip(counts, recounted, same, strict=True))
        theirs.append(speed(tokens, clock))
    capped = sum(answer.stop_reason == "length" for answer in answers)
    print(
        f"\n{scenario.name}: {len(answers)} prompts, cap {scenario.cap}; {statistics.mean(counts):.0f} tokens on"
        f" average, {min(counts)} to {max(counts)}, {capped} capped"
    )
    for name, runs in (("isothink", ours), ("lm-eval hf", theirs)):
        print(f"  {name:<10} {statistics.median(run.wall for run in runs):>8,.1f} tokens per second")
    print(f"  isothink / lm-eval: {ratios(ours, theirs)}")
    print(f"  identical answers: {sum(same)} of {len(same)} ({sum(same) / len(same):.1%})", flush=True)
    rows: list[Any] = list(zip(scenario.prompts, answers, replies, same, strict=True))
    for number, (prompt, answer, reply, is_same) in enumerate(rows):
        if not is_same:
            print(f"  prompt {number}: {contest.difference(prompt, answer.text, reply)}", flush=True)
