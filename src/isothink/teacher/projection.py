"""From a pilot to the whole set: tokens, FLOPs, hours and money, with intervals. Called by run/generation.py."""

import math

from isothink.domain.record import Record
from isothink.domain.reply import ReasoningMode
from isothink.domain.teacher_settings import Price
from isothink.teacher.tally import ModeSummary

CONFIDENCE = 0.90


class Estimate(Record):
    """A projected total with its 90% interval, which holds the doubt about the mean length of replies, and no other."""

    value: float
    low: float
    high: float


class ModeProjection(Record):
    """One mode over all prompts; None where the pilot's replies hold no token counts, or no shape or price is given."""

    mode: ReasoningMode
    prompt_tokens: Estimate | None
    output_tokens: Estimate | None
    flops: Estimate | None
    cost: Estimate | None


class Projection(Record):
    """What asking every prompt in both modes would take, the pilot's included.

    `hours` is at the rate of the pilot: a pilot smaller than a few times the concurrency never fills the server, and
    makes it look slower than it is.
    """

    prompts: int
    pilot: int
    acceptance: float
    off: ModeProjection
    on: ModeProjection
    hours: Estimate | None
    currency: str | None


def project(
    off: ModeSummary,
    on: ModeSummary,
    *,
    pilot: int,
    pairs: int,
    prompts: int,
    seconds: float,
    price: Price | None,
) -> Projection:
    """Scales a pilot of `pilot` prompts, of which `pairs` made pairs, to `prompts`; `seconds` is its wall time."""
    sides = {side.mode: _mode(side, prompts, price) for side in (off, on)}
    written = [sides[mode].output_tokens for mode in ("off", "on")]
    spent = (off.output_tokens or 0) + (on.output_tokens or 0)
    hours = None
    if seconds > 0 and spent > 0 and all(estimate is not None for estimate in written):
        rate = spent / seconds * 3600
        hours = Estimate(
            value=sum(estimate.value for estimate in written if estimate) / rate,
            low=sum(estimate.low for estimate in written if estimate) / rate,
            high=sum(estimate.high for estimate in written if estimate) / rate,
        )
    return Projection(
        prompts=prompts,
        pilot=pilot,
        acceptance=pairs / pilot if pilot else 0.0,
        off=sides["off"],
        on=sides["on"],
        hours=hours,
        currency=price.currency if price is not None else None,
    )


def _mode(side: ModeSummary, prompts: int, price: Price | None) -> ModeProjection:
    known = side.replies - side.unknown_tokens
    if side.output is None or side.output_tokens is None or side.prompt_tokens is None or known < 1:
        return ModeProjection(mode=side.mode, prompt_tokens=None, output_tokens=None, flops=None, cost=None)
    scale = prompts / known
    doubt = _doubt(side)
    output = _estimate(side.output_tokens * scale, doubt)
    read = _estimate(side.prompt_tokens * scale, 0.0)
    flops = _estimate(side.flops * scale, doubt) if side.flops is not None and not side.unknown_flops else None
    cost = None
    if price is not None:
        fixed = read.value * price.input_per_million / 1e6
        cost = Estimate(
            value=fixed + output.value * price.output_per_million / 1e6,
            low=fixed + output.low * price.output_per_million / 1e6,
            high=fixed + output.high * price.output_per_million / 1e6,
        )
    return ModeProjection(mode=side.mode, prompt_tokens=read, output_tokens=output, flops=flops, cost=cost)


def _doubt(side: ModeSummary) -> float:
    """Half the width of the interval of the mean length, as a share of it (Student's t)."""
    lengths = side.output
    if lengths is None or lengths.mean <= 0 or side.replies < 2:
        return 1.0
    from scipy.special import stdtrit  # a pilot alone needs it, and it takes a seventh of a second to import

    quantile = float(stdtrit(side.replies - 1, 0.5 + CONFIDENCE / 2))
    return quantile * lengths.standard_deviation / math.sqrt(side.replies) / lengths.mean


def _estimate(value: float, doubt: float) -> Estimate:
    return Estimate(value=value, low=max(0.0, value * (1 - doubt)), high=value * (1 + doubt))
