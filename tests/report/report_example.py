"""A made-up study for the report's tests: 4 students x 3 arms x 3 budgets x 4 families, and broken relatives of it."""

import math

import report_patterns as made_up

from isothink.evidence.record import (
    BreakEven,
    Comparison,
    ConfigurationResult,
    Evidence,
    Frontier,
    FrontierMember,
    Interval,
    MissingCell,
    Recommendation,
    SeedVariance,
    Verdict,
)
from isothink.report.data import (
    MissingResult,
    PhaseTotal,
    PlanTotals,
    ReportData,
    SampleAnswer,
    SamplePair,
    StudentRow,
)
from isothink.teacher.summary import PairSummary

STUDENTS = {"tiny": 24_000, "small": 138_000, "medium": 610_000, "large": 2_400_000}
ARMS = ("ift", "reasoning", "sequential(0.5)")
BUDGETS = (1e11, 5e11, 2e12)
FAMILIES = ("arithmetic-oe", "arithmetic-mc", "logic-oe", "logic-mc")
GAIN = {"arithmetic-oe": 0.16, "arithmetic-mc": 0.01, "logic-oe": 0.06, "logic-mc": -0.09}


def interval(middle, half):
    return Interval(low=max(0.0, middle - half), high=min(1.0, middle + half))


def signed(middle, half):
    return Interval(low=middle - half, high=middle + half)


def accuracy_of(parameters, arm, budget, family):
    size = math.log10(parameters / 24_000)
    gain = {"ift": 0.0, "reasoning": 1.0, "sequential(0.5)": 0.7}[arm] * GAIN[family]
    return min(0.97, 0.2 + 0.14 * size + 0.12 * math.log10(budget / 1e11) + gain * (size - 0.3))


def result(student, parameters, arm, budget, family):
    accuracy = accuracy_of(parameters, arm, budget, family)
    trace = {"ift": 0.0, "reasoning": 48.0, "sequential(0.5)": 31.0}[arm]
    tokens = 22 + trace + 4
    inference = 2.0 * parameters * tokens
    achieved = budget * 0.97
    return ConfigurationResult(
        configuration=f"{student}/{arm}/{budget:.0e}".replace("+", ""),
        student=student,
        parameters=parameters,
        arm=arm,
        budget_flops=budget,
        family=family,
        seeds=3,
        items=200,
        training_flops=achieved,
        inference_flops_per_query=inference,
        lifetime_flops=achieved + 1e6 * inference,
        accuracy=accuracy,
        interval=interval(accuracy, 0.035),
        accuracy_by_benchmark={"add": accuracy + 0.01, "chain": accuracy - 0.01},
        completion_rate=0.99 if arm == "ift" else 0.93,
        accuracy_of_completed=None,
        looping_rate=0.01,
        truncation_bounds=interval(accuracy, 0.04),
        thinking_rate={"ift": 0.0, "reasoning": 1.0, "sequential(0.5)": 0.86}[arm],
        mean_prompt_tokens=22.0,
        mean_trace_tokens=trace,
        mean_answer_tokens=4.2,
        unscored=0,
        edge=student == "large",
        source="trained",
        arm_kind="curriculum" if "(" in arm else arm,
        fixed_flops=0.0,
        expected_accuracy=accuracy,
        accuracy_draws=tuple(round(1e4 * accuracy) + 4 * step for step in range(-50, 51)),
        inference_draws=tuple(10_000 + step for step in range(-50, 51)),
        conventions={},
        serving=None,
    )


def frontier(family, axis, results):
    ordered = sorted(results, key=lambda one: (getattr(one, axis), -one.accuracy))
    members, best, leader = [], -1.0, None
    for one in ordered:
        on = one.accuracy > best
        if on:
            best, leader = one.accuracy, one.configuration
        members.append(
            FrontierMember(
                configuration=one.configuration,
                cost=getattr(one, axis),
                accuracy=one.accuracy,
                on_frontier=on,
                probability=0.8 if on else 0.12,
                tied_with=(),
                dominated_by=None if on else leader,
            )
        )
    return Frontier(
        family=family,
        axis=axis,
        members=tuple(members),
        accuracy_tolerance=0.005,
        cost_tolerance=0.02,
        hypervolumes=made_up.areas(),
    )


