"""Made-up patterns, rules, equal-cost comparisons and learning curves for the report's made-up study."""

import math

from isothink.evidence.interval import Interval
from isothink.evidence.pattern_record import (
    AbsentPattern,
    AnswerForms,
    CurriculumCurve,
    CurvePoint,
    GainByTokens,
    GainPoint,
    LengthRatio,
    Patterns,
    TraceLength,
)
from isothink.evidence.prediction_record import SeriesFit
from isothink.evidence.record import Comparison, Hypervolume
from isothink.evidence.rule_record import FamilyRule, RuleCrossover, RulePoint
from isothink.report.data import LearningCurve, LearningPoint, PlannedGroup

RHO = {"ift": 0.0, "sequential(0.5)": 0.5, "reasoning": 1.0}
REFUSED = "the sizes are too few for a trend"


def around(middle, half):
    return Interval(low=middle - half, high=middle + half)


def patterns(results):
    """Patterns of configurations that agree with them."""
    if not results:
        return None
    families = list(dict.fromkeys(one.family for one in results))
    tables = {family: [one for one in results if one.family == family] for family in families}
    return Patterns(
        gain_by_tokens=tuple(tokens(family, table) for family, table in tables.items()),
        curricula=tuple(curve for family, table in tables.items() for curve in curves(family, table)),
        answer_forms=forms(families, results),
        trace_lengths=tuple(length(one) for one in results),
        absent=(AbsentPattern(pattern="curricula", family=families[-1], reason="no curriculum has a result"),),
    )


def tokens(family, table):
    base = {(one.student, one.budget_flops): one for one in table if one.arm == "ift"}
    points = tuple(
        GainPoint(
            student=one.student,
            arm=one.arm,
            budget_flops=one.budget_flops,
            gain=one.accuracy - base[one.student, one.budget_flops].accuracy,
            interval=around(one.accuracy - base[one.student, one.budget_flops].accuracy, 0.04),
            token_factor=one.mean_output_tokens / base[one.student, one.budget_flops].mean_output_tokens,
        )
        for one in table
        if one.arm != "ift"
    )
    return GainByTokens(family=family, points=points, rank_correlation=0.41, interval=around(0.41, 0.3), reason=None)


def curves(family, table):
    cells = {}
    for one in table:
        cells.setdefault((one.student, one.budget_flops), {})[one.arm] = one
    for (student, budget), by_arm in cells.items():
        gain = by_arm["reasoning"].accuracy - by_arm["ift"].accuracy
        known = abs(gain) > 0.03
        yield CurriculumCurve(
            family=family,
            student=student,
            budget_flops=budget,
            schedule="sequential",
            full_gain=gain,
            full_gain_interval=around(gain, 0.03),
            points=tuple(point(by_arm[arm], rho, known) for arm, rho in RHO.items()),
            reason=None if known else "the interval of the whole gain contains zero",
        )


def point(one, rho, known):
    between = known and 0 < rho < 1
    return CurvePoint(
        rho=rho,
        configuration=one.configuration,
        accuracy=one.accuracy,
        interval=one.interval,
        training_flops=one.training_flops,
        inference_flops_per_query=one.inference_flops_per_query,
        output_tokens=one.mean_output_tokens,
        gain_share=0.7 if between else None,
        gain_share_interval=around(0.7, 1.9) if between else None,
    )


def forms(families, results):
    return tuple(
        AnswerForms(
            arm=arm,
            budget_flops=budget,
            students=tuple(dict.fromkeys(one.student for one in results)),
            multiple_choice=tuple(name for name in families if name.endswith("-mc")),
            open_ended=tuple(name for name in families if name.endswith("-oe")),
            multiple_choice_gain=0.01,
            multiple_choice_interval=around(0.01, 0.02),
            open_ended_gain=0.12,
            open_ended_interval=around(0.12, 0.03),
            difference=-0.11,
            interval=around(-0.11, 0.04),
        )
        for arm in ("reasoning", "sequential(0.5)")
        for budget in sorted({one.budget_flops for one in results})
    )


def length(one):
    right = round(one.items * one.accuracy)
    known = LengthRatio(
        right=right,
        wrong=one.items - right,
        right_tokens=20.0,
        wrong_tokens=25.0,
        ratio=0.8,
        interval=around(0.8, 0.1),
        reason=None,
    )
    nothing = LengthRatio(
        right=0, wrong=0, right_tokens=None, wrong_tokens=None, ratio=None, interval=None, reason="no repeats"
    )
    return TraceLength(
        family=one.family,
        configuration=one.configuration,
        truncated=1 - one.completion_rate,
        all_answers=known,
        completed=known,
        same_item=nothing,
    )


