"""How far a study is, as lines of a terminal: what runs, waits, was spent and found. Drawn by run/live_terminal.py.

A pure function from a snapshot, a width and a height to lines that fit: in a small terminal each part shows its first
lines and counts the rest. Names are data: they go into `Text`, where no markup is read, without control characters.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from isothink.domain.numbers import flops, scientific
from isothink.report.numbers import count, percent, plural
from isothink.report.text import one_line
from isothink.run.clock_time import clock_time
from isothink.run.step_progress import PairProgress
from isothink.run.study_progress import PhaseSpending, RunningStep, Scores, Snapshot, State, TreeRow

NARROW = 72
"""Columns from which on a line has room for a bar."""
WIDE = 100
"""Columns from which on it has room for the FLOPs of a step too."""
BAR = 16
MOST_WAITING = 5
MOST_SCORES = 8
MOST_FAILURES = 3
STYLES: dict[State, str] = {"complete": "green", "running": "bold cyan", "waiting": "dim", "failed": "bold red"}
SHAPES: dict[State, str] = {"complete": "■", "running": "▶", "waiting": "·", "failed": "×"}
PLAIN_SHAPES: dict[State, str] = {"complete": "#", "running": ">", "waiting": ".", "failed": "x"}
STATES: tuple[State, ...] = ("complete", "running", "waiting", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the view: a heading that counts what there is, and lines; `least` are shown if there is any room."""

    heading: Text | None
    lines: tuple[Text, ...]
    least: int


def view(snapshot: Snapshot, *, width: int, height: int, ascii_only: bool = False) -> list[Text]:
    """At most `height` lines, none wider than `width`."""
    drawing = _Drawing(width=width, height=height, ascii_only=ascii_only)
    lines = drawing.header(snapshot)[: max(1, height)]
    lines += _fit(drawing.sections(snapshot), height - len(lines))
    for line in lines:
        line.truncate(width, overflow="crop" if ascii_only else "ellipsis")
    return lines


