"""The decision for one question, from a run's stored evidence. Called by `isothink verdict` and api.verdict."""

from collections.abc import Sequence

from isothink.domain.numbers import scientific
from isothink.errors import UsageError
from isothink.evidence.record import ConfigurationResult, Evidence, Money, Verdict
from isothink.evidence.verdict import decide
from isothink.run.evidence_file import current_evidence
from isothink.store.run_folder import RunFolder

MOST_PARAMETERS = 1e15


def decide_run(
    folder: RunFolder,
    *,
    family: str,
    budget_flops: float | None,
    queries: float | None,
    inference_budget: float | None = None,
    lifetime_budget: float | None = None,
    money: Money | None = None,
    convention: str | None = None,
    target_accuracy: float | None = None,
    sizes: Sequence[float] = (),
) -> Verdict:
    """Decides for a training budget (the study's top one by default) and a number of queries (the study's).

    `sizes`, in parameters, are students that were not run and may be recommended by the rule fitted to the study.

    Raises:
        UsageError: an unknown family or an impossible number.
    """
    evidence = current_evidence(folder)
    predicted, refusals = _predicted(evidence, family, sizes)
    verdict = decide(
        evidence,
        family=family,
        budget_flops=evidence.budgets_flops[-1] if budget_flops is None else budget_flops,
        queries=evidence.queries if queries is None else queries,
        inference_budget=inference_budget,
        lifetime_budget=lifetime_budget,
        money=money,
        convention=convention,
        target_accuracy=target_accuracy,
        predicted=predicted,
    )
    return verdict.model_copy(update={"reasons": (*verdict.reasons, *refusals)})


def _predicted(
    evidence: Evidence, family: str, sizes: Sequence[float]
) -> tuple[tuple[ConfigurationResult, ...], tuple[str, ...]]:
    """Configurations of these sizes, and a sentence for each reason why some are not predicted."""
    for size in sizes:
        if not 1 <= size < MOST_PARAMETERS:
            raise UsageError(
                f"sizes: found {size:g}, allowed are numbers of parameters from 1 to less than {MOST_PARAMETERS:g}",
                hint="7e9, for example",
            )
    if not sizes:
        return (), ()
    from isothink.evidence.rule_configuration import predicted_configurations  # scipy takes longer than a verdict

    found, refused = predicted_configurations(evidence, family, [round(size) for size in sizes])
    reasons: dict[str, list[str]] = {}
    for one in refused:
        reasons.setdefault(one.reason, []).append(f"{one.arm} at {scientific(one.parameters)}")
    told = [f"not predicted: {', '.join(dict.fromkeys(names))} parameters: {why}" for why, names in reasons.items()]
    if not found and not refused:
        told.append("not predicted: no arm was run at two sizes with one budget")
    return found, tuple(told)
