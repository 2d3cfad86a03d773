"""Evidence from published figures alone: one configuration per student and arm of a corpus and family.

Called by run/ask.py. Each published cell counts as run at its own cost. Draws carry one published run to another setup:
luck with the benchmarks' items (`setup_variation.item_luck`), and how setups differ (`setup_variation`), shared by the
students and arms as contrasts between published setups are. docs/prior-evidence.md lists every component.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isothink.compute.architecture import Architecture
from isothink.compute.parameters import parameter_counts
from isothink.evidence.observations import Floats
from isothink.evidence.prior_caveats import prior_caveats
from isothink.evidence.prior_comparisons import SIGNIFICANCE, prior_comparisons
from isothink.evidence.prior_costs import StudentPrices, teacher_flops
from isothink.evidence.prior_equal_cost import prior_at_equal_cost
from isothink.evidence.prior_lengths import PairLengths, published_lengths
from isothink.evidence.published_table import ARMS, PublishedTable
from isothink.evidence.record import ConfigurationResult, Evidence, Interval
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.setup_variation import clipped, from_logit, item_luck, logit, setup_variation

DRAWS = 400
LEVEL = 0.90
COST_TOLERANCE = AnalysisSettings().cost_tolerance
RANDOM_SEED = 2509
BYTES_PER_TOKEN_ERROR = 0.12
"""Standard deviation of the logarithm of the assumed bytes per token."""
TEN_THOUSAND = 10_000


@dataclass(frozen=True, kw_only=True)
class PriorQuestion:
    """What `ask` asks about; the names are known to be published ones."""

    corpus: str
    family: str
    budget_flops: float
    queries: float


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """One published student and arm, priced."""

    student: str
    arm: str
    parameters: int
    accuracy: float
    output_tokens: float
    training: dict[str, float]
    query: dict[str, float]
    teacher: float
    prices: StudentPrices


@dataclass(frozen=True, kw_only=True)
class _Draws:
    """[draws, cells]: accuracy in another setup and within the published one, and the inference cost as a factor."""

    accuracy: Floats
    within: Floats
    inference: Floats


def prior_evidence(
    table: PublishedTable,
    question: PriorQuestion,
    *,
    students: Mapping[str, Architecture],
    teacher: Architecture,
    larger: Mapping[str, Architecture],
    lengths: PairLengths | None = None,
) -> Evidence:
    """The evidence of one corpus and family, with comparisons at the budget asked about.

    `students` are the architectures of the ladder, `larger` those of students that nobody published, which a caveat
    prices; `lengths` are a user's own instead of the published ones.
    """
    published = published_lengths(table.corpus(question.corpus))
    used = lengths or published
    cells = _cells(table, question, students=students, teacher=teacher, published=published, used=used)
    drawn = _draws(table, question, cells, published=published, used=used)
    configurations = tuple(_result(table, question, cell, used, drawn, index) for index, cell in enumerate(cells))
    counted = min(question.budget_flops, max(item.training_flops for item in configurations))
    return Evidence(
        basis="published",
        study=f"arXiv:2509.22193, {question.corpus} corpus",
        students=tuple(table.students),
        arms=ARMS,
        families=(question.family,),
        budgets_flops=(counted,),
        queries=question.queries,
        convention="exact",
        draws=DRAWS,
        level=LEVEL,
        significance=SIGNIFICANCE,
        cost_tolerance=COST_TOLERANCE,
        configurations=configurations,
        frontiers=(),
        comparisons=(
            *prior_comparisons(configurations, budget_flops=counted, level=LEVEL),
            *prior_at_equal_cost(configurations, budget_flops=counted, level=LEVEL),
        ),
        verdicts=(),
        seed_variance=(),
        missing=(),
        caveats=(),
        family_caveats={
            question.family: prior_caveats(
                table,
                configurations,
                unpublished={
                    name: _training(table, question, StudentPrices(shape), used, "ift")["exact"]
                    for name, shape in larger.items()
                },
                corpus=question.corpus,
                family=question.family,
                budget_flops=question.budget_flops,
                lengths=used,
                bytes_error=BYTES_PER_TOKEN_ERROR,
                ratio_error=_arm_error(table, used),
            )
        },
    )


def _cells(
    table: PublishedTable,
    question: PriorQuestion,
    *,
    students: Mapping[str, Architecture],
    teacher: Architecture,
    published: PairLengths,
    used: PairLengths,
) -> list[_Cell]:
    """Students smallest first, and of each one IFT before reasoning."""
    pairs = table.corpus(question.corpus).pairs
    accuracies = {arm: table.accuracies_of(question.corpus, question.family, arm) for arm in ARMS}
    shares = {
        arm: teacher_flops(
            teacher, pairs=pairs, prompt_tokens=used.prompt_tokens, answer_tokens=used.answer_tokens[arm]
        )
        for arm in ARMS
    }
    cells = []
    for rank, (student, size) in enumerate(table.students.items()):
        prices = StudentPrices(students[student])
        for arm in ARMS:
            law = table.law(question.family, arm)
            tokens = prices.output_tokens(law.flops(size), _whole(published.prompt_tokens))
            tokens = max(1.0, tokens * used.answer_tokens[arm] / published.answer_tokens[arm])
            cells.append(
                _Cell(
                    student=student,
                    arm=arm,
                    parameters=parameter_counts(students[student]).total,
                    accuracy=accuracies[arm][rank],
                    output_tokens=tokens,
                    training=_training(table, question, prices, used, arm),
                    query=prices.query(_whole(used.prompt_tokens), tokens),
                    teacher=shares[arm],
                    prices=prices,
                )
            )
    return cells


def _training(
    table: PublishedTable, question: PriorQuestion, prices: StudentPrices, used: PairLengths, arm: str
) -> dict[str, float]:
    return prices.training(
        pairs=table.corpus(question.corpus).pairs,
        tokens=used.prompt_tokens + used.answer_tokens[arm],
        squared_tokens=used.squared_tokens[arm],
    )


def _whole(tokens: float) -> int:
    return max(1, round(tokens))


def _draws(
    table: PublishedTable,
    question: PriorQuestion,
    cells: list[_Cell],
    *,
    published: PairLengths,
    used: PairLengths,
) -> _Draws:
    generator = np.random.default_rng(RANDOM_SEED)
    shifts = setup_variation(table).draw(generator, DRAWS)
    ladder = list(table.students)
    setup = np.stack([shifts[cell.arm][:, ladder.index(cell.student)] for cell in cells], axis=1)
    centre = np.array([cell.accuracy for cell in cells])
    luck = logit(clipped(centre)) + item_luck(centre, table.benchmarks_of(question.family), generator, DRAWS)
    return _Draws(
        accuracy=from_logit(luck + setup),
        within=from_logit(luck),
        inference=_inference_draws(table, cells, generator, published=published, used=used),
    )


def _inference_draws(
    table: PublishedTable,
    cells: list[_Cell],
    generator: np.random.Generator,
    *,
    published: PairLengths,
    used: PairLengths,
) -> Floats:
    """Log-normal factors: one that all share, one of the arms' ratio, one of how far answers follow training.

    With published lengths the first is half the difference between the corpora, since the laws do not say which corpus
    they belong to. With a user's own it is the bytes per token, where the file holds texts; and since a student need
    not follow its corpus's lengths fully, half the change from the published ones.
    """
    half = generator.standard_normal((DRAWS // 2, 4))
    normal = np.concatenate([half, -half])
    shared = _shared_error(table, used) * normal[:, 0]
    logs = np.empty((DRAWS, len(cells)))
    for index, cell in enumerate(cells):
        sign = 0.5 if cell.arm == "reasoning" else -0.5
        change = abs(math.log(used.answer_tokens[cell.arm] / published.answer_tokens[cell.arm])) / 2
        follows = change * normal[:, 2 if cell.arm == "reasoning" else 3]
        logs[:, index] = shared + sign * _arm_error(table, used) * normal[:, 1] + follows
    return np.asarray(np.exp(logs))


def _log_ratios(table: PublishedTable) -> tuple[float, float]:
    """Of the corpora's mean answer tokens: IFT's and reasoning's."""
    first, second = (published_lengths(item).answer_tokens for item in table.corpora)
    return math.log(second["ift"] / first["ift"]), math.log(second["reasoning"] / first["reasoning"])


