"""Every configuration with a result, one table per family, and all of them as one CSV."""

from dataclasses import dataclass

from isothink.evidence.record import ConfigurationResult, Evidence
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.figure import Row, csv_link, significant
from isothink.report.section import Section
from isothink.report.table import Table, table_of

NOT_IN_A_CELL = {
    *("interval", "truncation_bounds", "accuracy_by_benchmark"),
    *("accuracy_draws", "inference_draws", "conventions", "serving"),
}
"""Fields that are no single value, written out in columns of their own or left to evidence.json."""


@dataclass(frozen=True, kw_only=True)
class ConfigurationRow:
    """One configuration on one family."""

    configuration: str
    student: str
    parameters: str
    arm: str
    budget: str
    training: str
    inference: str
    lifetime: str
    accuracy: str
    interval: str
    seeds: int
    items: int
    probability: str
    edge: bool


@dataclass(frozen=True, kw_only=True)
class FamilyTable:
    """A family's name and its rows."""

    family: str
    rows: tuple[ConfigurationRow, ...]


@dataclass(frozen=True, kw_only=True)
class ConfigurationsContent:
    """What the template shows."""

    tables: tuple[FamilyTable, ...]
    csv: str
    queries: str


def section(data: ReportData) -> Section:
    """The section of all configurations."""
    evidence = data.evidence
    likely = _probabilities(evidence)
    tables = tuple(
        FamilyTable(family=family, rows=rows)
        for family in evidence.families
        if (rows := tuple(_row(one, likely) for one in evidence.configurations if one.family == family))
    )
    content = ConfigurationsContent(
        tables=tables,
        csv=csv_link([_flat(one) for one in evidence.configurations]),
        queries=numbers.count(evidence.queries),
    )
    files = tuple(_file(index, table) for index, table in enumerate(tables))
    return Section(
        id="configurations", title="All configurations", short="Configurations", content=content, tables=files
    )


def _file(index: int, table: FamilyTable) -> Table:
    caption = f"{table.family}: every configuration. Costs in FLOPs. n = {len(table.rows):,}."
    return table_of(f"configurations-{index}", table.family, caption, table.rows)


def _probabilities(evidence: Evidence) -> dict[tuple[str, str], float]:
    return {
        (frontier.family, member.configuration): member.probability
        for frontier in evidence.frontiers
        if frontier.axis == "training_flops"
        for member in frontier.members
    }


def _row(one: ConfigurationResult, likely: dict[tuple[str, str], float]) -> ConfigurationRow:
    probability = likely.get((one.family, one.configuration))
    return ConfigurationRow(
        configuration=one.configuration,
        student=one.student,
        parameters=numbers.parameters(one.parameters),
        arm=one.arm,
        budget=numbers.scientific(one.budget_flops),
        training=numbers.scientific(one.training_flops),
        inference=numbers.scientific(one.inference_flops_per_query),
        lifetime=numbers.scientific(one.lifetime_flops),
        accuracy=numbers.percent(one.accuracy),
        interval=numbers.percent_interval(one.interval),
        seeds=one.seeds,
        items=one.items,
        probability=numbers.NONE if probability is None else numbers.probability(probability),
        edge=one.edge,
    )


def _flat(one: ConfigurationResult) -> Row:
    fields = {
        name: significant(value) if isinstance(value, float) else value
        for name, value in one.model_dump(exclude=NOT_IN_A_CELL).items()
    }
    by_benchmark = "; ".join(f"{name}={value:.4f}" for name, value in one.accuracy_by_benchmark.items())
    bounds = {
        "low": significant(one.interval.low),
        "high": significant(one.interval.high),
        "level": one.interval.level,
    }
    truncation = {
        "if_truncated_low": significant(one.truncation_bounds.low),
        "if_truncated_high": significant(one.truncation_bounds.high),
    }
    return {**fields, **bounds, **truncation, "accuracy_by_benchmark": by_benchmark}
