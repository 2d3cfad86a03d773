"""The report as one self-contained HTML file: built from its sections, opened from disk without a network."""

from isothink.report.data import ReportData


def render_page(data: ReportData) -> str:
    """The whole page as text; write it as UTF-8."""
    raise NotImplementedError(data.name)
