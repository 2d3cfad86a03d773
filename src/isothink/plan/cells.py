"""Paths with identities made into the records of a plan: segments, cells, their samples. Called by planner.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import JsonValue

from isothink.compute.architecture import Architecture
from isothink.compute.flops import decode_flops, prefill_flops
from isothink.corpus.lengths import CorpusLengths, Integers
from isothink.domain.arm import Arm, Plain, Sequential, parse_arm
from isothink.domain.evaluation_settings import AnswerSampling, Evaluation, ServedAnswers
from isothink.domain.study import Study
from isothink.plan.budgets import FlopsCap, SampleCap, file_name
from isothink.plan.path import Infeasible
from isothink.plan.prepared import PreparedStudent
from isothink.plan.pricing import SeedStreams
from isothink.plan.record import PlannedCell, Segment, Status
from isothink.plan.tree import CellPath, TreeSegment, kind_of, rate_format
from isothink.store.fingerprint import fingerprint


@dataclass(frozen=True, kw_only=True)
class ItemLengths:
    """What planning knows of the benchmarks: their identity, and the prompt tokens of each item."""

    identity: str
    prompt_tokens: Integers


@dataclass(frozen=True, kw_only=True)
class Completed:
    """What the run folder holds already: ids of steps, and the speed that finished segments had, by student."""

    segments: frozenset[str] = frozenset()
    samples: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    flops_per_second: Mapping[str, float] = field(default_factory=dict)

    def status(self, step: str) -> Status:
        """Of a segment."""
        if step in self.segments:
            return "complete"
        return "failed" if step in self.failed else "waiting"

    def cell_status(self, tree: Sequence[TreeSegment], samples: str) -> Status:
        """Of a cell with this path and evaluation."""
        if samples in self.samples:
            return "complete"
        return "failed" if {samples, *(node.id for node in tree)} & self.failed else "waiting"


def speed_of(study: Study, student: str, completed: Completed) -> float | None:
    """FLOPs per second of one worker: measured where segments of the student are complete, else the study's guess."""
    return completed.flops_per_second.get(student) or study.resources.flops_per_second


def segments_of(
    path: CellPath,
    tree: Sequence[TreeSegment],
    *,
    rates: Any,
    completed: Completed,
    speed: float | None,
    purpose: Literal["training", "search"] = "training",
) -> list[Segment]:
    """The segments of one path."""
    segments = []
    for node in tree:
        piece, priced = node.piece, path.streams.priced[node.piece.stream]
        flops = priced.flops_between(piece.first, piece.last)
        segments.append(
            Segment(
                id=node.id,
                parent=node.parent,
                student=path.student,
                arm=piece.stream,
                seed=path.seed,
                purpose=purpose,
                peak_rate=rates.of(rate_format(piece.stream)),
                kind=kind_of(piece),
                phase_start=piece.phase_start,
                first=piece.first,
                last=piece.last,
                first_step=piece.first_step,
                steps=piece.steps,
                decay=piece.decay,
                tokens=priced.tokens_between(piece.first, piece.last),
                flops=flops,
                seconds=None if speed is None else flops / speed,
                status=completed.status(node.id),
            )
        )
    return segments


class CellMaker:
    """Makes the cells of a study."""

    def __init__(self, study: Study, lengths: CorpusLengths, items: ItemLengths, completed: Completed) -> None:
        self._study = study
        self._lengths = lengths
        self._items = items
        self._completed = completed
        self._sizes = np.bincount(lengths.source, minlength=len(lengths.sources)).tolist()

    def cell(self, path: CellPath, tree: Sequence[TreeSegment], streams: SeedStreams) -> PlannedCell:
        """The record of one cell; `tree` is empty where the path is infeasible."""
        configuration = f"{path.student}-{_plain(path.arm)}-{file_name(path.cap.label)}"
        facts = {
            "id": f"{configuration}-seed{path.seed}",
            "configuration": configuration,
            "student": path.student,
            "arm": path.arm,
            "seed": path.seed,
            "budget": path.cap.label,
        }
        if isinstance(path.pieces, Infeasible):
            return _infeasible(facts, self._expected(path), path.pieces.reason)
        prompts = path.pieces[-1].last
        seen = streams.seen(prompts)
        names = self._lengths.sources
        epochs = {name: many / size for name, many, size in zip(names, seen, self._sizes, strict=True)}
        most = max(epochs.values())
        flops = path_flops(path, tree)
        if most > self._study.training.max_epochs:
            source = max(epochs, key=lambda name: epochs[name])
            allowed = f"max_epochs is {self._study.training.max_epochs:g}"
            reason = f"{source} would be gone through {most:.4g} times, {allowed}"
            return _infeasible(facts, _budget_flops(path, flops), reason)
        samples = samples_id(self._study, str(facts["id"]), path.arm, tree[-1].id, self._items)
        return PlannedCell(
            **facts,
            budget_flops=_budget_flops(path, flops),
            path=tuple(node.id for node in tree),
            samples=samples,
            flops=flops,
            steps=sum(node.piece.steps for node in tree),
            prompts=prompts,
            unique_prompts=sum(map(min, seen, self._sizes)),  # a source repeats none before it has shown all
            epochs=most,
            epochs_by_source=epochs,
            feasible=True,
            reason=None,
            status=self._completed.cell_status(tree, samples),
        )

    def _expected(self, path: CellPath) -> float:
        """The budget of an infeasible cell in FLOPs: the cap, or about what so many prompts cost."""
        if isinstance(path.cap, FlopsCap):
            return path.cap.given
        read = path.streams.priced["reasoning" if isinstance(parse_arm(path.arm), Sequential) else path.arm]
        return path.cap.prompts * float(read.flops_between(0, len(read))) / len(read)


