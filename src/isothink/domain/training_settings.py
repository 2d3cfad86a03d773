"""How students are trained, the same for all arms. A part of the study file's schema."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from isothink.domain.study_record import Count, PositiveFloat, Seed, StudyRecord, Words, distinct

Rate = Annotated[float, Field(gt=0, le=1000)]
RateFormat = Literal["ift", "reasoning", "mixed"]
"""Whose peak rate a stream is trained with: its format's, or that of mixtures."""


class TokenBatch(StudyRecord):
    """An optimizer step reads as many whole examples as fit into `size` tokens, at least one."""

    unit: Literal["tokens"]
    size: Count
    """Tokens."""


class InstanceBatch(StudyRecord):
    """An optimizer step reads `size` examples."""

    unit: Literal["instances"]
    size: Annotated[int, Field(ge=1, le=10**6)]
    """Examples."""


class RateRule(StudyRecord):
    """Peak learning rate = `rate` * (`reference_width` / hidden size) ** `exponent`, the same for all formats."""

    by: Literal["rule"]
    rate: Rate
    """The peak rate at the reference width."""
    reference_width: Count
    """A hidden size."""
    exponent: Annotated[float, Field(ge=0, le=10)]
    """How fast the rate falls with width; 0 for the same rate at every width."""


class FormatRates(StudyRecord):
    """Peak learning rates of one student; a mixture takes the reasoning rate unless it has its own."""

    ift: Rate
    """Peak rate on plain answers."""
    reasoning: Rate
    """Peak rate on traces with answers."""
    mixed: Rate | None = None
    """Peak rate on mixtures; the reasoning rate by default."""

    def of(self, name: RateFormat) -> float:
        """The rate of one format."""
        if name == "mixed":
            return self.reasoning if self.mixed is None else self.mixed
        return self.ift if name == "ift" else self.reasoning


class RateTable(StudyRecord):
    """Peak learning rates by student and format."""

    by: Literal["table"]
    rates: dict[str, FormatRates]
    """For every student by name, a rate for each format."""


class PublishedRates(StudyRecord):
    """The rates that arXiv:2509.22193 found for Qwen2.5 base models, by the student's size."""

    by: Literal["published"]


class SweepValidation(StudyRecord):
    """The items that choose a rate: of the same kinds as benchmark items, and none of them one."""

    tasks: Annotated[tuple[Words, ...], Field(min_length=1, strict=False), AfterValidator(distinct)]
    """Tasks by name, or benchmark files by path."""
    items_per_task: Count
    """Items of each task."""
    seed: Seed = 1
    """Chooses the items."""


class RateSweep(StudyRecord):
    """Peak learning rates by trial: the same grid for every student and format, each trial at a small budget.

    The winner is the rate with the highest accuracy on the validation items; of equals the lower. Its FLOPs are the
    ledger's phase `search`. Without `with_mixed` a mixture takes the reasoning rate.
    """

    by: Literal["sweep"]
    grid: Annotated[tuple[Rate, ...], Field(min_length=2, max_length=32, strict=False), AfterValidator(distinct)]
    """The rates that are tried."""
    budget_share: Annotated[float, Field(gt=0, le=1)]
    """Each trial's budget, as a share of the student's smallest one."""
    validation: SweepValidation
    """The items that choose."""
    with_mixed: bool = False
    """Whether mixtures get trials of their own."""
    seed: Seed = 0
    """Of the trials."""


LearningRate = Annotated[RateRule | RateTable | PublishedRates | RateSweep, Field(discriminator="by")]
Matrix = Literal["q", "k", "v", "o", "gate", "up", "down"]


class LoraAdapters(StudyRecord):
    """Low-rank adapters (arXiv:2106.09685) on a frozen base model, in place of training all weights."""

    rank: Annotated[int, Field(ge=1, le=4096)]
    """Of each adapter."""
    alpha: PositiveFloat
    """Adapters are scaled by alpha / rank."""
    matrices: Annotated[tuple[Matrix, ...], Field(min_length=1, strict=False), AfterValidator(distinct)] = (
        "q",
        "k",
        "v",
        "o",
        "gate",
        "up",
        "down",
    )
    """The weight matrices that get one."""


class AdamW(StudyRecord):
    """The optimizer's settings (Loshchilov and Hutter, arXiv:1711.05101)."""

    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    epsilon: PositiveFloat = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_gradient_norm: PositiveFloat = 1.0


class Training(StudyRecord):
    """How every cell is trained; the same for all arms."""

    batch: Annotated[TokenBatch | InstanceBatch, Field(discriminator="unit")]
    """What an optimizer step reads."""
    learning_rate: LearningRate = PublishedRates(by="published")
    """Peak rates: by rule, by table, as published, or swept."""
    warmup_steps: Annotated[int, Field(ge=0, le=10**7)]
    """Optimizer steps in which the rate rises linearly to its peak."""
    decay_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """The last share of a budget's FLOPs, in which the rate falls linearly."""
    decay_steps: Count | None = None
    """The decay as a number of optimizer steps, the same for every budget; takes the place of `decay_share`."""
    final_rate_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The rate at the end of the decay, as a share of the peak."""
    max_epochs: PositiveFloat = 1.0
    """A cell that would read its pairs more often than this is infeasible."""
    max_tokens: Count | None = None
    """Pairs with a longer sequence in either format are dropped; what the students' positions hold by default."""
    loss_weighting: Literal["token", "example"] = "token"
    """Whether every loss token of an optimizer step counts the same, or every example."""
    adapters: LoraAdapters | None = None
    """Low-rank adapters in place of full fine-tuning."""
    optimizer: AdamW = AdamW()
    """AdamW's settings."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the computation; weights and moments stay in 32 bits."""
    divergence_factor: Annotated[float, Field(gt=1)] = 3.0
    """A cell fails when the mean loss of 20 steps exceeds this multiple of its segment's first 20, and half of the loss
    of guessing (the logarithm of the vocabulary's size)."""


def rule_rate(rule: RateRule, hidden_size: int) -> float:
    """The peak rate that a rule gives a student of this width."""
    return rule.rate * math.pow(rule.reference_width / hidden_size, rule.exponent)