def comparison(family, kind, arm, budget, student, difference):
    half = 0.03 if kind == "best_student" else 0.05
    outcome = "unresolved" if abs(difference) <= half else ("better" if difference > 0 else "worse")
    p_value = 0.004 if outcome != "unresolved" else 0.41
    return Comparison(
        family=family,
        kind=kind,
        arm=arm,
        baseline="ift",
        budget_flops=budget,
        student=student,
        baseline_student=student,
        difference=difference,
        interval=signed(difference, half),
        p_value=p_value,
        adjusted_p_value=3 * p_value / 2 if kind == "best_student" else None,
        smallest_resolvable=0.036,
        truncation_bounds=signed(difference, half + 0.02),
        outcome=outcome,
        cost=0.97 * budget,
        seed_share=0.2,
    )


def comparisons(family):
    rows = []
    for arm in ARMS[1:]:
        for budget in BUDGETS:
            for kind, students in (("best_student", ["large"]), ("same_student", STUDENTS)):
                for student in students:
                    parameters = STUDENTS[student]
                    gain = accuracy_of(parameters, arm, budget, family) - accuracy_of(parameters, "ift", budget, family)
                    rows.append(comparison(family, kind, arm, budget, student, gain))
    return rows


def recommendation(one, probability):
    return Recommendation(
        cell=one.configuration,
        source="trained",
        student=one.student,
        parameters=one.parameters,
        arm=one.arm,
        accuracy=one.accuracy,
        interval=one.interval,
        probability_best=probability,
        expected_regret_points=0.4,
        training_flops=one.training_flops,
        inference_flops_per_query=one.inference_flops_per_query,
        lifetime_flops=one.lifetime_flops,
        extrapolated=False,
        edge=one.edge,
    )


def verdict(family, results):
    ranked = sorted(results, key=lambda one: -one.accuracy)
    outcome = {"arithmetic-oe": "reasoning", "arithmetic-mc": "unresolved", "logic-oe": "reasoning"}.get(family, "ift")
    return Verdict(
        family=family,
        budget_flops=2e12,
        queries=1e6,
        outcome=outcome,
        recommended=recommendation(ranked[0], 0.86 if outcome != "unresolved" else 0.44),
        alternatives=(recommendation(ranked[1], 0.1),),
        break_even=BreakEven(kind="at_queries", target_accuracy=0.5, queries=3.2e6, interval=None),
        crossover_parameters=5.1e4,
        sensitivity={"paper": "the same configuration"},
        reasons=("fewer than 3.6 points cannot be told apart",) if outcome == "unresolved" else (),
        would_change_it=("more than 3.2e6 queries", "a larger student"),
        caveats=("the recommended configuration is at the end of the ladder",),
    )


def evidence(students=STUDENTS, families=FAMILIES, budgets=BUDGETS, missing=()):
    configurations, frontiers, compared, verdicts = [], [], [], []
    for family in families:
        results = [
            result(student, parameters, arm, budget, family)
            for student, parameters in students.items()
            for arm in ARMS
            for budget in budgets
        ]
        configurations += results
        frontiers += [
            frontier(family, axis, results)
            for axis in ("training_flops", "inference_flops_per_query", "lifetime_flops")
        ]
        compared += comparisons(family)
        verdicts.append(verdict(family, results))
    return Evidence(
        study="toy",
        students=tuple(students),
        arms=ARMS,
        families=tuple(families),
        budgets_flops=tuple(budgets),
        queries=1e6,
        convention="exact",
        draws=2000,
        level=0.9,
        significance=0.1,
        cost_tolerance=0.05,
        configurations=tuple(configurations),
        frontiers=tuple(frontiers),
        comparisons=(*compared, *made_up.equal_cost(configurations)),
        verdicts=tuple(verdicts),
        seed_variance=tuple(
            SeedVariance(family=family, standard_deviation=0.011, degrees_of_freedom=72) for family in families
        ),
        missing=tuple(missing),
        caveats=("Items are generated by a program; real questions are more varied.",),
        family_caveats={},
        patterns=made_up.patterns(configurations),
        rules=made_up.rules(configurations),
    )