def path_flops(path: CellPath, tree: Sequence[TreeSegment]) -> int:
    """What a path costs."""
    return sum(path.streams.priced[node.piece.stream].flops_between(node.piece.first, node.piece.last) for node in tree)


def samples_id(study: Study, cell: str, arm: str, leaf: str, items: ItemLengths) -> str:
    """The id of the step in which a cell answers the items and the answers are judged."""
    settings = study.evaluation
    facts = {
        "answers": answers_identity(study, arm, leaf),
        "items": items.identity,
        "repeats": settings.repeats,
        "jury": _jury(settings),
    }
    return f"{cell}-{fingerprint(facts)}"


def answers_identity(study: Study, arm: str, leaf: str) -> str:
    """What decides an answer beside its prompt and key: the student, and how it is asked."""
    settings = study.evaluation
    return fingerprint(
        {
            "leaf": leaf,
            "max_new_tokens": settings.cap(arm),
            "sampling": _sampling(settings.sampling_of(arm)),
            "seed": None if settings.sampling_of(arm) == "greedy" else settings.seed,
            "answerer": settings.answerer.backend,
            # the model that was asked: with a name that was wrong at first, another one's answers would stay
            **({"model": settings.answerer.model} if isinstance(settings.answerer, ServedAnswers) else {}),
        }
    )


def _sampling(sampling: AnswerSampling) -> JsonValue:
    return sampling if isinstance(sampling, str) else sampling.model_dump(mode="json")


def _jury(settings: Evaluation) -> JsonValue:
    """What decides a jury's verdicts: not where its judges are, nor how fast they are asked."""
    if settings.jury is None:
        return None
    left_out = {"base_urls", "api_key_variable", "headers_from_environment", "requests", "architecture"}
    return settings.jury.model_dump(mode="json", exclude={"judges": {"__all__": left_out}})


def _budget_flops(path: CellPath, flops: int) -> float:
    return float(flops) if isinstance(path.cap, SampleCap) else path.cap.given


def _infeasible(facts: dict[str, Any], budget_flops: float, reason: str) -> PlannedCell:
    return PlannedCell(
        **facts,
        budget_flops=budget_flops,
        path=(),
        samples=None,
        flops=None,
        steps=None,
        prompts=None,
        unique_prompts=None,
        epochs=None,
        epochs_by_source={},
        feasible=False,
        reason=reason,
        status="waiting",
    )


def _plain(arm: str) -> str:
    return arm.replace("(", "").replace(")", "")


class AnsweringCost:
    """What answering all items is expected to cost: the answers as long as the teacher's in the arm's last format.

    Of the teacher's mean length, that is, and of the cap where it is less.
    """

    def __init__(self, settings: Evaluation, lengths: CorpusLengths, items: ItemLengths) -> None:
        self._settings = settings
        answers = {name: float(np.mean(lengths.of(name) - lengths.prompt)) for name in ("ift", "reasoning")}
        self._output = {name: max(1, round(mean)) for name, mean in answers.items()}
        prompts, counts = np.unique(items.prompt_tokens, return_counts=True)
        self._prompts: list[tuple[int, int]] = list(zip(prompts.tolist(), counts.tolist(), strict=True))
        self._known: dict[tuple[str, int], float] = {}

    def of(self, student: PreparedStudent, arm: Arm) -> float:
        """FLOPs of all answers of one cell."""
        taught = "ift" if isinstance(arm, Plain) and arm.format == "ift" else "reasoning"
        key = (student.name, min(self._output[taught], self._settings.cap(str(arm))))
        if key not in self._known:
            self._known[key] = float(self._settings.repeats * self._flops(student.architecture, key[1]))
        return self._known[key]

    def _flops(self, architecture: Architecture, output: int) -> int:
        return sum(
            count * (prefill_flops(architecture, prompt) + decode_flops(architecture, prompt, output))
            for prompt, count in self._prompts
        )
