"""Makes the synthetic study importable, and renders its pages once for all tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "evidence"))  # the simulated studies

import decision_example
import report_example

from isothink.report.page import render_page

VARIANTS = ("data", "halfway", "one_student", "all_failed", "empty", "hostile")


@pytest.fixture(scope="session")
def pages():
    """The page of every variant of the example, by its name."""
    return {name: render_page(getattr(report_example, name)()) for name in VARIANTS}


@pytest.fixture(scope="session")
def studies():
    """Analysed studies by name, with the draws that decisions are made from."""
    return decision_example.studies()
