"""The page of a real run says of a setting what the line for the terminal that it shows says, typed in a terminal."""

import json
import shlex

import pytest

from ..browsing import Visit
from .tiny import isothink

SETTINGS = {
    "the study's own question": {},
    "half of the budget and many queries": {"budget-number": "4e8", "queries-number": "1e9"},
    "another convention": {"convention": "6nd", "queries-number": "10"},
    "a convention that cannot be told": {"convention": "paper"},
    "dollars": {"unit": "usd", "device": "L4", "price": "0.8", "batch": "8", "utilisation": "25"},
    "caps and a target": {"life-cap": "5e10", "query-cap": "4e4", "target": "20"},
}


@pytest.fixture(scope="module")
def visit(browser, finished):
    _, run, _ = finished
    opened = Visit(browser, run / "report.html")
    yield opened
    opened.assert_quiet()
    opened.context.close()


@pytest.mark.parametrize("name", SETTINGS)
def test_the_line_for_the_terminal_gives_the_pages_answer(visit, finished, name):
    _, run, _ = finished
    visit.page.click("#set-reset")
    for control, value in SETTINGS[name].items():
        node = visit.page.locator(f"#set-{control}")
        is_choice = node.evaluate("(node) => node.tagName") == "SELECT"
        # What is folded away is filled all the same: a control that is not seen still counts.
        node.select_option(value) if is_choice else node.evaluate(
            "(node, value) => { node.value = value; node.dispatchEvent(new Event('input', { bubbles: true })); }", value
        )
    visit.settle()
    page = visit.page.evaluate("(({ verdict: { among, ...kept } }) => kept)(Explorer.answer())")
    line = shlex.split(visit.page.locator("#answer-command").text_content())
    assert line[:3] == ["isothink", "verdict", "RUN"]
    done = isothink("verdict", str(run), *line[3:], "--json", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    for field in ("outcome", "reasons", "at_equal_cost", "would_change_it", "sensitivity", "crossover_parameters"):
        assert page[field] == said[field]
    assert (
        (page["recommended"] is None) == (said["recommended"] is None) == (name == "a convention that cannot be told")
    )
    if said["recommended"]:
        for field, value in said["recommended"].items():
            if isinstance(value, float):
                assert page["recommended"][field] == pytest.approx(value, rel=1e-9)
        assert page["recommended"]["cell"] == said["recommended"]["cell"]
    assert (page["break_even"] is None) == (said["break_even"] is None)
    if said["break_even"]:
        assert page["break_even"]["kind"] == said["break_even"]["kind"]
        assert page["break_even"]["queries"] == pytest.approx(said["break_even"]["queries"])
