"""Learning curves: the training loss of each cell by the FLOPs spent so far."""

from dataclasses import dataclass

from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.figure import ROWS, Figure
from isothink.report.figures import students_of
from isothink.report.learning_figure import learning_chart, learning_rows
from isothink.report.palette import label, palette
from isothink.report.section import Section

CAPTION = (
    "Mean loss per trained token of the steps up to each point; the last tenth of a line is its decay. Arms read "
    "different texts, so levels compare within an arm, not between arms. n = {n}, at most {points} points each{choice}."
)


@dataclass(frozen=True, kw_only=True)
class LearningContent:
    """The plot, or nothing."""

    figures: tuple[Figure, ...]


def section(data: ReportData) -> Section:
    """The section of learning curves."""
    figures = (_figure(data),) if any(curve.points for curve in data.learning) else ()
    return Section(
        id="learning",
        title="Learning curves",
        short="Learning curves",
        content=LearningContent(figures=figures),
        figures=figures,
    )


def _figure(data: ReportData) -> Figure:
    rows = learning_rows(data.learning)
    known = students_of(data.evidence)
    named_here = {row["student"] for row in rows}
    by_size = [label(one.name) for one in data.students]
    students = list(dict.fromkeys(name for name in (*by_size, *known, *sorted(named_here)) if name in named_here))
    arms = palette({curve.arm for curve in data.learning if curve.points})
    total, lines = data.learning_total, len(data.learning)
    choice = f"; a choice of {total:,} cells, low seeds and large budgets first" if total > lines else ""
    ends = [f"{curve.student} {curve.arm} {curve.points[-1].loss:.2f}" for curve in data.learning[:12] if curve.points]
    return Figure(
        id="learning-loss",
        title="Training loss by training FLOPs",
        chart=learning_chart(ROWS, arms, students, rows).to_dict(validate=False),
        rows=rows,
        label=f"{numbers.plural(lines, 'learning curve')}. Losses at the end, of some: {'; '.join(ends)}.",
        caption=CAPTION.format(
            n=numbers.plural(lines, "cell"), points=max(len(curve.points) for curve in data.learning), choice=choice
        ),
        kind="panels",
    )
