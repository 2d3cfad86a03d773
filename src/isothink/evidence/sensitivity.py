"""The same choice under another FLOPs convention: every configuration priced anew, the budget rescaled. Called by
verdict.py, for whether the recommendation survives and for verdicts that are asked for in another convention."""

import numpy as np

from isothink.evidence.candidates import Candidates
from isothink.evidence.choice import ROUNDING, Choice, choose, within
from isothink.evidence.observations import Floats

CANNOT_TELL = "cannot tell"


def sensitivity(
    choice: Choice, *, convention: str, queries: float, level: float, tolerance: float
) -> dict[str, Choice | str]:
    """The choice under every convention but the stated one that the configurations are priced in, or why there is none.

    The budget is rescaled by the chosen cell's ratio of prices.
    """
    named = {name for one in choice.among.results for name in one.conventions}
    return {
        other: _under(choice, other, queries=queries, level=level, tolerance=tolerance)
        for other in sorted(named - {convention})
    }


def told(found: dict[str, Choice | str]) -> dict[str, str]:
    """The names of what is chosen."""
    return {
        name: CANNOT_TELL if isinstance(one, str) else one.among.results[one.chosen].configuration
        for name, one in found.items()
    }


def _under(choice: Choice, convention: str, *, queries: float, level: float, tolerance: float) -> Choice | str:
    among, budget = choice.among, choice.budget_flops
    priced = [one.conventions.get(convention) for one in among.results]
    costs = [(one.training_flops, one.inference_flops_per_query) for one in priced if one is not None]
    if len(costs) < len(priced) or any(served is None for _, served in costs):
        return f"the {convention} convention does not price every configuration"
    here = among.training_flops
    if here[choice.chosen] <= 0:
        return "the recommended configuration was not trained"
    there, per_query = np.array(costs, dtype=np.float64).T
    ratio = float(there[choice.chosen] / here[choice.chosen])
    rescaled = budget * ratio
    short = _falling_short(among, here, there, budget=budget, rescaled=rescaled, tolerance=tolerance)
    if short is not None:
        return f"{short[0]} with {short[1]} was not trained for as much as this convention would allow"
    cap = rescaled * (1 + tolerance)  # the ratios of cells of one budget differ a little
    affordable = within(there, cap).nonzero()[0]
    # An inference or lifetime budget is stated in the study's convention: what it excluded there stays excluded.
    capped_out = {index for index in range(here.size) if here[index] <= budget * ROUNDING} - set(choice.eligible)
    left = tuple(int(index) for index in affordable if index not in capped_out)
    # The teacher's and the search's share are taken at the ratio of the training.
    fixed = ratio * np.array([one.fixed_flops for one in among.results])
    again = among.at_prices(training=there, once=there + fixed, per_query=per_query)
    chosen = choose(left, again.accuracy, again.choice_draws, again.lifetime(queries), level=level, tolerance=tolerance)
    return Choice(among=again, eligible=left, chosen=chosen, budget_flops=rescaled)


def _falling_short(
    among: Candidates, here: Floats, there: Floats, *, budget: float, rescaled: float, tolerance: float
) -> tuple[str, str] | None:
    """The first student and arm that reached the budget here and does not reach the rescaled one there.

    It was never trained for as much as the other convention would allow it.
    """
    lines: dict[tuple[str, str], list[int]] = {}
    for index, one in enumerate(among.results):
        lines.setdefault((one.student, one.arm), []).append(index)
    top = here[here <= budget * ROUNDING].max()
    for line, indices in lines.items():
        reached = here[indices].max() * (1 + tolerance) >= top
        if reached and there[indices].max() * (1 + tolerance) < rescaled * min(1.0, top / budget):
            return line
    return None
