"""The path of one cell: which slices of which streams it reads, and where its rate begins to fall.

Definitions: a budget is a cap, so a path ends with the last optimizer step whose total does not exceed it; the decay is
the last share of the budget's FLOPs; the first phase of a sequential arm ends at an optimizer step.
"""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from isothink.corpus.lengths import Integers
from isothink.corpus.stream import Batching
from isothink.domain.arm import Mixed, Plain, Sequential
from isothink.domain.training_settings import Training
from isothink.plan.pricing import PricedStream
from isothink.plan.record import Decay


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A slice of one stream under one piece of the schedule; `first_step` counts the steps of the cell."""

    stream: str
    phase_start: int
    first: int
    last: int
    first_step: int
    steps: int
    decay: Decay | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Infeasible:
    """Why a cell is not trained."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stream's part of a cell: its steps from `edges[0]` to `edges[-1]`."""

    stream: str
    priced: PricedStream
    edges: Integers

    @property
    def steps(self) -> int:
        """How many optimizer steps the phase has."""
        return len(self.edges) - 1


def phases_of(
    arm: Plain | Mixed | Sequential, streams: dict[str, PricedStream], budget: int, batch: Batching
) -> list[Phase] | Infeasible:
    """The phases of an arm under a budget, each cut off after its last step."""
    if not isinstance(arm, Sequential):
        priced = streams[str(arm)]
        if priced.flops_before[-1] <= budget:
            return _too_many(len(priced.stream))
        return [_phase(str(arm), priced, priced.edges, budget)]
    ift, reasoning = streams["ift"], streams["reasoning"]
    prompts = _affordable(ift, reasoning, arm.rho, budget)
    if prompts == min(len(ift.stream), len(reasoning.stream)):
        return _too_many(prompts)
    boundary = round((1 - arm.rho) * prompts)
    steps = _nearest(ift.edges, boundary)
    if steps == 0:
        return Infeasible(reason=f"the IFT phase of {boundary} prompts is shorter than one optimizer step")
    first = Phase(stream="ift", priced=ift, edges=ift.edges[: steps + 1])
    start = int(ift.edges[steps])
    left = budget - ift.flops_between(0, start)
    second = _phase("reasoning", reasoning, reasoning.cut_from(start, batch), left)
    if second.steps == 0:
        return Infeasible(reason="no optimizer step of the reasoning phase fits into the budget")
    return [first, second]


def _phase(name: str, priced: PricedStream, edges: Integers, budget: int) -> Phase:
    return Phase(stream=name, priced=priced, edges=edges[: max(priced.steps_within(edges, budget), 0) + 1])


def _too_many(prompts: int) -> Infeasible:
    return Infeasible(
        reason=f"the budget affords {prompts} prompts and more, beyond max_epochs or what a plan can hold"
    )


def _affordable(ift: PricedStream, reasoning: PricedStream, rho: float, budget: int) -> int:
    """The largest number of prompts that the budget affords when the first `1 - rho` of them are IFT.

    The cost need not rise with every prompt: one more can turn a long trace at the boundary into a short answer.
    """
    prompts = np.arange(min(len(ift.stream), len(reasoning.stream)) + 1)
    plain = np.rint((1 - rho) * prompts).astype(np.int64)
    plain_flops, thought_flops = (np.array(priced.flops_before, dtype=object) for priced in (ift, reasoning))
    costs = plain_flops[plain] + thought_flops[prompts] - thought_flops[plain]
    return int(np.flatnonzero(costs <= budget)[-1])


def _nearest(edges: Integers, position: int) -> int:
    above = bisect_left(edges, position)
    if above == 0 or above >= len(edges):
        return min(above, len(edges) - 1)
    return above if edges[above] - position <= position - edges[above - 1] else above - 1


def pieces_of(phases: list[Phase], training: Training, budget: int) -> list[Piece] | Infeasible:
    """Cuts the phases at the step where the decay begins."""
    steps = sum(phase.steps for phase in phases)
    constant = _steps_within(phases, budget - round(training.decay_share * budget))
    if constant >= steps:
        return Infeasible(
            reason=f"{steps} optimizer steps fit into the budget, none of them in its last {training.decay_share:g},"
            " where the rate decays"
        )
    if constant < training.warmup_steps:
        return Infeasible(
            reason=f"{steps} optimizer steps fit into the budget, fewer than {training.warmup_steps} of warm-up"
            f" and a decay over {steps - constant}"
        )
    decay = Decay(first_step=constant, steps=steps - constant)
    pieces, first_step = [], 0
    for phase in phases:
        split = min(max(constant - first_step, 0), phase.steps)
        for first, last, schedule in ((0, split, None), (split, phase.steps, decay)):
            if last > first:
                pieces.append(
                    Piece(
                        stream=phase.stream,
                        phase_start=int(phase.edges[0]),
                        first=int(phase.edges[first]),
                        last=int(phase.edges[last]),
                        first_step=first_step + first,
                        steps=last - first,
                        decay=schedule,
                    )
                )
        first_step += phase.steps
    return pieces


def _steps_within(phases: list[Phase], budget: int) -> int:
    steps = 0
    for phase in phases:
        fitting = phase.priced.steps_within(phase.edges, budget)
        steps += max(fitting, 0)
        if fitting < phase.steps:
            break
        budget -= phase.priced.flops_between(int(phase.edges[0]), int(phase.edges[-1]))
    return steps


def split_at(piece: Piece, cuts: set[int], edges: Integers) -> list[Piece]:
    """Cuts a piece of constant rate at the stream positions where other cells branch off."""
    inner = sorted(position for position in cuts if piece.first < position < piece.last)
    parts, first_step = [], piece.first_step
    for first, last in zip([piece.first, *inner], [*inner, piece.last], strict=True):
        steps = int(np.searchsorted(edges, last) - np.searchsorted(edges, first))
        parts.append(
            Piece(
                stream=piece.stream,
                phase_start=piece.phase_start,
                first=first,
                last=last,
                first_step=first_step,
                steps=steps,
                decay=piece.decay,
            )
        )
        first_step += steps
    return parts
