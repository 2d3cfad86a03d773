"""A range with the probability that it is made for. Part of every record of this package."""

from isothink.domain.record import Record


class Interval(Record):
    """A range that covers the truth with probability `level`."""

    low: float
    high: float
    level: float = 0.90