def answer(configuration, text, correct, state="none", stop="end", tokens=12):
    return SampleAnswer(
        configuration=configuration,
        text=text,
        score=None if correct is None else float(correct),
        think_state=state,
        stop_reason=stop,
        tokens=tokens,
    )


def samples():
    return tuple(
        SamplePair(
            family=family,
            benchmark="chain",
            item=f"chain-{number}",
            prompt=f"What is {number} + 17 * 3?",
            reference=str(number + 51),
            left=answer("large/ift/2e12", f"The answer is {number + 50}.", False),
            right=answer(
                "large/reasoning/2e12",
                f"<think> 17 * 3 = 51 and {number} + 51 = {number + 51} </think> The answer is {number + 51}.",
                True,
                "closed",
                tokens=41,
            ),
        )
        for family in FAMILIES
        for number in (4, 9)
    )


def data(**changes):
    """The complete study, with any field of the record replaced."""
    fields = {
        "name": "toy",
        "title": "Toy: arithmetic and logic",
        "study_text": 'name: toy\nladder: [tiny, small]\narms: [ift, reasoning, "sequential(0.5)"]\n',
        "evidence": evidence(),
        "ledger": {
            "search": PhaseTotal(flops=4.4e12, tokens=9_000_000, seconds=310.0),
            "training": PhaseTotal(flops=3.1e13, tokens=61_000_000, seconds=2400.0),
            "evaluation": PhaseTotal(flops=6.2e12, tokens=5_100_000, seconds=730.0),
            "waste": PhaseTotal(flops=2.0e11, tokens=410_000, seconds=12.0),
        },
        "teacher_note": "The teacher is a program that costs no FLOPs, so no cost here holds a teacher's share.",
        "pairs": pair_summary(),
        "plan": PlanTotals(
            planned_training_flops=3.2e13,
            unshared_training_flops=9.1e13,
            cells_planned=108,
            cells_complete=108,
            cells_failed=0,
            cells_infeasible=0,
            phases={"search": 4.0e12, "evaluation": 6.0e12, "judging": 0.0},
        ),
        "planned": made_up.planned(STUDENTS, ARMS),
        "learning": made_up.learning(STUDENTS, ARMS),
        "learning_total": 108,
        "missing": (),
        "samples": samples(),
        "samples_total": 86_400,
        "students": tuple(StudentRow(name=name, parameters=size) for name, size in STUDENTS.items()),
        "versions": {"isothink": "0.1.0", "torch": "2.13.0"},
        "command": "isothink run studies/toy.yaml",
        "generated_at": "2026-11-23 08:10 UTC",
        "complete": True,
    }
    return ReportData(**{**fields, **changes})


def halfway():
    """Two of three budgets have results; one cell has failed, one does not fit its budget, the rest have not run."""
    return data(
        evidence=evidence(
            budgets=BUDGETS[:2],
            missing=(MissingCell(cell="tiny-ift-2e12-0", configuration="tiny/ift/2e12", reason="the step failed"),),
        ),
        missing=(
            MissingResult(
                cell="tiny-ift-2e12-0",
                configuration="tiny/ift/2e12",
                status="failed",
                error="StepError: the loss is not a number at step 140",
            ),
            MissingResult(
                cell="large-reasoning-1e11-0",
                configuration="large/reasoning/1e11",
                status="infeasible",
                error="fewer steps than warm-up and decay",
            ),
            MissingResult(cell="small-ift-2e12-0", configuration="small/ift/2e12", status="not_run", error=""),
        ),
        plan=PlanTotals(
            planned_training_flops=3.2e13,
            unshared_training_flops=9.1e13,
            cells_planned=73,
            cells_complete=70,
            cells_failed=1,
            cells_infeasible=1,
            phases={},
        ),
        planned=made_up.planned(STUDENTS, ARMS, complete=7, failed=1),
        complete=False,
    )


