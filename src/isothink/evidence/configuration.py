"""What is reported of each configuration on a family. Called by analysis.py; bounds also by comparison.py."""

from collections.abc import Sequence

import numpy as np

from isothink.compute.hardware import SERVING
from isothink.evidence.candidates import DRAW_UNIT
from isothink.evidence.draws import FamilyDraws
from isothink.evidence.family import Configuration, Family
from isothink.evidence.observations import Floats
from isothink.evidence.record import ConfigurationResult, ConventionCost, Interval, ServingCost
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.shrinkage import Shrunk


def configuration_results(
    drawn: FamilyDraws, shrunk: Shrunk, *, queries: float, students: Sequence[str], settings: AnalysisSettings
) -> tuple[ConfigurationResult, ...]:
    """One record per configuration, in the canonical order."""
    family = drawn.family
    if not family.configurations:
        return ()
    data = family.observations
    tail = (1.0 - settings.level) / 2
    low, high = np.clip(np.quantile(drawn.accuracy_draws, [tail, 1.0 - tail], axis=0), 0.0, 1.0)
    by_benchmark = family.by_benchmark(data.correct) @ family.seed_average
    truncated, looping, thinking = (family.mean(x) for x in (data.truncated, data.looping, data.thinking))
    prompt, trace, answer = (family.mean(x) for x in (data.prompt_tokens, data.trace_tokens, data.answer_tokens))
    per_query = {name: family.mean_where_known(values) for name, values in data.inference_flops.items()}
    serving = {name: family.mean_where_known(values) for name, values in data.serving.items()}
    kept = min(settings.stored_draws, settings.draws)
    accuracy_draws = _stored(shrunk.draws[:kept])
    with np.errstate(divide="ignore", invalid="ignore"):
        inference_draws = _stored(np.nan_to_num(drawn.inference_draws[:kept] / drawn.inference, nan=1.0, posinf=1.0))
    results = []
    for index, item in enumerate(family.configurations):
        accuracy = float(drawn.accuracy[index])
        training = item.training_flops[settings.convention]
        results.append(
            ConfigurationResult(
                configuration=item.name,
                student=item.student,
                parameters=item.parameters,
                arm=item.arm,
                budget_flops=item.budget_flops,
                family=family.name,
                seeds=len(item.rows),
                items=sum(part.columns.size for part in family.benchmarks),
                training_flops=training,
                inference_flops_per_query=float(drawn.inference[index]),
                lifetime_flops=training + item.fixed_flops + queries * float(drawn.inference[index]),
                accuracy=accuracy,
                interval=Interval(
                    low=min(float(low[index]), accuracy), high=max(float(high[index]), accuracy), level=settings.level
                ),
                accuracy_by_benchmark={
                    part.name: float(by_benchmark[row, index]) for row, part in enumerate(family.benchmarks)
                },
                completion_rate=1.0 - float(truncated[index]),
                accuracy_of_completed=_accuracy_of_completed(family, index),
                looping_rate=float(looping[index]),
                truncation_bounds=truncation_bounds(family, index),
                thinking_rate=float(thinking[index]),
                mean_prompt_tokens=_known(prompt[index]),
                mean_trace_tokens=_known(trace[index]),
                mean_answer_tokens=_known(answer[index]),
                unscored=_unscored(family, item),
                edge=is_edge(family, item, students),
                source=item.source,
                arm_kind=item.arm_kind,
                fixed_flops=item.fixed_flops,
                expected_accuracy=float(shrunk.accuracy[index]),
                accuracy_draws=accuracy_draws[index],
                inference_draws=inference_draws[index],
                conventions={
                    name: ConventionCost(
                        training_flops=flops, inference_flops_per_query=_mean_of(per_query, name, index)
                    )
                    for name, flops in item.training_flops.items()
                },
                serving=_serving(serving, index),
            )
        )
    return tuple(results)


def _stored(draws: Floats) -> list[tuple[int, ...]]:
    """Draws [draws, configurations] as they are stored, one tuple per configuration."""
    return [tuple(column) for column in np.rint(draws / DRAW_UNIT).astype(np.int64).T.tolist()]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _mean_of(means: dict[str, Floats], name: str, index: int) -> float | None:
    return _known(means[name][index]) if name in means else None


def _serving(means: dict[str, Floats], index: int) -> ServingCost | None:
    found = {name: _mean_of(means, name, index) for name in SERVING}
    return None if None in found.values() else ServingCost.model_validate(found)


def truncation_bounds(family: Family, index: int) -> Interval:
    """The accuracy as it stands (a cut-off answer is wrong), and with every cut-off answer right."""
    rows = np.array(family.configurations[index].rows)
    low, high = [], []
    for benchmark in family.benchmarks:
        correct = family.observations.correct[np.ix_(rows, benchmark.columns)]
        truncated = family.observations.truncated[np.ix_(rows, benchmark.columns)]
        possible = np.minimum(1.0, correct + np.where(np.isfinite(truncated), truncated, 0.0))
        low.append(float(np.nanmean(correct, axis=1).mean()))
        high.append(float(np.nanmean(possible, axis=1).mean()))
    return Interval(low=float(np.mean(low)), high=float(np.mean(high)), level=1.0)


def _accuracy_of_completed(family: Family, index: int) -> float | None:
    """The accuracy among answers that were not cut off, for description alone; None where a benchmark has none.

    Cut-off answers score 0, so the sum of all scores is that of the completed ones.
    """
    rows = np.array(family.configurations[index].rows)
    means = []
    for benchmark in family.benchmarks:
        correct = family.observations.correct[np.ix_(rows, benchmark.columns)]
        completed = 1.0 - family.observations.truncated[np.ix_(rows, benchmark.columns)]
        scored = np.isfinite(correct) & np.isfinite(completed)
        if not np.sum(completed, where=scored):
            return None
        means.append(float(np.sum(correct, where=scored) / np.sum(completed, where=scored)))
    return float(np.mean(means))


def is_edge(family: Family, item: Configuration, students: Sequence[str]) -> bool:
    """Whether the configuration lies at an end of the ladder or of the grid of budgets."""
    budgets = [other.budget_flops for other in family.configurations]
    return item.student in (students[0], students[-1]) or item.budget_flops in (min(budgets), max(budgets))


def _unscored(family: Family, item: Configuration) -> int:
    """Answers without a score, over all seeds."""
    columns = np.concatenate([part.columns for part in family.benchmarks])
    return family.observations.count_unscored(np.array(item.rows), columns)[0]
