"""What a reader of published evidence must know, with numbers. Called by prior.py."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from isothink.domain.numbers import flops, scientific
from isothink.evidence.prior_lengths import SPREAD, PairLengths
from isothink.evidence.published_table import TEACHER, TOPIC_OF_FAMILY, PublishedTable
from isothink.evidence.record import ConfigurationResult

CAP_ON_TOKENS = 16_000
"""At most so many tokens per answer were allowed."""


def prior_caveats(
    table: PublishedTable,
    configurations: Sequence[ConfigurationResult],
    *,
    unpublished: Mapping[str, float],
    corpus: str,
    family: str,
    budget_flops: float,
    lengths: PairLengths,
    bytes_error: float,
    ratio_error: float,
) -> tuple[str, ...]:
    """One or two sentences each, the most important first."""
    texts = (
        "prior evidence, not a run of yours: figures published in arXiv:2509.22193 for Qwen2.5 students, one run per "
        "cell and no repeats, so no comparison is resolved",
        _other_topic(corpus, family),
        _larger_students(configurations, unpublished, budget_flops),
        _near_the_budget(configurations, budget_flops, bytes_error if lengths.in_bytes else 0.0),
        _where_it_holds(table, family),
        _equal_inference(table, family, ratio_error),
        _lengths(table, corpus, lengths, bytes_error),
        _inference(configurations, lengths),
        f"how many answers the cap of {CAP_ON_TOKENS:,} tokens cut off was not published, so bounds on its effect "
        "allow for any number",
        _teacher(table, configurations, corpus),
    )
    return tuple(text for text in texts if text)


def equal_inference_sizes(table: PublishedTable, family: str) -> dict[float, float]:
    """Of each size of a reasoning student, the size of IFT student that costs as much per query, by the power laws."""
    reasoning, ift = table.law(family, "reasoning"), table.law(family, "ift")
    return {
        size: (reasoning.flops(size) / ift.coefficient_flops) ** (1 / ift.exponent) for size in table.students.values()
    }


def _where_it_holds(table: PublishedTable, family: str) -> str:
    names = ", ".join(item.benchmark for item in table.benchmarks_of(family))
    return (
        f"accuracies are means over {names}: other benchmarks may be much easier or harder. Intervals say how far "
        "differences between published setups would move them, not how hard your questions are"
    )


def _other_topic(corpus: str, family: str) -> str:
    topic = TOPIC_OF_FAMILY[family]
    if corpus == topic:
        return ""
    return f"the {corpus} corpus does not teach what {family} asks; --corpus {topic} does"


def _larger_students(
    configurations: Sequence[ConfigurationResult], unpublished: Mapping[str, float], budget_flops: float
) -> str:
    """What a budget pays for as IFT beyond the published ladder: reasoning is then compared with too small a rival."""
    affordable = [f"{name} ({scientific(cost)})" for name, cost in unpublished.items() if cost <= budget_flops]
    if not affordable:
        return ""
    return (
        f"the budget also pays for IFT of larger students, {' and '.join(affordable)}, which nobody published: the "
        f"largest IFT here is {configurations[-1].student}, so reasoning has no IFT of equal training cost beside it"
    )


def _near_the_budget(configurations: Sequence[ConfigurationResult], budget_flops: float, error: float) -> str:
    factor = math.exp(_quantile() * error)
    near = [
        f"{item.configuration} ({scientific(item.training_flops)})"
        for item in configurations
        if error and budget_flops / factor <= item.training_flops <= budget_flops * factor
    ]
    if not near:
        return ""
    return (
        f"training costs are known to within a factor of {factor:.2f} (bytes per token), so whether the budget pays "
        f"for {' and '.join(near)} is open"
    )


def _lengths(table: PublishedTable, corpus: str, lengths: PairLengths, bytes_error: float) -> str:
    pairs = table.corpus(corpus)
    counts = (
        f"prompt {lengths.prompt_tokens:,.0f}, IFT {lengths.answer_tokens['ift']:,.0f} and reasoning "
        f"{lengths.answer_tokens['reasoning']:,.0f} tokens"
    )
    tokens = f"{pairs.bytes_per_token:g} bytes per token are assumed, to within {bytes_error:.0%}"
    if not lengths.own:
        return (
            f"each cell is priced for one epoch over {pairs.pairs:,} pairs of {counts} on average: {tokens}, and "
            f"lengths that spread by {SPREAD:.0%} of their mean"
        )
    skipped = f"; {lengths.skipped} rows were left out, the first because {lengths.first_problem}"
    return (
        f"lengths are those of your {lengths.rows:,} pairs ({counts} on average), accuracies and the number of pairs, "
        f"{pairs.pairs:,}, are the published ones{f': {tokens}' if lengths.in_bytes else ''}"
        f"{skipped if lengths.skipped else ''}"
    )


def _inference(configurations: Sequence[ConfigurationResult], lengths: PairLengths) -> str:
    ends = []
    for arm in ("ift", "reasoning"):
        own = [item.mean_output_tokens or 0.0 for item in configurations if item.arm == arm]
        ends.append(f"{own[0]:,.0f} to {own[-1]:,.0f}")
        longest = max(own)
    scaled = ", scaled by the change of the corpus's answers" if lengths.own else ""
    capped = f"; no answer was allowed more than {CAP_ON_TOKENS:,}" if longest > CAP_ON_TOKENS else ""
    return (
        f"output tokens per query, from the smallest to the largest student {ends[0]} (IFT) and {ends[1]} (reasoning), "
        f"are what the published power laws of inference FLOPs pay for in their own convention{scaled}{capped}; they "
        f"are priced here exactly, after a prompt of {max(1, round(lengths.prompt_tokens)):,} tokens"
    )


def _teacher(table: PublishedTable, configurations: Sequence[ConfigurationResult], corpus: str) -> str:
    share = {item.arm: item.fixed_flops for item in configurations}
    teacher, pairs = TEACHER.rpartition("/")[2], table.corpus(corpus).pairs
    return (
        f"whole-life costs hold what {teacher} would spend on {pairs:,} answers, "
        f"{flops(share['ift'])} for IFT, {flops(share['reasoning'])} for reasoning (nothing, if you take pairs that "
        "are there already); what the search for learning rates cost was not published and is left out"
    )


def _equal_inference(table: PublishedTable, family: str, ratio_error: float) -> str:
    largest = max(table.students.values())
    factor = math.exp(_quantile() * ratio_error / table.law(family, "ift").exponent)
    sizes = equal_inference_sizes(table, family)
    listed = ", ".join(
        f"{size:g}B as {_billions(same)}B ({_billions(same / factor)} to {_billions(same * factor)})"
        for size, same in sizes.items()
    )
    beyond = [size for size, same in sizes.items() if same > largest]
    if not beyond:
        return ""
    return (
        f"per query a reasoning student costs as much as a larger IFT student: {listed}. No IFT student above "
        f"{largest:g}B was trained, so at equal inference cost nothing is known from {min(beyond):g}B up"
    )


def _billions(size: float) -> str:
    return f"{size:.0f}" if size >= 10 else f"{size:.1f}"


def _quantile() -> float:
    """Of a 90% interval."""
    return NormalDist().inv_cdf(0.95)
