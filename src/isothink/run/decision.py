"""The decision for one question, from a run's stored evidence. Called by `isothink verdict` and api.verdict."""

from isothink.evidence.record import Money, Verdict
from isothink.evidence.verdict import decide
from isothink.run.evidence_file import current_evidence
from isothink.store.run_folder import RunFolder


def decide_run(
    folder: RunFolder,
    *,
    family: str,
    budget_flops: float | None,
    queries: float | None,
    inference_budget: float | None = None,
    lifetime_budget: float | None = None,
    money: Money | None = None,
) -> Verdict:
    """Decides for a training budget (the study's top one by default) and a number of queries (the study's).

    Raises:
        UsageError: an unknown family or an impossible number.
    """
    evidence = current_evidence(folder)
    return decide(
        evidence,
        family=family,
        budget_flops=evidence.budgets_flops[-1] if budget_flops is None else budget_flops,
        queries=evidence.queries if queries is None else queries,
        inference_budget=inference_budget,
        lifetime_budget=lifetime_budget,
        money=money,
    )
