"""What a published student costs, from lengths: training, one query, the teacher's share. Called by prior.py.

Published inference FLOPs are in the `paper` convention. They are turned into tokens under it and those are priced in
every convention. They are read as the cost of *decoding* after the prompt: on general multiple choice the published
14B law pays for 36 tokens in all, fewer than any of its prompts has, so the prompt cannot be in it.
"""

from collections.abc import Callable
from functools import cached_property

from isothink.compute.architecture import Architecture
from isothink.compute.conventions import CONVENTIONS, Convention
from isothink.compute.hardware import decode_bytes
from isothink.evidence.record import ConventionCost, ServingCost

PUBLISHED_CONVENTION = "paper"


class StudentPrices:
    """Prices of one architecture for lengths that are means, not whole numbers."""

    def __init__(self, architecture: Architecture) -> None:
        self._architecture = architecture

    def training(self, *, pairs: int, tokens: float, squared_tokens: float) -> dict[str, float]:
        """One epoch over pairs of this mean length and mean squared length, by convention.

        Every convention's cost of a sequence is a s + b s^2, since no student here has an attention window; a and b
        follow from sequences of one and two tokens, and the two means are all that is needed of the lengths.
        """
        costs = {}
        for name, (linear, quadratic) in self._training_terms.items():
            costs[name] = pairs * (linear * tokens + quadratic * squared_tokens)
        return costs

    def output_tokens(self, flops: float, prompt_tokens: int) -> float:
        """How many output tokens these published FLOPs pay for after a prompt, the first being the prefill's."""
        published = CONVENTIONS[PUBLISHED_CONVENTION]
        return _inverse(lambda count: _known(published.decode_flops(self._architecture, prompt_tokens, count)), flops)

    def query(self, prompt_tokens: int, output_tokens: float) -> dict[str, float]:
        """Prefill and decoding, by convention; a fraction of a token is interpolated."""
        prices = {}
        for name, convention in CONVENTIONS.items():
            if name in self._training_terms:
                prefill = _known(convention.prefill_flops(self._architecture, prompt_tokens))
                prices[name] = prefill + self._decode(convention, prompt_tokens, output_tokens)
        return prices

    def costs(self, training: dict[str, float], query: dict[str, float]) -> dict[str, ConventionCost]:
        """Both, as they are stored."""
        return {
            name: ConventionCost(training_flops=training[name], inference_flops_per_query=query[name])
            for name in training
        }

    def serving(self, prompt_tokens: int, output_tokens: float) -> ServingCost:
        """What a device is asked for by the mean query."""
        exact = CONVENTIONS["exact"]

        def moved(count: int, sequences: int) -> int:
            return decode_bytes(self._architecture, prompt_tokens, count, batch_size=sequences)

        cache = _between(lambda count: moved(count, 2) - moved(count, 1), output_tokens)
        return ServingCost(
            prefill_flops=_known(exact.prefill_flops(self._architecture, prompt_tokens)),
            decode_flops=self._decode(exact, prompt_tokens, output_tokens),
            weight_bytes=_between(lambda count: moved(count, 1), output_tokens) - cache,
            cache_bytes=cache,
        )

    def _decode(self, convention: Convention, prompt_tokens: int, output_tokens: float) -> float:
        return _between(
            lambda count: _known(convention.decode_flops(self._architecture, prompt_tokens, count)), output_tokens
        )

    @cached_property
    def _training_terms(self) -> dict[str, tuple[float, float]]:
        terms = {}
        for name, convention in CONVENTIONS.items():
            one, two = (convention.training_flops(self._architecture, [length]) for length in (1, 2))
            if one is not None and two is not None:
                quadratic = (two - 2 * one) / 2
                terms[name] = (one - quadratic, quadratic)
        return terms


def teacher_flops(teacher: Architecture, *, pairs: int, prompt_tokens: float, answer_tokens: float) -> float:
    """What a teacher spends on one answer to each prompt, all equally long, in the exact convention."""
    exact = CONVENTIONS["exact"]
    prompt = max(1, round(prompt_tokens))
    each = _known(exact.prefill_flops(teacher, prompt)) + _between(
        lambda count: _known(exact.decode_flops(teacher, prompt, count)), max(1.0, answer_tokens)
    )
    return pairs * each


def _known(flops: int | None) -> int:
    assert flops is not None, "the convention defines it for this architecture"
    return flops


def _between(cost: Callable[[int], int], count: float) -> float:
    """The cost of a number of tokens that need not be whole."""
    whole = int(count)
    below = cost(whole)
    return below + (count - whole) * (cost(whole + 1) - below)


def _inverse(cost: Callable[[int], int], flops: float) -> float:
    """The number of tokens, at least one, at which a growing cost reaches these FLOPs."""
    fits, exceeds = 1, 2
    while cost(exceeds) <= flops:
        fits, exceeds = exceeds, 2 * exceeds
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        fits, exceeds = (middle, exceeds) if cost(middle) <= flops else (fits, middle)
    below = cost(fits)
    return fits + max(0.0, flops - below) / (cost(fits + 1) - below)
