"""`isothink predict` on series of known truth; the full figures: `python tests/evidence/size_simulation.py`."""

import pytest
from size_simulation import outcome

TABLES = 8
"""Of 8 series: the standard error of a coverage of 0.9 is about 0.03 to 0.05 (cells of one table are alike)."""


@pytest.mark.parametrize("kind", ["sigmoid", "saturating"])
def test_growing_series_are_predicted_better_than_carrying_forward_and_are_covered(kind):
    got = outcome(kind, TABLES)
    assert got.refused == 0
    assert got.error < got.plain_error
    assert 0.8 <= got.covered <= 1.0
    assert 0.8 <= got.gain_covered <= 1.0 and got.sign_right >= 0.8


def test_flat_series_are_predicted_about_as_well_as_by_carrying_forward():
    got = outcome("flat", TABLES)
    assert got.error < 1.1 * got.plain_error
    assert got.covered >= 0.85


def test_a_size_between_others_is_predicted_better_than_by_the_line_between_its_neighbours():
    got = outcome("sigmoid", TABLES, hidden="middle")
    assert got.error < got.plain_error
    assert got.covered >= 0.85


def test_three_sizes_suffice_by_pooling():
    got = outcome("sigmoid", TABLES, sizes=4)
    assert got.refused == 0
    assert got.error < 0.6 * got.plain_error
    assert got.covered >= 0.75
