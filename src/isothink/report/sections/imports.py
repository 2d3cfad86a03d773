"""What other tools measured: imported cells, the files they were read from, what they cost."""

from dataclasses import dataclass

from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.section import Section


@dataclass(frozen=True, kw_only=True)
class ImportLine:
    """One imported cell on one benchmark."""

    cell: str
    benchmark: str
    items: str
    samples: str
    unscored: str
    parameters: str
    training: str
    source: str


@dataclass(frozen=True, kw_only=True)
class ImportsContent:
    """What the template shows."""

    rows: tuple[ImportLine, ...]


def section(data: ReportData) -> Section:
    """The section of imported results."""
    rows = tuple(
        ImportLine(
            cell=row.cell,
            benchmark=row.benchmark,
            items=numbers.count(row.items),
            samples=numbers.count(row.samples),
            unscored=numbers.count(row.unscored),
            parameters=numbers.parameters(row.parameters),
            training=numbers.scientific(row.training_flops),
            source=f"{row.kind}: {row.files}",
        )
        for row in data.imports
    )
    return Section(id="imports", title="Imported results", short="Imports", content=ImportsContent(rows=rows))