def one_student():
    """A study of two families whose ladder is a single student."""
    students = {"small": STUDENTS["small"]}
    found = evidence(students=students, families=FAMILIES[:2])
    return data(
        evidence=found.model_copy(
            update={"comparisons": tuple(one for one in found.comparisons if one.student == "small")}
        ),
        planned=made_up.planned(students, ARMS),
        learning=made_up.learning(students, ARMS),
        students=(StudentRow(name="small", parameters=STUDENTS["small"]),),
    )


def with_imports(cost=1e18):
    """The complete study, and a family of its own that another tool measured: other students, arms, a huge cost."""
    found = evidence()
    imported = tuple(
        one.model_copy(
            update={
                "configuration": f"{one.student}-7b/{arm}",
                "student": f"{one.student}-7b",
                "parameters": 7_000_000_000,
                "arm": arm,
                "family": "imported",
                "source": "imported",
                "training_flops": cost,
                "inference_flops_per_query": cost / 1e4,
                "lifetime_flops": 2 * cost,
            }
        )
        for arm in ("ift", "grpo", "rft")
        for one in found.configurations[:2]
    )
    return found.model_copy(
        update={
            "families": (*found.families, "imported"),
            "configurations": found.configurations + imported,
            "frontiers": (*found.frontiers, frontier("imported", "training_flops", imported)),
        }
    )


def all_failed():
    """Every cell failed: there is a plan and a bill, and no result at all."""
    failures = tuple(
        MissingResult(
            cell=f"{student}-{arm}", configuration=f"{student}/{arm}/1e11", status="failed", error="out of memory"
        )
        for student in STUDENTS
        for arm in ARMS
    )
    nothing = empty_evidence(families=FAMILIES)
    plan = PlanTotals(
        planned_training_flops=3.2e13,
        unshared_training_flops=9.1e13,
        cells_planned=12,
        cells_complete=0,
        cells_failed=12,
        cells_infeasible=0,
        phases={},
    )
    return data(
        evidence=nothing,
        missing=failures,
        samples=(),
        samples_total=0,
        plan=plan,
        planned=made_up.planned(STUDENTS, ARMS, complete=0, failed=9),
        learning=(),
        learning_total=0,
        complete=False,
    )


def empty():
    """Nothing was planned, spent or found."""
    plan = PlanTotals(
        planned_training_flops=0.0,
        unshared_training_flops=0.0,
        cells_planned=0,
        cells_complete=0,
        cells_failed=0,
        cells_infeasible=0,
        phases={},
    )
    return data(
        evidence=empty_evidence(families=()),
        ledger={},
        plan=plan,
        planned=(),
        learning=(),
        learning_total=0,
        samples=(),
        samples_total=None,
        students=(),
        versions={},
        study_text="",
        teacher_note="",
        pairs=None,
    )


def pair_summary(**changes):
    """How a teacher behind a server made the pairs, with any field replaced."""
    side = {
        "replies": 1000,
        "failures": 0,
        "retried": 0,
        "truncated": 100,
        "merged": 0,
        "checked": 900,
        "correct": 310,
        "unchecked": 0,
        "prompt_tokens": 100_000,
        "output_tokens": 500_000,
        "unknown_tokens": 0,
        "flops": 1e15,
        "unknown_flops": 0,
        "output": None,
        "trace": None,
        "answer": None,
        "models": ("teacher",),
    }
    fields = {
        "teacher": "teacher",
        "backend": "openai",
        "prompts_read": 1000,
        "prompts_fit": 1000,
        "prompts_asked": 1000,
        "pairs": 900,
        "dropped": ({"reason": "truncated", "mode": "on", "pairs": 100},),
        "off": {"mode": "off", **side},
        "on": {"mode": "on", **side},
        "toggle": {"off": {"enable_thinking": False}, "on": {"enable_thinking": True}},
        "toggle_fingerprint": "0123",
        "differences": (),
        "sampling": {"off": {"temperature": 0.6}, "on": {"temperature": 0.6}},
        "sampling_differences": {},
        "filters": {},
        "data": (),
        "seconds": 60.0,
        "projection": None,
    }
    return PairSummary.model_validate({**fields, **changes})


