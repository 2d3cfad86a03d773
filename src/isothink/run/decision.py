"""The decision for one question, from a run's samples. Called by `isothink verdict` and api.verdict."""

from isothink.evidence.record import Verdict
from isothink.evidence.verdict import decide
from isothink.run.analysis import work_out_run
from isothink.run.workspace import Workspace


def decide_run(
    workspace: Workspace,
    *,
    family: str,
    budget_flops: float | None,
    queries: float | None,
    inference_budget_flops: float | None = None,
    lifetime_budget_flops: float | None = None,
) -> Verdict:
    """Decides for a training budget (the study's top one by default) and a number of queries (the study's).

    Raises:
        UsageError: an unknown family or an impossible number.
    """
    workings, caveats = work_out_run(workspace)
    budgets = workings.question.budgets_flops
    return decide(
        workings,
        family=family,
        budget_flops=budgets[-1] if budget_flops is None else budget_flops,
        queries=workings.question.queries if queries is None else queries,
        inference_budget_flops=inference_budget_flops,
        lifetime_budget_flops=lifetime_budget_flops,
        caveats=caveats,
    )
