"""How far a study is, from what its scheduler hears: a model without clock or files. Drawn by run/live_view.py.

run/progress.py feeds it and asks it for snapshots; run/watched.py says what there is to watch.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from isothink.domain.ledger import PHASES, Phase
from isothink.run.scheduler import Step, chain_lengths, parents_first, precedence
from isothink.run.step_progress import PairProgress, StepProgress

StepKind = Literal["pairs", "corpus", "train", "evaluate"]
State = Literal["complete", "running", "waiting", "failed"]
LEFT_SECONDS = 5.0
"""The time left is worked out so often at most, and counted down in between: it takes a look at every step."""
SHOWN_WAITING = 20
SHOWN_SCORES = 20
SHOWN_FAILURES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedStep:
    """A step as a reader knows it. `phase` is where its FLOPs belong, `tree` the training tree that it is part of."""

    id: str
    kind: StepKind
    label: str
    phase: Phase
    flops: float = 0.0
    student: str = ""
    tree: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What there is to watch: the steps to do and, under `described`, those and the ones that were complete before.

    `spent` is what the ledger held before. `speeds` are FLOPs per second of one worker by student, as earlier runs
    measured them; `done_before` counts the steps that nothing is left to do of.
    """

    title: str
    steps: tuple[Step, ...]
    described: Mapping[str, WatchedStep]
    planned: Mapping[Phase, float] = field(default_factory=dict)
    spent: Mapping[Phase, float] = field(default_factory=dict)
    speeds: Mapping[str, float] = field(default_factory=dict)
    done_before: int = 0
    cells_before: int = 0
    cells: int = 0
    workers: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """What a finished step left: its rows of the ledger by phase, and the mean score of each family it answered."""

    spent: Mapping[Phase, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningStep:
    """A step that runs. `share` is None until something is heard of it."""

    label: str
    kind: StepKind
    share: float | None
    flops: float
    seconds: float
    pairs: PairProgress | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingStep:
    """A step that waits: for a worker if it is `ready`, else for others."""

    label: str
    kind: StepKind
    ready: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseSpending:
    """FLOPs of one phase: spent, planned (None where nobody planned them), and the share of its steps' work done."""

    phase: Phase
    spent: float
    planned: float | None
    share: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """The accuracy of one student that was just evaluated, by family."""

    label: str
    families: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeRow:
    """One training tree: the state of each of its steps, in the order of the plan."""

    label: str
    states: tuple[State, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """How far a study is at one moment.

    `waiting` are the next few, in the order in which workers will take them; `scores` and `failures` begin with the
    latest. `seconds_left` is None until a speed was measured.
    """

    title: str
    seconds: float
    seconds_left: float | None
    share: float
    steps_done: int
    steps: int
    cells_done: int
    cells: int
    failed: int
    running: tuple[RunningStep, ...]
    waiting: tuple[WaitingStep, ...]
    ready: int
    blocked: int
    phases: tuple[PhaseSpending, ...]
    scores: tuple[Scores, ...]
    failures: tuple[tuple[str, str], ...]
    trees: tuple[TreeRow, ...]
    stopping: bool


@dataclass(kw_only=True, slots=True)
class _Running:
    """What is known of a step that runs. `first` is when it was heard of first, with its share then."""

    since: float
    last: StepProgress | None = None
    share: float = 0.0
    kept: float = 0.0
    first: tuple[float, float] | None = None
    heard: float = 0.0


class StudyProgress:
    """Adds up what happened; every method is told the time, in seconds of any clock that goes forward."""

    def __init__(self, watched: Watched, *, now: float) -> None:
        self._watched = watched
        self._began = now
        self._steps = {step.id: step for step in watched.steps}
        self._ranks = chain_lengths(self._steps)
        self._order = parents_first(self._steps)
        self._children: dict[str, list[str]] = defaultdict(list)
        for step in watched.steps:
            for need in step.needs:
                self._children[need].append(step.id)
        self._missing = {step.id: sum(need in self._steps for need in step.needs) for step in watched.steps}
        self._waiting = dict.fromkeys(self._steps)
        self._running: dict[str, _Running] = {}
        self._ended: dict[str, State] = {}
        self._spent = added(watched.spent)
        self._work = sum(step.work for step in watched.steps)
        self._work_done = 0.0
        self._measured: dict[tuple[StepKind, str], tuple[float, float]] = {}
        self._scores: deque[Scores] = deque(maxlen=SHOWN_SCORES)
        self._failures: deque[tuple[str, str]] = deque(maxlen=SHOWN_FAILURES)
        self._failed = 0
        self._cells_done = watched.cells_before
        self._stopping = False
        self._next: tuple[tuple[WaitingStep, ...], int] | None = None
        self._trees: tuple[TreeRow, ...] | None = None
        self._left: tuple[float, float | None] | None = None

    def started(self, step: str, now: float) -> None:
        """A worker begins a step."""
        self._waiting.pop(step, None)
        self._running[step] = _Running(since=now)
        self._forget_views()

    def progressed(self, step: str, progress: StepProgress, now: float) -> None:
        """A running step says how far it is."""
        running = self._running.setdefault(step, _Running(since=now))
        self._waiting.pop(step, None)
        running.last = progress
        running.share, running.kept = _shares(progress, self._describe(step).flops)
        if running.first is None:
            running.first = (now, running.share)
        running.heard = now

    def finished(self, step: str, error: str | None, result: StepResult, now: float) -> None:
        """A step is complete, or failed, or never begins because another failed."""
        described = self._describe(step)
        running = self._running.pop(step, None)
        self._waiting.pop(step, None)
        self._work_done += self._steps[step].work if step in self._steps else 0.0
        self._ended[step] = "complete" if error is None else "failed"
        self._forget_views()
        if error is None:
            self._complete(described, running, result, now)
            return
        self._failed += 1
        self._failures.appendleft((described.label, error))
        if running is not None and running.last is not None:
            self._spent["waste"] += max(0.0, running.last.flops)

    def _complete(self, described: WatchedStep, running: _Running | None, result: StepResult, now: float) -> None:
        self._spent = added(self._spent, result.spent)
        for child in self._children[described.id]:
            self._missing[child] -= 1
        if described.kind == "evaluate":
            self._cells_done += described.phase == "evaluation"
            if result.scores:
                self._scores.appendleft(Scores(label=described.label, families=result.scores))
        if running is not None and described.id in self._steps:
            key = (described.kind, described.student)
            seconds, work = self._measured.get(key, (0.0, 0.0))
            done = self._steps[described.id].work * (1.0 - running.kept)
            self._measured[key] = (seconds + now - running.since, work + done)

    def interrupted(self) -> None:
        """The run was interrupted, and ends as soon as what runs has kept its state."""
        self._stopping = True

    @property
    def steps_done(self) -> int:
        """Steps that are complete or failed."""
        return self._watched.done_before + len(self._ended)

    @property
    def steps(self) -> int:
        """All steps."""
        return self._watched.done_before + len(self._steps)

    @property
    def failed(self) -> int:
        """Steps that failed, or never began because another failed."""
        return self._failed

    def share(self) -> float:
        """The share of the work that is done; failed steps leave nothing to do."""
        if not self._work:
            return 1.0
        running = sum(self._steps[step].work * one.share for step, one in self._running.items() if step in self._steps)
        return min(1.0, (self._work_done + running) / self._work)

    def seconds_left(self, now: float) -> float | None:
        """What is left, by the speed that was measured: no less than all work shared among the workers, nor than the
        longest chain of steps that wait for each other (R. L. Graham, 1969, doi.org/10.1137/0117039)."""
        total, longest = 0.0, 0.0
        chains: dict[str, float] = {}
        paces: dict[tuple[StepKind, str], float | None] = {}
        for step in reversed(self._order):
            if step in self._ended:
                continue
            described = self._describe(step)
            key = (described.kind, described.student)
            if key not in paces:
                paces[key] = self._pace(*key)
            running = self._running.get(step)
            work = self._steps[step].work * (1.0 - (running.share if running is not None else 0.0))
            pace = paces[key] if work else 0.0
            if pace is None:
                return None
            seconds = work * pace
            if running is not None and running.first is not None:
                seconds = max(0.0, seconds - (now - running.heard))
            total += seconds
            chains[step] = seconds + max((chains.get(child, 0.0) for child in self._children[step]), default=0.0)
            longest = max(longest, chains[step])
        if not total and chains:  # of what is left, nobody knows how long it takes
            return None
        return max(total / self._watched.workers, longest)

    def snapshot(self, now: float) -> Snapshot:
        """All of it."""
        waiting, ready = self._waiting_view()
        return Snapshot(
            title=self._watched.title,
            seconds=now - self._began,
            seconds_left=self._left_view(now),
            share=self.share(),
            steps_done=self.steps_done,
            steps=self.steps,
            cells_done=self._cells_done,
            cells=self._watched.cells,
            failed=self._failed,
            running=tuple(self._running_view(step, one, now) for step, one in self._running.items()),
            waiting=waiting,
            ready=ready,
            blocked=len(self._waiting) - ready,
            phases=self._phase_view(),
            scores=tuple(self._scores),
            failures=tuple(self._failures),
            trees=self._tree_view(),
            stopping=self._stopping,
        )

    def _left_view(self, now: float) -> float | None:
        if self._left is None or self._left[1] is None or now - self._left[0] >= LEFT_SECONDS or not self._waiting:
            self._left = now, self.seconds_left(now)
        at, left = self._left
        return None if left is None else max(0.0, left - (now - at))

    def _describe(self, step: str) -> WatchedStep:
        found = self._watched.described.get(step)
        return found or WatchedStep(id=step, kind="train", label=step, phase="training", flops=self._plain_work(step))

    def _plain_work(self, step: str) -> float:
        return self._steps[step].work if step in self._steps else 0.0

    def _pace(self, kind: StepKind, student: str) -> float | None:
        """Seconds per unit of work: of this student's steps of this kind, else of what is most like them."""
        own = self._measured_pace(lambda key: key == (kind, student))
        if own is not None or kind in ("pairs", "corpus"):
            return own
        earlier = 1.0 / self._watched.speeds[student] if self._watched.speeds.get(student) else None
        same_kind = self._measured_pace(lambda key: key[0] == kind)
        fallbacks = (earlier, same_kind) if kind == "train" else (same_kind, earlier)
        known = [pace for pace in fallbacks if pace is not None]
        return known[0] if known else self._measured_pace(lambda key: key[0] in ("train", "evaluate"))

    def _measured_pace(self, counts: Callable[[tuple[StepKind, str]], bool]) -> float | None:
        seconds = work = 0.0
        for key, (its_seconds, its_work) in self._measured.items():
            if counts(key):
                seconds, work = seconds + its_seconds, work + its_work
        for step, running in self._running.items():
            described = self._describe(step)
            if running.first is None or step not in self._steps or not counts((described.kind, described.student)):
                continue
            begun, at = running.first
            if running.share > at:  # since the first word: before it, a worker may have started and loaded for long
                seconds, work = seconds + running.heard - begun, work + self._steps[step].work * (running.share - at)
            elif running.share > running.kept:
                seconds += running.heard - running.since
                work += self._steps[step].work * (running.share - running.kept)
        return seconds / work if work > 0 else None

    def _running_view(self, step: str, running: _Running, now: float) -> RunningStep:
        described, last = self._describe(step), running.last
        return RunningStep(
            label=described.label,
            kind=described.kind,
            share=None if last is None else running.share,
            flops=0.0 if last is None else last.flops,
            seconds=now - running.since,
            pairs=None if last is None else last.pairs,
        )

    def _waiting_view(self) -> tuple[tuple[WaitingStep, ...], int]:
        if self._next is None:
            ready = [step for step in self._waiting if not self._missing[step]]
            blocked = [step for step in self._waiting if self._missing[step]]
            chosen = self._first(ready, SHOWN_WAITING)
            chosen += self._first(blocked, SHOWN_WAITING - len(chosen))
            views = []
            for step in chosen:
                described = self._describe(step)
                views.append(WaitingStep(label=described.label, kind=described.kind, ready=not self._missing[step]))
            self._next = tuple(views), len(ready)
        return self._next

    def _first(self, steps: Sequence[str], count: int) -> list[str]:
        return heapq.nsmallest(count, steps, key=lambda step: precedence(self._steps[step], self._ranks))

    def _phase_view(self) -> tuple[PhaseSpending, ...]:
        spent = added(self._spent)
        for step, running in self._running.items():
            if running.last is not None:
                spent[self._describe(step).phase] += running.last.flops
        done = self._phase_shares()
        views = []
        for phase in PHASES:
            planned = self._watched.planned.get(phase)
            if spent[phase] or planned:
                share = done.get(phase)
                views.append(PhaseSpending(phase=phase, spent=spent[phase], planned=planned or None, share=share))
        return tuple(views)

    def _phase_shares(self) -> dict[Phase, float]:
        total, done = added(), added()
        for step, described in self._watched.described.items():
            total[described.phase] += described.flops
            if step not in self._steps or self._ended.get(step) == "complete":
                done[described.phase] += described.flops
            elif step in self._running:
                done[described.phase] += described.flops * self._running[step].share
        return {phase: done[phase] / flops for phase, flops in total.items() if flops}

    def _tree_view(self) -> tuple[TreeRow, ...]:
        if self._trees is None:
            states: dict[str, list[State]] = defaultdict(list)
            for step, described in self._watched.described.items():
                if described.tree:
                    states[described.tree].append(self._state(step))
            self._trees = tuple(TreeRow(label=label, states=tuple(found)) for label, found in states.items())
        return self._trees

    def _state(self, step: str) -> State:
        if step in self._running:
            return "running"
        return self._ended.get(step, "waiting" if step in self._steps else "complete")

    def _forget_views(self) -> None:
        self._next = self._trees = None


def _shares(progress: StepProgress, planned: float) -> tuple[float, float]:
    """The share of a step's work that is done, and what of it earlier attempts had done."""
    if progress.share is not None:
        share, kept = progress.share, progress.kept_share
    elif planned > 0:
        share, kept = progress.flops / planned, progress.kept_flops / planned
    else:
        share, kept = 0.0, 0.0
    share = min(1.0, max(0.0, share))
    return share, min(share, max(0.0, kept))


def added(*sums: Mapping[Phase, float]) -> "defaultdict[Phase, float]":
    """Sums by phase, added up."""
    total: defaultdict[Phase, float] = defaultdict(float)
    for one in sums:
        for phase, value in one.items():
            total[phase] += value
    return total