def empty_evidence(families):
    return Evidence(
        study="toy",
        students=(),
        arms=(),
        families=tuple(families),
        budgets_flops=(),
        queries=1e6,
        convention="exact",
        draws=0,
        level=0.9,
        significance=0.1,
        cost_tolerance=0.05,
        configurations=(),
        frontiers=(),
        comparisons=(),
        verdicts=(),
        seed_variance=(),
        missing=(),
        caveats=(),
        family_caveats={},
    )


HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "{{7*7}}{% raw %}",
    "]]><!--",
    "nul\x00bell\x07escape\x1b[31m",
    "\u202eright to left",
    "line\u2028separator\u2029",
    "\"' onmouseover='alert(3)' &amp;",
    "https://example.invalid/x.js",
    "=cmd|' /C calc'!A0",
    "w" * 100_000,
)


def hostile():
    """The complete study with hostile text wherever a record holds text that somebody else chose."""
    text = " ".join(HOSTILE[:-1])
    found = evidence()
    arms = {"ift": "ift", "reasoning": "reasoning", "sequential(0.5)": f"arm {text}"}
    family = f"family {text}"

    def dirty_fields(fields):
        """Every name and reason in a dump, at any depth."""
        dirty = dict(fields)
        for key, value in fields.items():
            if key == "family" and value == FAMILIES[0]:
                dirty[key] = family
            elif key == "arm" and value is not None:
                dirty[key] = arms[value]
            elif key in ("configuration", "student", "dominated_by", "baseline_student", "reason", "refused") and value:
                dirty[key] = f"{value} {text}"
            elif isinstance(value, dict):
                dirty[key] = dirty_fields(value)
            elif isinstance(value, list | tuple):
                dirty[key] = tuple(dirty_fields(one) if isinstance(one, dict) else one for one in value)
        return dirty

    def renamed(record):
        fields = dirty_fields(record.model_dump())
        if fields.get("recommended"):
            fields["caveats"] = fields["reasons"] = fields["would_change_it"] = (text,)
        return type(record).model_validate(fields)

    changed = {
        name: tuple(renamed(record) for record in getattr(found, name))
        for name in ("configurations", "frontiers", "comparisons", "verdicts", "seed_variance", "rules")
    }
    changed["patterns"] = renamed(found.patterns)
    dirty = found.model_copy(update={**changed, "families": (family, *FAMILIES[1:]), "study": text, "caveats": (text,)})
    pairs = tuple(
        SamplePair(
            family=family,
            benchmark=word,
            item=word,
            prompt=word,
            reference=word,
            left=answer(word, word, None),
            right=answer(word, word, True),
        )
        for word in HOSTILE
    )
    return data(
        pairs=pair_summary(
            teacher=text, data=({"source": text, "findings": [text]},), toggle={"off": text, "on": {text: text}}
        ),
        name=text,
        title=text,
        study_text="\n".join(HOSTILE),
        evidence=dirty,
        samples=pairs,
        missing=(MissingResult(cell=text, configuration=HOSTILE[-1], status="failed", error=text),),
        students=(StudentRow(name=text, parameters=5),),
        learning=made_up.learning((text,), tuple(arms.values())),
        planned=made_up.planned((text,), (text,)),
        versions={text: text},
        command=text,
        generated_at=text,
    )
