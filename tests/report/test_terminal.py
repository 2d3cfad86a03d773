"""The table that the command line prints."""

import io

import report_example as example
from rich.console import Console

from isothink.report.terminal import verdict_sentences, verdict_table


def printed(evidence, width=4000):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(verdict_table(evidence))
    return console.export_text()


def test_one_row_per_verdict():
    lines = printed(example.evidence()).splitlines()
    row = next(line for line in lines if "arithmetic-mc" in line)
    for text in ("not resolved", "large/reasoning/2e12", "65.3%", "61.8% to 68.8%", "0.44", "0.61"):
        assert text in row
    assert "2e12 FLOPs of training" in lines[0]
    assert sum(family in line for line in lines for family in example.FAMILIES) == 4


def test_no_recommendation_is_none():
    found = example.evidence()
    verdict = found.verdicts[0].model_copy(update={"recommended": None})
    text = printed(found.model_copy(update={"verdicts": (verdict,)}))
    assert "none" in text
    assert "n/a" in text


def test_markup_and_control_codes_stay_letters():
    found = example.hostile().evidence.model_copy(update={"study": "[red]x[/red]\x1b[31m"})
    text = printed(found)
    assert "[red]x[/red]\u241b[31m" in text
    assert "<img src=x onerror=alert(2)>" in text


def test_an_empty_study_prints():
    assert "Verdict: toy" in printed(example.empty().evidence)
    assert verdict_sentences(example.empty().evidence) == []


def test_a_narrow_terminal_cuts_nothing_off():
    text = printed(example.evidence(), width=60)
    assert "\u2026" not in text
    assert max(map(len, text.splitlines())) <= 60
