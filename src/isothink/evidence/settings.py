"""The choices an analysis makes before it sees a score; set by run/ from the study file, read by every file here."""

from pydantic import Field

from isothink.domain.record import Record

BASELINE = "ift"


class AnalysisSettings(Record):
    """How draws are made, what counts as resolved and how wide a tie is."""

    draws: int = Field(default=10_000, ge=100)
    """Draws behind every interval, p-value and probability."""
    frontier_draws: int = Field(default=2_000, ge=100)
    """Draws behind a frontier's probabilities (pairwise, so dearer; a share is then good to 1.1 points)."""
    stored_draws: int = Field(default=400, ge=50)
    """Draws kept per configuration, from which every verdict is computed."""
    random_seed: int = Field(default=2509, ge=0)
    """The same scores always give the same evidence."""
    level: float = Field(default=0.90, gt=0.5, lt=1.0)
    """Coverage of every interval; unadjusted for the number of comparisons."""
    significance: float = Field(default=0.10, gt=0.0, lt=0.5)
    """A comparison is resolved below this p-value, two-sided (adjusted where the comparison decides an outcome)."""
    power: float = Field(default=0.80, gt=0.5, lt=1.0)
    """Power at which the smallest resolvable difference is stated."""
    accuracy_tolerance: float = Field(default=0.005, ge=0.0, lt=1.0)
    """Accuracies closer than this are tied on a frontier."""
    cost_tolerance: float = Field(default=0.05, ge=0.0, lt=1.0)
    """Costs closer than this, relative, are tied: budgets are caps, so achieved costs differ by up to a step."""
    truncation_warning: float = Field(default=0.05, ge=0.0, le=1.0)
    """An arm whose share of answers cut off by the cap on new tokens exceeds this gets a caveat."""
    convention: str = "exact"
    """FLOPs convention of every stated cost."""
