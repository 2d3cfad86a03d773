"""Conditions on rows: what they mean, and that nothing else can be said in them."""

import pytest

from isothink.errors import UsageError
from isothink.store.row_filter import parse_conditions

ROW = {"arm": "ift", "size": "14", "active": 14.0, "name of it": "a b", "empty": None}


def holds(expression):
    return all(condition.holds(ROW) for condition in parse_conditions(expression, list(ROW)))


@pytest.mark.parametrize(
    "expression",
    [
        "arm = ift",
        "arm == 'ift'",
        'arm != "teacher"',
        "size = 14.0",
        "size<=14 and size>=14",
        "size > 7 AND arm = ift and active < 15",
        "size = active",
        "'name of it' = 'a b'",
        "empty = ''",
        "size != 'active'",
    ],
)
def test_what_holds(expression):
    assert holds(expression)


@pytest.mark.parametrize("expression", ["arm = teacher", "size > 14", "arm < 3", "empty < 3", "size = 'active'"])
def test_what_does_not_hold(expression):
    assert not holds(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "arm",
        "arm =",
        "arm = ift and",
        "arm = ift or size = 14",
        "= ift",
        "arm = ift size = 14",
        "arm = 'ift",
        "__import__('os')",
        "arm = ift; drop",
        "nothing = 1",
    ],
)
def test_what_cannot_be_said(expression):
    with pytest.raises(UsageError, match="--where"):
        parse_conditions(expression, list(ROW))
