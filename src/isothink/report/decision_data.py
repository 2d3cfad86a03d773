"""What the page decides from: the stored draws and costs of `evidence.json` in a compact form. Called by page.py.

templates/decide.js reads it and computes what evidence/verdict.decide computes. Draws are whole numbers, so packing
them loses nothing; every other number is written in full.
"""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from isothink.compute.hardware import device, device_names
from isothink.evidence.money import BATCH_SIZE, UTILISATION
from isothink.evidence.outlook import more_data
from isothink.evidence.record import Comparison, ConfigurationResult, Evidence
from isothink.evidence.settings import BASELINE, AnalysisSettings
from isothink.evidence.verdict import at_equal_cost, comparisons_at, crossover_of_family, is_conditional
from isothink.evidence.wording import describe
from isothink.report.palette import label
from isothink.report.sentences import difference_text, limit_text
from isothink.report.text import visible


def decision_data(evidence: Evidence) -> dict[str, Any]:
    """The study as decide.js reads it; names are made visible, and cells refer to students and arms by number."""
    students = _numbered(
        [one.student for one in evidence.configurations], [one.student for one in evidence.comparisons]
    )
    students = _numbered(list(students), [one.baseline_student for one in evidence.comparisons])
    arms = _numbered(
        [BASELINE], [one.arm for one in evidence.configurations], [one.arm for one in evidence.comparisons]
    )
    conventions = sorted({name for one in evidence.configurations for name in one.conventions} | {evidence.convention})
    return {
        "level": evidence.level,
        "level_text": f"{100 * evidence.level:g}%",
        "significance_text": f"{evidence.significance:g}",
        "cost_tolerance": evidence.cost_tolerance,
        "accuracy_tolerance": _accuracy_tolerance(evidence),
        "convention": evidence.convention,
        "conventions": conventions,
        "queries": evidence.queries,
        "budgets": list(evidence.budgets_flops),
        "students": [visible(name) for name in students],
        "arms": [visible(name) for name in arms],
        "student_labels": [label(name) for name in students],
        "arm_labels": [label(name) for name in arms],
        "baseline": arms[BASELINE],
        "ladder": [visible(name) for name in evidence.students],
        "devices": [_device(name) for name in device_names()],
        "utilisation": UTILISATION,
        "batch_size": BATCH_SIZE,
        "families": [_family(evidence, family, students, arms, conventions) for family in evidence.families],
    }


def packed(values: Sequence[int]) -> dict[str, Any]:
    """Whole numbers as the lowest of them and, of each, what it is more, in as few bits as the largest takes."""
    low = min(values, default=0)
    width = (max(values, default=0) - low).bit_length()
    digits = "".join(f"{value - low:0{width}b}" for value in values) if width else ""
    padding = -len(digits) % 8
    raw = int(digits + "0" * padding or "0", 2).to_bytes((len(digits) + padding) // 8)
    return {"low": low, "width": width, "count": len(values), "text": b64encode(raw).decode().rstrip("=")}


def columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows with their names written once."""
    return {"names": list(rows[0]) if rows else [], "values": [list(row.values()) for row in rows]}


def _numbered(*names: Sequence[str]) -> dict[str, int]:
    """Every name once, with its number."""
    return {name: number for number, name in enumerate(dict.fromkeys(name for group in names for name in group))}


def _accuracy_tolerance(evidence: Evidence) -> float:
    """That of the frontiers; where the evidence has none, the one that an analysis starts from."""
    default = AnalysisSettings().accuracy_tolerance
    return next((one.accuracy_tolerance for one in evidence.frontiers), default)


def _device(name: str) -> dict[str, Any]:
    found = device(name)
    return {"name": name, "peak_flops": found.peak_flops, "bandwidth": found.bandwidth}


def _family(
    evidence: Evidence, family: str, students: dict[str, int], arms: dict[str, int], conventions: list[str]
) -> dict[str, Any]:
    results = [one for one in evidence.configurations if one.family == family]
    conditional = is_conditional(evidence, family)
    deciding = [(budget, one) for budget in evidence.budgets_flops for one in comparisons_at(evidence, family, budget)]
    return {
        "name": visible(family),
        "conditional": conditional,
        "conventions": sorted({name for one in results for name in one.conventions} - {evidence.convention}),
        "cells": columns([_cell(one, students, arms, conventions) for one in results]),
        "comparisons": [_comparison(one, budget, students, arms, conditional=conditional) for budget, one in deciding],
        "at_budgets": [_at_budget(evidence, family, budget) for budget in (None, *evidence.budgets_flops)],
    }


def _at_budget(evidence: Evidence, family: str, budget: float | None) -> dict[str, Any]:
    """What a verdict says of the budget that counts, whatever else is asked; null is below all of the grid."""
    crossover, note = crossover_of_family(evidence, family, budget)
    return {
        "budget": budget,
        "crossover": crossover,
        "crossover_note": visible(note),
        "at_equal_cost": [visible(text) for text in at_equal_cost(evidence, family, budget)],
    }


def _cell(
    one: ConfigurationResult, students: dict[str, int], arms: dict[str, int], conventions: list[str]
) -> dict[str, Any]:
    serving = one.serving
    return {
        "name": visible(one.configuration),
        "student": students[one.student],
        "arm": arms[one.arm],
        "kind": one.arm_kind,
        "budget": one.budget_flops,
        "training": one.training_flops,
        "fixed": one.fixed_flops,
        "per_query": one.inference_flops_per_query,
        "accuracy": one.accuracy,
        "low": one.interval.low,
        "high": one.interval.high,
        "expected_accuracy": one.expected_accuracy,
        "edge": one.edge,
        "source": one.source,
        "seeds": one.seeds,
        "items": one.items,
        "serving": serving and [serving.prefill_flops, serving.decode_flops, serving.weight_bytes, serving.cache_bytes],
        "conventions": [_convention(one, name) for name in conventions],
        "draws": packed(one.accuracy_draws),
        "choice_draws": packed(one.conditional_draws) if one.conditional_draws else None,
        "inference_draws": packed(one.inference_draws),
    }


def _convention(one: ConfigurationResult, name: str) -> list[float] | None:
    """Training and one query; null where the convention does not define both."""
    cost = one.conventions.get(name)
    if cost is None or cost.inference_flops_per_query is None:
        return None
    return [cost.training_flops, cost.inference_flops_per_query]


def _comparison(
    one: Comparison, budget: float, students: dict[str, int], arms: dict[str, int], *, conditional: bool
) -> dict[str, Any]:
    """A comparison that holds at a budget of the grid, though it may have been made at a lower one."""
    return {
        "student": students[one.student],
        "arm": arms[one.arm],
        "baseline_student": students[one.baseline_student],
        "baseline": arms.get(one.baseline, arms[BASELINE]),
        "budget": budget,
        "difference": one.difference,
        "p_value": one.p_value,
        "outcome": one.outcome,
        "told": visible(describe(one)),
        "more_data": visible(more_data(one, conditional)) if one.outcome == "unresolved" else "",
        "difference_text": difference_text(one),
        "limit_text": limit_text(one),
    }
