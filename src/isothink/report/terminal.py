"""The verdict in a terminal: a table and one text per family, printed by cli/.

Names come from study files, so they are added as plain text: rich's markup and a terminal's control codes stay letters.
"""

from rich.table import Table
from rich.text import Text

from isothink.evidence.record import Evidence, Verdict
from isothink.report import numbers
from isothink.report.sentences import deciding_comparison, verdict_sentences
from isothink.report.text import visible

__all__ = ["verdict_sentences", "verdict_table"]

COLUMNS = (
    ("family", "left"),
    ("budget, FLOPs", "right"),
    ("outcome", "left"),
    ("recommended", "left"),
    ("accuracy", "right"),
    ("interval", "right"),
    ("P(best)", "right"),
    ("adjusted p", "right"),
    ("FLOPs per query", "right"),
)


def verdict_table(evidence: Evidence) -> Table:
    """One row per verdict, in the order of the evidence."""
    table = Table(title=Text(visible(f"Verdict: {evidence.study}")), title_justify="left")
    for name, justify in COLUMNS:
        table.add_column(name, justify="right" if justify == "right" else "left")
    for verdict in evidence.verdicts:
        table.add_row(*(Text(visible(value)) for value in _row(evidence, verdict)))
    return table


def _row(evidence: Evidence, verdict: Verdict) -> tuple[str, ...]:
    comparison = deciding_comparison(evidence, verdict)
    outcome = "not resolved" if verdict.outcome == "unresolved" else verdict.outcome
    start = (verdict.family, numbers.scientific(verdict.budget_flops), outcome)
    p_value = numbers.p_value(comparison.adjusted_p_value).removeprefix("= ") if comparison else numbers.NONE
    best = verdict.recommended
    if best is None:
        return (*start, "none", numbers.NONE, numbers.NONE, numbers.NONE, p_value, numbers.NONE)
    return (
        *start,
        best.configuration,
        numbers.percent(best.accuracy),
        numbers.percent_interval(best.interval),
        numbers.probability(best.probability_best),
        p_value,
        numbers.scientific(best.inference_flops_per_query),
    )