def _shared_error(table: PublishedTable, used: PairLengths) -> float:
    if used.own:
        return BYTES_PER_TOKEN_ERROR if used.in_bytes else 0.0
    return abs(sum(_log_ratios(table))) / 4


def _arm_error(table: PublishedTable, used: PairLengths) -> float:
    """Of the logarithm of the ratio of reasoning's answers to IFT's; a user's own lengths leave it as it is."""
    ift, reasoning = _log_ratios(table)
    return abs(reasoning - ift) / 2


def _result(
    table: PublishedTable,
    question: PriorQuestion,
    cell: _Cell,
    used: PairLengths,
    drawn: _Draws,
    index: int,
) -> ConfigurationResult:
    """One record. What was not published and may not be null there says that nothing is known to be complete."""
    low, high = np.quantile(drawn.accuracy[:, index], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    training, query = cell.training["exact"], cell.query["exact"]
    ladder = list(table.students)
    reasoning = cell.arm == "reasoning"
    return ConfigurationResult(
        configuration=f"{cell.student}-{cell.arm}",
        student=cell.student,
        parameters=cell.parameters,
        arm=cell.arm,
        arm_kind=cell.arm,
        source="published",
        budget_flops=training,
        family=question.family,
        seeds=1,
        items=sum(item.items for item in table.benchmarks_of(question.family)),
        training_flops=training,
        fixed_flops=cell.teacher,
        inference_flops_per_query=query,
        lifetime_flops=training + cell.teacher + question.queries * query,
        accuracy=cell.accuracy,
        expected_accuracy=cell.accuracy,
        interval=Interval(low=min(float(low), cell.accuracy), high=max(float(high), cell.accuracy), level=LEVEL),
        accuracy_by_benchmark={},
        completion_rate=0.0,
        accuracy_of_completed=None,
        looping_rate=0.0,
        truncation_bounds=Interval(low=cell.accuracy, high=1.0, level=1.0),
        thinking_rate=float(reasoning),
        mean_prompt_tokens=used.prompt_tokens,
        mean_trace_tokens=cell.output_tokens if reasoning else 0.0,
        mean_answer_tokens=0.0 if reasoning else cell.output_tokens,
        unscored=0,
        edge=cell.student in (ladder[0], ladder[-1]),
        accuracy_draws=_stored(drawn.accuracy[:, index]),
        conditional_draws=_stored(drawn.within[:, index]),
        inference_draws=_stored(drawn.inference[:, index]),
        conventions=cell.prices.costs(cell.training, cell.query),
        serving=cell.prices.serving(_whole(used.prompt_tokens), cell.output_tokens),
    )


def _stored(draws: Floats) -> tuple[int, ...]:
    return tuple(np.rint(TEN_THOUSAND * draws).astype(int).tolist())
