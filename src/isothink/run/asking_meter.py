"""Counts what the making of pairs brings, and tells it now and then. Used by generation.py and answers.py."""

import time
from collections.abc import Callable

from isothink.compute.architecture import Architecture
from isothink.compute.flops import inference_flops
from isothink.domain.reply import Failure, Reply
from isothink.domain.teacher_settings import Price
from isothink.run.step_progress import AskingStage, PairProgress, StepProgress
from isothink.teacher.protocol import Question

TELL_SECONDS = 0.5

Progressed = Callable[[StepProgress], None]
"""Hears how far the pairs are."""


class AskingMeter:
    """Counts requests, pairs, tokens and what they cost; tells at most every half second."""

    def __init__(self, progressed: Progressed, *, prompts: int) -> None:
        self._progressed = progressed
        self._prompts = prompts
        self.architecture: Architecture | None = None
        self.price: Price | None = None
        self._stage: AskingStage = "assembling"
        self._planned: int | None = None
        self._began = self._told = time.monotonic()
        self._answered = self._passed = self._failed = self._pairs = 0
        self._requests = self._counted = 0
        self._read = self._written = 0
        self._flops = 0.0
        self._half: set[int] = set()
        self._share = 0.0

    def begin(self, stage: AskingStage, *, planned: int | None) -> None:
        """A stage begins, in which so many requests are to be settled."""
        self._stage, self._planned = stage, planned
        if stage == "asking":
            self._answered = self._passed = self._failed = self._pairs = (
                0  # the probes' are in the journal, found again
            )
            self._half.clear()
        self._tell(force=True)

    def found(self, question: Question, *, failed: bool) -> None:
        """The journal holds what came of a question."""
        self._passed += 1
        self._settle(question, failed=failed)

    def received(self, question: Question, answer: Reply | Failure) -> None:
        """A question was answered, or failed for good."""
        self._requests += 1
        if isinstance(answer, Reply):
            self._pay(answer)
        self._settle(question, failed=isinstance(answer, Failure))

    def assembled(self, prompts: int, *, kept: int) -> None:
        """So many more prompts were assembled, and so many pairs are kept in all."""
        if self._stage != "assembling" or self._planned is None:
            self._answered = 0
            self.begin("assembling", planned=2 * self._prompts)
        self._answered += 2 * prompts
        self._pairs = kept
        self._share = max(self._share, self._answered / max(1, 2 * self._prompts))
        self._tell()

    def _settle(self, question: Question, *, failed: bool) -> None:
        self._answered += 1
        self._failed += failed
        if not failed and self._stage == "asking":
            prompt = hash(question.prompt)
            if prompt in self._half:  # prompts are asked in order, so that few wait for their other reply
                self._half.remove(prompt)
                self._pairs += 1
            else:
                self._half.add(prompt)
        if self._stage == "asking" and self._planned:
            self._share = self._answered / self._planned
        self._tell()

    def _pay(self, reply: Reply) -> None:
        if reply.prompt_tokens is None or reply.output_tokens is None:
            return
        self._counted += 1
        self._read += reply.prompt_tokens
        self._written += reply.output_tokens
        if self.architecture is not None:
            self._flops += float(inference_flops(self.architecture, reply.prompt_tokens, reply.output_tokens))

    def _tell(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now < self._told + TELL_SECONDS:
            return
        self._told = now
        knows_tokens = self._counted > 0
        price = self.price if knows_tokens else None
        progress = PairProgress(
            stage=self._stage,
            answered=self._answered,
            planned=self._planned,
            failed=self._failed,
            pairs=self._pairs,
            prompts=self._prompts,
            requests=self._requests,
            tokens=self._written if knows_tokens else None,
            seconds=now - self._began,
            flops=self._flops if knows_tokens and self.architecture is not None else None,
            cost=None
            if price is None
            else (self._read * price.input_per_million + self._written * price.output_per_million) / 1e6,
            currency=None if price is None else price.currency,
        )
        kept = self._passed / self._planned if self._stage == "asking" and self._planned else 0.0
        self._progressed(
            StepProgress(flops=self._flops, share=min(1.0, self._share), kept_share=min(1.0, kept), pairs=progress)
        )
