"""The caps of a student's cells: FLOPs or prompts, each with a label and a name. Used by plan/tree.py."""

import re
from dataclasses import dataclass
from fractions import Fraction

from isothink.compute.training_cost import TrainingCost
from isothink.corpus.lengths import CorpusLengths
from isothink.domain.budget_settings import Budgets, Match
from isothink.plan.pricing import FlopsNeed, Need, PromptsNeed, RunningTotals

READABLE_DENOMINATOR = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class FlopsCap:
    """A path ends with the last optimizer step whose total does not exceed `flops`; `given` is what the study says."""

    label: str
    flops: int
    given: float

    def need(self, cost: TrainingCost) -> Need:
        """What a student's streams must hold."""
        return FlopsNeed(cost=cost, flops=self.flops)


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleCap:
    """A path ends with the last optimizer step that reads no prompt beyond the first `prompts`."""

    label: str
    prompts: int

    def need(self, cost: TrainingCost) -> Need:
        """What a student's streams must hold."""
        return PromptsNeed(prompts=self.prompts)


Cap = FlopsCap | SampleCap


def caps_of(budgets: Budgets, match: Match, lengths: CorpusLengths, cost: TrainingCost) -> list[Cap]:
    """The caps of one student, the smallest first."""
    if budgets.training_flops is not None:
        return [FlopsCap(label=number_text(each), flops=round(each), given=each) for each in budgets.training_flops]
    if budgets.samples is not None:
        return [SampleCap(label=f"{each} samples", prompts=each) for each in budgets.samples]
    assert budgets.one_epoch_of is not None
    fractions = budgets.fractions or ()
    if match == "samples":
        pairs = lengths.unique_prompts
        return [SampleCap(label=_epochs_text(each), prompts=round(Fraction(each) * pairs)) for each in fractions]
    length = lengths.of(budgets.one_epoch_of)
    epoch = RunningTotals(length, cost.windows).price(cost, 0, len(length))
    caps: list[Cap] = []
    for each in fractions:
        flops = round(Fraction(each) * epoch)
        label = f"{_epochs_text(each)} of {budgets.one_epoch_of}"
        caps.append(FlopsCap(label=label, flops=flops, given=float(flops)))
    return caps


def file_name(label: str) -> str:
    """A budget's label as a part of file names: no slash, no blank."""
    return label.replace("/", "of").replace(" ", "-")


def number_text(value: float) -> str:
    """Short where that says it all: two budgets never have the same text."""
    short = f"{value:.4g}"
    exact = short if float(short) == value else repr(float(value))
    return re.sub(r"e\+?(-?)0*", r"e\1", exact)  # 5e11, as everywhere


def _epochs_text(fraction: float) -> str:
    """For example `1/4 epoch`, `1 epoch`, `3/2 epochs`."""
    near = Fraction(fraction).limit_denominator(READABLE_DENOMINATOR)
    text = str(near) if float(near) == fraction else number_text(fraction)
    return f"{text} epoch{'s' if fraction > 1 else ''}"
