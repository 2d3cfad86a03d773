"""The path of one cell: which slices of which streams it reads, and where its rate begins to fall.

Definitions: a budget is a cap, so a path ends with the last optimizer step whose total, in FLOPs or in prompts, does
not exceed it; the decay is the last share of the budget's FLOPs (of the path's own, where prompts are capped), or a
number of steps; the first phase of a sequential arm ends at an optimizer step.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isothink.corpus.lengths import Integers
from isothink.domain.arm import Arm, Sequential
from isothink.domain.training_settings import Training
from isothink.plan.budgets import Cap, FlopsCap, SampleCap
from isothink.plan.pricing import PricedStream, TwoPhases
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

    @property
    def flops(self) -> int:
        """What they cost."""
        return self.priced.flops_between(int(self.edges[0]), int(self.edges[-1]))


@dataclass(frozen=True, kw_only=True)
class StudentStreams:
    """The streams of one student's arms under one seed, by the name of what they show, and its sequential arms."""

    priced: Mapping[str, PricedStream]
    two_phases: Mapping[float, TwoPhases]
    positions: int
    holdable: int
    """How many positions a plan can hold at most."""


def phases_of(arm: Arm, streams: StudentStreams, cap: Cap) -> list[Phase] | Infeasible:
    """The phases of an arm under a cap, each cut off after its last step."""
    if isinstance(cap, SampleCap) and cap.prompts > streams.positions:
        return _too_many(cap.prompts, streams)
    if isinstance(arm, Sequential):
        return _two_phases(arm, streams, cap)
    priced = streams.priced[str(arm)]
    if isinstance(cap, FlopsCap) and priced.flops_between(0, len(priced)) <= cap.flops:
        return _too_many(len(priced), streams)
    return [_phase(str(arm), priced, priced.edges, cap, spent=0)]


def _two_phases(arm: Sequential, streams: StudentStreams, cap: Cap) -> list[Phase] | Infeasible:
    ift, reasoning = streams.priced["ift"], streams.priced["reasoning"]
    if isinstance(cap, SampleCap):
        prompts = cap.prompts
    else:
        prompts = streams.two_phases[arm.rho].affordable(cap.flops)
        if prompts == streams.positions:
            return _too_many(prompts, streams)
    boundary = round((1 - arm.rho) * prompts)
    steps = _nearest(ift.edges, boundary)
    if steps == 0:
        return Infeasible(reason=f"the IFT phase of {boundary} prompts is shorter than one optimizer step")
    first = Phase(stream="ift", priced=ift, edges=ift.edges[: steps + 1])
    start = int(ift.edges[steps])
    second = _phase("reasoning", reasoning, reasoning.counted.cut_from(start), cap, spent=first.flops)
    if second.steps == 0:
        return Infeasible(reason="no optimizer step of the reasoning phase fits into the budget")
    return [first, second]


def _phase(name: str, priced: PricedStream, edges: Integers, cap: Cap, *, spent: int) -> Phase:
    if isinstance(cap, SampleCap):
        steps = int(np.searchsorted(edges, cap.prompts, side="right")) - 1
    else:
        steps = priced.steps_within(edges, cap.flops - spent)
    return Phase(stream=name, priced=priced, edges=edges[: max(steps, 0) + 1])


def _too_many(prompts: int, streams: StudentStreams) -> Infeasible:
    """The streams end where max_epochs does, or where a plan can hold no more."""
    limit = "what a plan can hold" if streams.positions >= streams.holdable else "max_epochs"
    return Infeasible(reason=f"the budget affords {prompts} prompts and more, beyond {limit}")


def _nearest(edges: Integers, position: int) -> int:
    above = bisect_left(edges, position)
    if above == 0 or above >= len(edges):
        return min(above, len(edges) - 1)
    return above if edges[above] - position <= position - edges[above - 1] else above - 1


def pieces_of(phases: list[Phase], training: Training, cap: Cap) -> list[Piece] | Infeasible:
    """Cuts the phases at the step where the decay begins."""
    constant = _constant_steps(phases, training, cap)
    if isinstance(constant, Infeasible):
        return constant
    decay = Decay(first_step=constant, steps=sum(phase.steps for phase in phases) - constant)
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


def _constant_steps(phases: list[Phase], training: Training, cap: Cap) -> int | Infeasible:
    """How many steps come before the decay."""
    steps = sum(phase.steps for phase in phases)
    if steps == 0:
        return Infeasible(reason="no optimizer step fits into the budget")
    if training.decay_steps is not None:
        constant = steps - training.decay_steps
    else:
        total = cap.flops if isinstance(cap, FlopsCap) else sum(phase.flops for phase in phases)
        constant = _steps_within(phases, total - round(training.decay_share * total))
        if constant >= steps:
            return Infeasible(
                reason=f"{steps} optimizer steps fit into the budget, none of them in its last"
                f" {training.decay_share:g}, where the rate decays"
            )
    if constant < training.warmup_steps:
        return Infeasible(
            reason=f"{steps} optimizer steps fit into the budget, fewer than {training.warmup_steps} of warm-up"
            f" and a decay over {steps - constant}"
        )
    return constant


def _steps_within(phases: list[Phase], budget: int) -> int:
    steps = 0
    for phase in phases:
        fitting = phase.priced.steps_within(phase.edges, budget)
        steps += max(fitting, 0)
        if fitting < phase.steps:
            break
        budget -= phase.flops
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