def _fit(sections: Sequence[Section], rows: int) -> list[Text]:
    """Every section gets its least, as long as there is room, in their order; then each gets more, in their order."""
    granted = [0] * len(sections)
    for turn in ("least", "most"):
        for number, section in enumerate(sections):
            wanted = min(section.least, len(section.lines)) if turn == "least" else len(section.lines)
            heading = section.heading is not None and not granted[number]
            given = min(wanted - granted[number], rows - heading)
            if given > 0:
                granted[number] += given
                rows -= given + heading
    lines: list[Text] = []
    for section, shown in zip(sections, granted, strict=True):
        if shown:
            lines += [*([section.heading] if section.heading is not None else []), *section.lines[:shown]]
    return lines


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawing:
    """What lines look like in one terminal."""

    width: int
    height: int
    ascii_only: bool

    def header(self, snapshot: Snapshot) -> list[Text]:
        """What is run, how much of it is done, and the time: on one line where there is room."""
        parts = [Text(one_line(snapshot.title), style="bold")]
        parts.append(Text(f"{snapshot.steps_done:,} of {plural(snapshot.steps, 'step')}"))
        if snapshot.cells:
            parts.append(Text(f"{snapshot.cells_done:,} of {plural(snapshot.cells, 'cell')}"))
        if snapshot.failed:
            parts.append(Text(f"{snapshot.failed:,} failed", style=STYLES["failed"]))
        if snapshot.stopping:
            parts.append(Text("stopping: what runs keeps its state first", style="yellow"))
        else:
            parts.append(Text(f"{clock_time(snapshot.seconds)} so far"))
            if snapshot.seconds_left is not None:
                parts.append(Text(f"about {clock_time(snapshot.seconds_left)} left"))
        lines = [parts[0]]
        for part in parts[1:]:
            if lines[-1].cell_len + 2 + part.cell_len <= self.width:
                lines[-1].append("  ").append_text(part)
            else:
                lines.append(part)
        return lines

    def sections(self, snapshot: Snapshot) -> list[Section]:
        """The parts below the header, the most important first."""
        asking = [running.pairs for running in snapshot.running if running.pairs is not None]
        parts = [
            Section(heading=None, lines=tuple(self._phase(phase) for phase in snapshot.phases), least=2),
            self._part(
                f"running: {len(snapshot.running)}", [self._running(running) for running in snapshot.running], least=2
            ),
            *(Section(heading=None, lines=tuple(self._pairs(pairs)), least=4) for pairs in asking),
            self._failures(snapshot),
            self._waiting(snapshot),
            self._scores(snapshot.scores),
            self._trees(snapshot.trees),
        ]
        return [part for part in parts if part.lines]

    def _part(self, heading: str, lines: Iterable[Text], *, least: int) -> Section:
        return Section(heading=Text(heading, style="bold"), lines=tuple(lines), least=least)

    def _phase(self, phase: PhaseSpending) -> Text:
        line = Text(f"{phase.phase:<11}")
        if self.width >= NARROW and phase.share is not None:
            line.append_text(self._bar(phase.share)).append("  ")
        if phase.share is not None:
            line.append(f"{percent(phase.share):>6}  ")
        if phase.planned is None:
            return line.append(flops(phase.spent))
        return line.append(f"{scientific(phase.spent)} of {flops(phase.planned)}")

    def _running(self, running: RunningStep) -> Text:
        facts = Text()
        if running.share is None:
            facts.append("begins")
        else:
            if self.width >= NARROW:
                facts.append_text(self._bar(running.share)).append("  ")
            facts.append(f"{percent(running.share):>6}")
            if self.width >= WIDE and running.flops:
                facts.append(f"  {flops(running.flops):>13}")
        facts.append(f"  {clock_time(running.seconds):>6}")
        return self._beside(Text(f"  {running.kind:<8}  {one_line(running.label)}"), facts)

    def _waiting(self, snapshot: Snapshot) -> Section:
        kinds = [f"{snapshot.ready:,} for a worker"] if snapshot.ready else []
        kinds += [f"{snapshot.blocked:,} for other steps"] if snapshot.blocked else []
        lines = [
            Text(f"  {step.kind:<8}  {one_line(step.label)}", style="" if step.ready else "dim")
            for step in snapshot.waiting[:MOST_WAITING]
        ]
        return self._part(f"waiting: {', '.join(kinds)}", lines, least=2)

    def _failures(self, snapshot: Snapshot) -> Section:
        shown = snapshot.failures[:MOST_FAILURES]
        lines = [Text(f"  {one_line(label)}: {one_line(error)}", style=STYLES["failed"]) for label, error in shown]
        heading = f"failed: {snapshot.failed:,}, the latest first"
        return self._part(heading, lines, least=1)

    def _scores(self, scores: Sequence[Scores]) -> Section:
        """A column for each family, as many as there is room for."""
        room = self.width - 2 - min(self.width // 2, max((len(one.label) for one in scores), default=0))
        families: list[str] = []
        for family in sorted({family for one in scores for family in one.families}):
            room -= 2 + _column_width(family)
            if room >= 0 or not families:
                families.append(family)
        heading = self._beside(Text("latest accuracies", style="bold"), self._columns(families, families))
        lines = []
        for one in scores[:MOST_SCORES]:
            shown = [percent(one.families[family]) if family in one.families else "" for family in families]
            lines.append(self._beside(Text(f"  {one_line(one.label)}"), self._columns(families, shown)))
        return Section(heading=heading, lines=tuple(lines), least=2)

    def _columns(self, families: Sequence[str], values: Sequence[str]) -> Text:
        cells = []
        for family, value in zip(families, values, strict=True):
            cell = Text(one_line(value))
            cell.truncate(_column_width(family), overflow="crop" if self.ascii_only else "ellipsis")
            cell.pad_left(_column_width(family) - cell.cell_len)
            cells.append(cell)
        return Text("  ").join(cells)

    def _trees(self, trees: Sequence[TreeRow]) -> Section:
        ordered = list(trees)
        if len(trees) > self.height // 2:  # where all are seen, they keep their places
            ordered.sort(key=lambda tree: _liveliness(tree.states))
        column = min(max((len(one_line(tree.label)) for tree in ordered), default=0), max(8, self.width // 2))
        shapes = PLAIN_SHAPES if self.ascii_only else SHAPES
        key = Text(f"{plural(len(trees), 'training tree')}: ", style="bold")
        for state in STATES:
            key.append(f"{shapes[state]} {state}  ", style=STYLES[state])
        lines = [self._tree(tree, column, shapes) for tree in ordered[: self.height]]
        return Section(heading=key, lines=tuple(lines), least=1)

    def _tree(self, tree: TreeRow, column: int, shapes: dict[State, str]) -> Text:
        name = Text(one_line(tree.label))
        name.truncate(column, overflow="ellipsis", pad=True)
        room = max(1, self.width - column - 4)
        if len(tree.states) > room:
            counts = Counter(tree.states)
            states = Text("  ").join(
                Text(f"{shapes[state]} {counts[state]:,}", style=STYLES[state]) for state in STATES if counts[state]
            )
        else:
            states = Text("").join(Text(shapes[state], style=STYLES[state]) for state in tree.states)
        return Text("  ").append_text(name).append("  ").append_text(states)

    def _pairs(self, pairs: PairProgress) -> list[Text]:
        lines = [Text(f"  {'stage':<8}  {pairs.stage}"), self._requests(pairs), self._kept(pairs)]
        if pairs.tokens is not None and pairs.seconds > 0:
            rate = count(pairs.tokens / pairs.seconds)
            lines.append(Text(f"  {'tokens':<8}  {count(pairs.tokens)} written since the start, {rate} tokens/s"))
        left = None if pairs.planned is None or pairs.stage == "assembling" else pairs.planned - pairs.answered
        for value, unit in ((pairs.cost, one_line(pairs.currency or "")), (pairs.flops, "FLOPs")):
            if value is None:
                continue
            shown = f"{value:,.2f}" if value is pairs.cost else scientific(value)
            line = Text(f"  {'cost' if value is pairs.cost else 'compute':<8}  {shown} {unit} since the start")
            if left and pairs.requests and pairs.stage == "asking":
                rest = value / pairs.requests * left
                line.append(f", about {rest:,.2f} more" if value is pairs.cost else f", about {scientific(rest)} more")
            lines.append(line)
        return lines

    def _requests(self, pairs: PairProgress) -> Text:
        of = "" if pairs.planned is None else f" of {pairs.planned:,}"
        text = f"  {'requests':<8}  {pairs.answered:,}{of} answered"
        if pairs.stage == "assembling":
            text = f"  {'prompts':<8}  {pairs.answered // 2:,} of {pairs.prompts:,} read, checked and filtered"
        line = Text(text)
        if pairs.failed:
            line.append(f", {pairs.failed:,} failed for good", style=STYLES["failed"])
        return line

    def _kept(self, pairs: PairProgress) -> Text:
        of = f"of {plural(pairs.prompts, 'prompt')}"
        text = f"{pairs.pairs:,} kept" if pairs.stage == "assembling" else f"{pairs.pairs:,} {of} have both replies"
        return Text(f"  {'pairs':<8}  {text}")

    def _bar(self, share: float) -> Text:
        full = min(BAR, int(share * BAR + 0.5))
        done, rest = ("#", "-") if self.ascii_only else ("━", "─")
        return Text(done * full, style=STYLES["running"]).append(rest * (BAR - full), style="dim")

    def _beside(self, left: Text, right: Text) -> Text:
        """`left` cut where it must be, `right` at the right edge."""
        room = self.width - right.cell_len - 2
        if room < 12:  # what is said on the right is too long: then the names alone
            right.truncate(max(0, self.width - 14), overflow="crop" if self.ascii_only else "ellipsis")
            room = self.width - right.cell_len - 2
        left.truncate(room, overflow="crop" if self.ascii_only else "ellipsis", pad=True)
        return left.append("  ").append_text(right)


def _liveliness(states: Sequence[State]) -> int:
    """Trees in which something runs come first, then those that wait, then failed and complete ones."""
    for rank, state in enumerate(("running", "waiting", "failed")):
        if state in states:
            return rank
    return len(STATES)


def _column_width(family: str) -> int:
    return max(6, min(14, cell_len(one_line(family))))
