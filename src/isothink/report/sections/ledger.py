"""Where every FLOP went: spending by phase, and training as planned against what was spent and what sharing saved."""

from dataclasses import dataclass

from isothink.domain.ledger import PHASES, Phase
from isothink.report import numbers
from isothink.report.data import PhaseTotal, ReportData
from isothink.report.figure import ROWS, Figure, Row
from isothink.report.ledger_figure import bar_chart
from isothink.report.section import Section
from isothink.report.table import table_of

PHASE_NAMES = {
    "teacher": "teacher (writing pairs)",
    "search": "search (learning rates)",
    "training": "training",
    "evaluation": "evaluation",
    "judging": "judging",
    "waste": "waste (lost to interruptions and failures)",
}


@dataclass(frozen=True, kw_only=True)
class PhaseRow:
    """One phase's line of the table."""

    phase: str
    planned: str
    flops: str
    share: str
    tokens: str
    time: str


@dataclass(frozen=True, kw_only=True)
class LedgerContent:
    """What the template shows."""

    rows: tuple[PhaseRow, ...]
    total: PhaseRow
    figures: tuple[Figure, ...]
    sentences: tuple[str, ...]


def section(data: ReportData) -> Section:
    """The ledger's section."""
    figures = (*_phase_figure(data), *_training_figure(data))
    total = sum(spent.flops for spent in data.ledger.values())
    known = {*data.ledger, *(phase for phase, flops in _planned(data).items() if flops)}
    rows = tuple(_row(data, phase, total) for phase in PHASES if phase in known)
    content = LedgerContent(
        rows=rows,
        total=PhaseRow(
            phase="total",
            planned=numbers.scientific(planned) if (planned := sum(_planned(data).values())) else numbers.NONE,
            flops=numbers.scientific(total),
            share="100.0%" if total else numbers.NONE,
            tokens=numbers.count(sum(spent.tokens for spent in data.ledger.values())),
            time=numbers.duration(sum(spent.seconds for spent in data.ledger.values())),
        ),
        figures=figures,
        sentences=_sentences(data),
    )
    tables = (table_of("ledger", "FLOPs by phase", "FLOPs planned and spent, by phase.", [*rows, content.total]),)
    return Section(
        id="ledger",
        title="Where every FLOP went",
        short="FLOPs",
        content=content,
        figures=figures,
        tables=tables if rows else (),
    )


def _planned(data: ReportData) -> dict[Phase, float]:
    """FLOPs by phase; what interruptions waste is nobody's plan."""
    if data.plan.planned_training_flops <= 0:
        return {}
    return {**data.plan.phases, "training": data.plan.planned_training_flops}


def _row(data: ReportData, phase: Phase, total: float) -> PhaseRow:
    spent = data.ledger.get(phase, PhaseTotal(flops=0.0, tokens=0, seconds=0.0))
    planned = _planned(data).get(phase)
    return PhaseRow(
        phase=PHASE_NAMES[phase],
        planned=numbers.NONE if planned is None else numbers.scientific(planned),
        flops=numbers.scientific(spent.flops),
        share=numbers.percent(spent.flops / total) if total else numbers.NONE,
        tokens=numbers.count(spent.tokens),
        time=numbers.duration(spent.seconds),
    )


def _sentences(data: ReportData) -> tuple[str, ...]:
    plan, found = data.plan, []
    if data.teacher_note:
        found.append(data.teacher_note)
    if plan.planned_training_flops > 0:
        spent = data.ledger["training"].flops if "training" in data.ledger else 0.0
        share = numbers.percent(spent / plan.planned_training_flops)
        found.append(
            f"Training was planned at {numbers.flops(plan.planned_training_flops)}; {numbers.flops(spent)} are spent, "
            f"{share} of the plan."
        )
    if plan.unshared_training_flops > plan.planned_training_flops:
        saved = 1 - plan.planned_training_flops / plan.unshared_training_flops
        found.append(
            f"Trained one by one, the same cells would need {numbers.flops(plan.unshared_training_flops)}: sharing the "
            f"training tree saves {numbers.percent(saved)}."
        )
    return tuple(found)


def _phase_figure(data: ReportData) -> tuple[Figure, ...]:
    rows = [
        {"name": str(phase), "flops": spent.flops, "text": numbers.scientific(spent.flops)}
        for phase in PHASES
        if (spent := data.ledger.get(phase)) is not None
    ]
    if not rows:
        return ()
    caption = f"FLOPs spent so far, by phase (exact convention). n = {numbers.plural(len(rows), 'phase')}."
    return (_bars("ledger-phases", "Spent, by phase", rows, "FLOPs", caption),)


def _training_figure(data: ReportData) -> tuple[Figure, ...]:
    plan, training = data.plan, data.ledger.get("training")
    if plan.planned_training_flops <= 0:
        return ()
    bars = {
        "spent": training.flops if training else 0.0,
        "planned": plan.planned_training_flops,
        "one by one": plan.unshared_training_flops,
    }
    rows = [{"name": name, "flops": value, "text": numbers.scientific(value)} for name, value in bars.items()]
    caption = (
        "Training FLOPs: spent, planned with shared segments trained once, and the same cells trained one by one. "
        f"n = {numbers.plural(plan.cells_planned - plan.cells_infeasible, 'feasible cell')}."
    )
    return (_bars("ledger-training", "Training: planned and spent", rows, "training FLOPs", caption),)


def _bars(identity: str, title: str, rows: list[Row], axis_title: str, caption: str) -> Figure:
    chart = bar_chart(ROWS, [row["name"] for row in rows], axis_title, max(row["flops"] for row in rows))
    spoken = "; ".join(f"{row['name']} {row['text']} FLOPs" for row in rows)
    return Figure(
        id=identity,
        title=title,
        chart=chart.to_dict(validate=False),
        rows=rows,
        label=f"{title}: {spoken}",
        caption=caption,
        height=44 * len(rows),
    )
