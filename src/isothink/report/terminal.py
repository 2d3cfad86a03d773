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

NARROW = ("P(best)", "adjusted p")
COLUMNS = ("family", "outcome", "recommended", "accuracy, 90% interval", *NARROW)


def verdict_table(evidence: Evidence) -> Table:
    """One row per verdict, in the order of the evidence; what does not fit is folded, never cut off."""
    table = Table(title=Text(visible(f"Verdict: {evidence.study}{_budget(evidence)}")), title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in NARROW else "left", overflow="fold")
    for verdict in evidence.verdicts:
        table.add_row(*(Text(visible(value)) for value in _row(evidence, verdict)))
    return table


def _budget(evidence: Evidence) -> str:
    """The budget that the verdicts are for, said once where it is the same for all."""
    budgets = {verdict.budget_flops for verdict in evidence.verdicts}
    return f", at {numbers.flops(budgets.pop())} of training" if len(budgets) == 1 else ""


def _row(evidence: Evidence, verdict: Verdict) -> tuple[str, ...]:
    comparison = deciding_comparison(evidence, verdict)
    outcome = "not resolved" if verdict.outcome == "unresolved" else verdict.outcome
    p_value = numbers.p_value(comparison.adjusted_p_value).removeprefix("= ") if comparison else numbers.NONE
    best = verdict.recommended
    if best is None:
        return (verdict.family, outcome, "none", numbers.NONE, numbers.NONE, p_value)
    accuracy = f"{numbers.percent(best.accuracy)}, {numbers.percent_interval(best.interval)}"
    return (
        verdict.family,
        outcome,
        best.cell,
        accuracy,
        numbers.probability(best.probability_best),
        p_value,
    )
