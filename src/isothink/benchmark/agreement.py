"""How far the judges of a jury agree: counts that add up over cells, and the usual figures from them. Called by run/.

Agreement by chance is taken off as Fleiss (1971, Psychological Bulletin 76, 378-382) does for all judges together, and
Cohen (1960, Educational and Psychological Measurement 20, 37-46) for two of them.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations

from isothink.domain.record import Record
from isothink.domain.sample import Verdict

Ballot = Sequence[Verdict | None]
"""One verdict per judge on one answer, None where a judge gave none."""


class PairAgreement(Record):
    """Two judges on the answers of which both gave a verdict."""

    judges: tuple[str, str]
    both_correct: int = 0
    both_incorrect: int = 0
    only_first_correct: int = 0
    only_second_correct: int = 0

    @property
    def answers(self) -> int:
        """How many answers both judged."""
        return self.both_correct + self.both_incorrect + self.only_first_correct + self.only_second_correct

    @property
    def agreement(self) -> float | None:
        """The share on which they agree; None where both judged nothing."""
        return (self.both_correct + self.both_incorrect) / self.answers if self.answers else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa; None where it is not defined, as where both say the same of every answer."""
        if self.agreement is None:
            return None
        first = (self.both_correct + self.only_first_correct) / self.answers
        second = (self.both_correct + self.only_second_correct) / self.answers
        return _beyond_chance(self.agreement, first * second + (1 - first) * (1 - second))


class JuryAgreement(Record):
    """What a jury said of a number of answers.

    `votes_for_correct[k]` counts the answers that all judges voted on and k of them held correct; `missing` counts the
    verdicts that each judge did not give; `undecided` the answers without a majority.
    """

    judges: tuple[str, ...]
    answers: int
    undecided: int
    missing: tuple[int, ...]
    votes_for_correct: tuple[int, ...]
    pairs: tuple[PairAgreement, ...]

    @property
    def complete(self) -> int:
        """How many answers all judges voted on."""
        return sum(self.votes_for_correct)

    @property
    def unanimous(self) -> float | None:
        """Of those, the share on which all say the same."""
        if not self.complete or len(self.judges) < 2:
            return None
        return (self.votes_for_correct[0] + self.votes_for_correct[-1]) / self.complete

    @property
    def kappa(self) -> float | None:
        """Fleiss' kappa over those; None where it is not defined."""
        count = len(self.judges)
        if not self.complete or count < 2:
            return None
        pairs = count * (count - 1)
        alike = sum(
            answers * (votes * (votes - 1) + (count - votes) * (count - votes - 1)) / pairs
            for votes, answers in enumerate(self.votes_for_correct)
        )
        share = sum(votes * answers for votes, answers in enumerate(self.votes_for_correct)) / (count * self.complete)
        return _beyond_chance(alike / self.complete, share**2 + (1 - share) ** 2)

    def facts(self) -> dict[str, object]:
        """Counts and figures as plain data, for a manifest or a report."""
        pairs = [{**pair.model_dump(), "agreement": pair.agreement, "kappa": pair.kappa} for pair in self.pairs]
        figures = {"complete": self.complete, "unanimous": self.unanimous, "kappa": self.kappa}
        return {**self.model_dump(mode="json"), **figures, "pairs": pairs}


def count_agreement(judges: Sequence[str], ballots: Iterable[Ballot]) -> JuryAgreement:
    """Counts the ballots of one jury."""
    answers = undecided = 0
    missing = [0] * len(judges)
    for_correct = [0] * (len(judges) + 1)
    tables = {pair: [0, 0, 0, 0] for pair in combinations(range(len(judges)), 2)}
    for ballot in ballots:
        answers += 1
        correct = ballot.count("correct")
        undecided += 2 * max(correct, ballot.count("incorrect")) <= len(judges)
        if None not in ballot:
            for_correct[correct] += 1
        for index, verdict in enumerate(ballot):
            missing[index] += verdict is None
        for (first, second), table in tables.items():
            if ballot[first] is not None and ballot[second] is not None:
                table[2 * (ballot[first] != "correct") + (ballot[second] != "correct")] += 1
    return JuryAgreement(
        judges=tuple(judges),
        answers=answers,
        undecided=undecided,
        missing=tuple(missing),
        votes_for_correct=tuple(for_correct),
        pairs=tuple(
            PairAgreement(
                judges=(judges[first], judges[second]),
                both_correct=table[0],
                only_first_correct=table[1],
                only_second_correct=table[2],
                both_incorrect=table[3],
            )
            for (first, second), table in tables.items()
        ),
    )


def _beyond_chance(observed: float, expected: float) -> float | None:
    return (observed - expected) / (1 - expected) if expected < 1 else None
