"""Derives and prices every step of a study. Pure: called by run/ with lengths and what is complete."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from isothink.corpus.lengths import CorpusLengths
from isothink.domain.arm import parse_arm
from isothink.domain.ledger import Phase
from isothink.domain.study import Study
from isothink.domain.training_settings import FormatRates, RateSweep
from isothink.plan.cells import AnsweringCost, CellMaker, Completed, ItemLengths, segments_of, speed_of
from isothink.plan.disk import StudentBytes, peak_disk_bytes
from isothink.plan.notes import notes_of
from isothink.plan.path import Infeasible
from isothink.plan.prepared import PreparedStudent, prepare_students
from isothink.plan.record import OverLength, Plan, PlannedCell, Segment
from isothink.plan.students import longest_sequence
from isothink.plan.sweep import Trials, plan_trials, validation_items
from isothink.plan.tree import CellPath, TreeSegment, cell_paths, identify, open_seed, student_streams

__all__ = ["EVALUATION_WORK", "Completed", "ItemLengths", "plan"]

EVALUATION_WORK = 3.0
"""Decoding is about as fast as training, per FLOP; loading and scoring take twice as long again (on the quickstart)."""


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """One cell with the segments that lead to it, and what answering is expected to cost."""

    cell: PlannedCell
    segments: Sequence[Segment]
    answering: float


def plan(
    study: Study,
    lengths: CorpusLengths,
    items: ItemLengths,
    completed: Completed | None = None,
    *,
    chosen_rates: Mapping[str, FormatRates] | None = None,
    validation: ItemLengths | None = None,
) -> Plan:
    """The whole plan.

    `chosen_rates` holds by student what a sweep of rates has chosen, `validation` its items where they are known.

    Raises:
        StudyError: a student's architecture is not covered by the formulas, does not fit the tokenizer or has no rates;
            or its sweep's trials are too short.
    """
    planner = _Planner(study, lengths, items, completed or Completed())
    students = prepare_students(study, lengths, chosen_rates)
    trials = plan_trials(study, lengths, students, validation or validation_items(study, items), planner.completed)
    cells = planner.cells(students)
    missing = isinstance(study.training.learning_rate, RateSweep) and any(
        student.name not in (chosen_rates or {}) for student in students
    )
    notes = notes_of(study, lengths, items, planner.over_length(), rates_are_missing=missing)
    return planner.assemble(students, trials, cells, notes)


class _Planner:
    """The parts of one plan."""

    def __init__(self, study: Study, lengths: CorpusLengths, items: ItemLengths, completed: Completed) -> None:
        self.study = study
        self.lengths = lengths
        self.items = items
        self.completed = completed

    def cells(self, students: Sequence[PreparedStudent]) -> list[_Planned]:
        """Every cell, by student, seed, arm and budget; a seed's streams are held only as long as it is planned."""
        maker = CellMaker(self.study, self.lengths, self.items, self.completed)
        answering = AnsweringCost(self.study.evaluation, self.lengths, self.items)
        made: dict[tuple[int, int], list[_Planned]] = {}
        seeds = sorted({seed for text in self.study.arms for seed in self.study.seeds_of(text)})
        for seed in seeds:
            texts = [text for text in self.study.arms if seed in self.study.seeds_of(text)]
            arms = [parse_arm(text) for text in texts]
            prices = [(student.cost, student.caps) for student in students]
            streams = open_seed(self.study, self.lengths, arms, prices, seed)
            for index, student in enumerate(students):
                own = student_streams(streams, arms, student.cost)
                training, caps = self.study.training, student.caps
                paths = cell_paths(training, own, student=student.name, arms=texts, caps=caps, seed=seed)
                made[index, seed] = []
                for path in paths:
                    tree = self._tree(path, student)
                    cell = maker.cell(path, tree, streams)
                    made[index, seed].append(self._planned(cell, path, tree, student, answering))
        return [one for index in range(len(students)) for seed in seeds for one in made[index, seed]]

    def _tree(self, path: CellPath, student: PreparedStudent) -> list[TreeSegment]:
        if isinstance(path.pieces, Infeasible):
            return []
        return identify(path, student.recipe, student.rates, self.study.training.final_rate_share)

    def _planned(
        self,
        cell: PlannedCell,
        path: CellPath,
        tree: Sequence[TreeSegment],
        student: PreparedStudent,
        answering: AnsweringCost,
    ) -> _Planned:
        if not cell.feasible:
            return _Planned(cell=cell, segments=(), answering=0.0)
        speed = speed_of(self.study, student.name, self.completed)
        segments = segments_of(path, tree, rates=student.rates, completed=self.completed, speed=speed)
        return _Planned(cell=cell, segments=segments, answering=answering.of(student, parse_arm(cell.arm)))

    def assemble(
        self,
        students: Sequence[PreparedStudent],
        trials: Trials,
        planned: Sequence[_Planned],
        notes: tuple[str, ...],
    ) -> Plan:
        """The record of it all."""
        segments = {segment.id: segment for segment in trials.segments}
        for one in planned:
            for segment in one.segments:
                segments.setdefault(segment.id, segment)
        cells = [one.cell for one in planned]
        spent = dict.fromkeys(("training", "search"), 0)
        for segment in segments.values():
            spent[segment.purpose] += segment.flops
        phases: dict[Phase, float] = {
            "teacher": 0.0,
            "search": float(spent["search"]) + sum(trials.answering),
            "evaluation": sum(one.answering for one in planned),
            "judging": 0.0,
        }
        samples = len(self.items.prompt_tokens) * sum(cell.feasible for cell in cells)
        return Plan(
            study=self.study.name,
            source=self.lengths.origin,
            corpus=self.lengths.corpus,
            tokenizer=self.lengths.tokenizer,
            students=tuple(student.facts for student in students),
            segments=tuple(segments.values()),
            cells=tuple(cells),
            trials=trials.trials,
            dropped_over_length=self.over_length(),
            total_flops=spent["training"],
            unshared_flops=sum(cell.flops for cell in cells if cell.flops is not None),
            phases=phases,
            peak_disk_bytes=peak_disk_bytes(
                segments.values(),
                {one.name: StudentBytes.of(one.parameters, one.trained_parameters) for one in students},
                keep=self.study.resources.keep,
                processes=self.study.resources.processes,
                lengths=self.lengths,
                samples=samples,
            ),
            seconds=self._seconds(segments.values(), trials, planned),
            items=len(self.items.prompt_tokens),
            unique_prompts=self.lengths.unique_prompts,
            notes=notes,
        )

    def over_length(self) -> OverLength | None:
        """What was lost with pairs that are too long; None where none was."""
        lengths = self.lengths
        if not lengths.dropped_pairs:
            return None
        return OverLength(
            max_tokens=longest_sequence(self.study),
            pairs=lengths.dropped_pairs,
            pairs_share=lengths.dropped_pairs / (lengths.dropped_pairs + lengths.unique_prompts),
            ift_tokens_share=lengths.dropped_ift_share,
            trace_tokens_share=lengths.dropped_trace_share,
        )

    def _seconds(self, segments: Iterable[Segment], trials: Trials, planned: Sequence[_Planned]) -> float | None:
        """What is left to do, on all workers; None where the speed of some student is not known."""
        seconds = [segment.seconds for segment in segments if segment.status != "complete"]
        answers = [(one.cell.student, one.cell.status, one.answering) for one in planned if one.cell.feasible]
        answers += [
            (trial.student, trial.status, flops) for trial, flops in zip(trials.trials, trials.answering, strict=True)
        ]
        for student, status, flops in answers:
            if status != "complete":
                speed = speed_of(self.study, student, self.completed)
                seconds.append(None if speed is None else EVALUATION_WORK * flops / speed)
        known = [second for second in seconds if second is not None]
        return sum(known) / self.study.resources.processes if len(known) == len(seconds) else None