def rules(results):
    """A rule per family: gains that shrink with size, one arm refused at the smallest budget."""
    return tuple(
        rule(family, [one for one in results if one.family == family])
        for family in dict.fromkeys(one.family for one in results)
    )


def rule(family, table):
    sizes = sorted({one.parameters for one in table})
    budgets = sorted({one.budget_flops for one in table})
    arms = list(dict.fromkeys(one.arm for one in table))
    grid = sorted({*sizes, *(round(sizes[-1] * factor) for factor in (2, 4)), round(sizes[0] / 2)})
    refusals = [(arms[-1], budgets[0])]
    return FamilyRule(
        family=family,
        sizes=tuple(sizes),
        cap=None,
        fits=tuple(fit(family, arm, budget, (arm, budget) in refusals) for arm in arms for budget in budgets),
        token_fits=(),
        inference_fits=(),
        points=tuple(
            expected(arm, budget, size, sizes, (arm, budget) in refusals)
            for arm in arms
            for budget in budgets
            for size in grid
        ),
        crossovers=tuple(
            RuleCrossover(
                arm=arm,
                budget_flops=budget,
                parameters=5e4 if arm == "reasoning" else None,
                interval=(3e4, None) if arm == "reasoning" else None,
                reason="" if arm == "reasoning" else "no crossover size: the fitted gain is negative",
            )
            for arm in arms[1:]
            for budget in budgets
        ),
    )


def fit(family, arm, budget, is_refused):
    return SeriesFit(
        series={"family": family, "arm": arm, "budget": f"{budget:.10g}"},
        sizes=(),
        cap=None,
        equation=None,
        level=None,
        slope=None,
        curvature=None,
        weight=None,
        refused=REFUSED if is_refused else None,
    )


def expected(arm, budget, size, sizes, is_refused):
    accuracy = None if is_refused else 0.3 + 0.1 * math.log10(size / sizes[0] + 1)
    gain = None if is_refused or arm == "ift" else 0.1 - 0.05 * math.log10(size / sizes[0] + 1)
    return RulePoint(
        arm=arm,
        budget_flops=budget,
        parameters=size,
        accuracy=accuracy,
        interval=None if accuracy is None else (accuracy - 0.1, accuracy + 0.1),
        gain=gain,
        gain_interval=None if gain is None else (gain - 0.08, gain + 0.08),
        output_tokens=None,
        inference_flops_per_query=None,
        extrapolated=not sizes[0] <= size <= sizes[-1],
        refused=REFUSED if is_refused else None,
        gain_refused=REFUSED if is_refused and arm != "ift" else None,
    )


def equal_cost(results):
    """On both axes: the best student, and every student; the largest costs more than any of IFT."""
    students = {one.student: one.parameters for one in results}
    largest = max(students, key=students.get, default="")
    for axis in ("inference_flops_per_query", "lifetime_flops"):
        for one in results:
            if one.arm == "ift":
                continue
            yield compared(one, axis, "one_student", one.student == largest)
            if one.student == largest:
                yield compared(one, axis, "best_student", False)


def compared(one, axis, kind, extrapolated):
    return Comparison(
        family=one.family,
        kind=kind,
        arm=one.arm,
        baseline="ift",
        budget_flops=one.budget_flops,
        student=one.student,
        baseline_student="small and medium",
        difference=0.05,
        interval=around(0.05, 0.03),
        p_value=0.02,
        adjusted_p_value=None,
        smallest_resolvable=0.04,
        truncation_bounds=around(0.05, 0.04),
        outcome="unresolved" if extrapolated else "better",
        axis=axis,
        cost=getattr(one, axis),
        extrapolated=extrapolated,
        seed_share=0.1,
    )


def areas():
    """The area under a frontier, of all arms and of one."""
    return tuple(
        Hypervolume(arm=arm, value=0.41, interval=around(0.41, 0.05), cheapest=1e11, dearest=2e12)
        for arm in (None, "ift")
    )


def learning(students, arms, budget=2e12):
    """One curve per student and arm."""
    return tuple(
        LearningCurve(
            configuration=f"{student}/{arm}/2e12",
            student=student,
            arm=arm,
            budget_flops=budget,
            seed=0,
            points=tuple(
                LearningPoint(flops=budget * step / 20, loss=4 * step**-0.5 + 0.1 * index) for step in range(1, 21)
            ),
        )
        for student in students
        for index, arm in enumerate(arms)
    )


def planned(students, arms, *, complete=9, failed=0, infeasible=0):
    """Nine cells of each student and arm."""
    return tuple(
        PlannedGroup(student=student, arm=arm, planned=9, complete=complete, failed=failed, infeasible=infeasible)
        for student in students
        for arm in arms
    )
