"""The page decides as the terminal does: decide.js against evidence/verdict.py over a grid of settings."""

import itertools
import json
import shutil
import subprocess
from importlib.resources import files

import decision_example as example
import numpy as np
import pytest
import report_example
from browsing import Visit

from isothink.evidence.candidates import candidates, family_results
from isothink.evidence.frontier import Tolerances, frontier_members
from isothink.evidence.verdict import decide
from isothink.report.decision_data import decision_data, packed
from isothink.report.page import render_page

NODE = shutil.which("node") or shutil.which("nodejs")
STUDIES = ("wide", "one seed", "ceiling", "reasoning wins")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed: decide.js runs in the browser alone")
ASK = """({ data, questions }) => questions.map((question) => {
  const verdict = Decision.decide(data, question);
  const { among, ...kept } = { ...verdict, sentence: Decision.sentence(data, question, verdict) };
  return kept;
})"""
FRONTIER = """({ data, questions }) => questions.map(([question, axis]) =>
  Decision.frontier(data, Decision.decide(data, question).among, axis, question.queries))"""


@pytest.fixture(scope="module")
def studies():
    return example.studies()


def in_node(function, given):
    script = files("isothink.report").joinpath("templates", "decide.js")
    program = f"const Decision = require({json.dumps(str(script))});"
    program += f"const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
    program += f"console.log(JSON.stringify(({function})(given)));"
    done = subprocess.run([NODE, "-e", program], input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def compare(evidence, questions, answers):
    wrong = {}
    for question, found in zip(questions, answers, strict=True):
        if parts := example.differences(evidence, decide(evidence, **question), found):
            wrong[str(question)] = parts
    assert wrong == {}


@needs_node
@pytest.mark.parametrize("name", STUDIES)
def test_node_answers_as_the_terminal(studies, name):
    evidence = studies[name]
    questions = list(example.questions(evidence))
    given = {"data": decision_data(evidence), "questions": [example.asked(evidence, one) for one in questions]}
    compare(evidence, questions, in_node(ASK, given))


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_in_a_browser_answers_as_the_terminal(studies, name, browser, tmp_path):
    evidence = studies[name]
    path = tmp_path / "report.html"
    path.write_text(render_page(report_example.data(evidence=evidence)), encoding="utf-8")
    visit = Visit(browser, path)
    questions = list(example.questions(evidence, random=7))
    asked = [example.asked(evidence, one) for one in questions]
    stored = "JSON.parse(document.getElementById('decision').textContent).study"
    answers = visit.page.evaluate(f"(questions) => ({ASK})({{ data: {stored}, questions }})", asked)
    visit.assert_quiet()
    visit.context.close()
    compare(evidence, questions, answers)


def test_the_questions_meet_every_kind_of_answer(studies):
    """What the comparisons above would otherwise not reach."""
    found = [
        (evidence, decide(evidence, **question))
        for evidence in studies.values()
        for question in example.questions(evidence, sample=60)
    ]
    verdicts = [verdict for _, verdict in found]
    assert {"reasoning", "unresolved"} <= {one.outcome for one in verdicts}
    assert {one.break_even.kind for one in verdicts if one.break_even} >= {"at_queries", "ift_always", "no_equal_accuracy"}
    assert any(one.recommended is None for one in verdicts)
    assert any("cannot tell" in one.sensitivity.values() for one in verdicts)
    assert any("left out" in text for one in verdicts for text in one.reasons)
    assert any("caps on costs exclude" in text for one in verdicts for text in one.reasons)
    draws = [draw for evidence, _ in found for one in evidence.configurations for draw in one.accuracy_draws]
    assert max(draws) > 10_000


@needs_node
def test_another_convention_recommends_what_sensitivity_says(studies):
    evidence = studies["wide"]
    questions = [one for one in example.questions(evidence, sample=60) if one["money"] is None]
    pairs = list(itertools.product(questions, ("paper", "hf", "6nd")))
    given = {
        "data": decision_data(evidence),
        "questions": [example.asked(evidence, question, convention=name) for question, name in pairs],
    }
    seen = set()
    for (question, name), found in zip(pairs, in_node(ASK, given), strict=True):
        verdict = decide(evidence, **question)
        if verdict.recommended is None:
            assert found["recommended"] is None
            continue
        said = verdict.sensitivity[name]
        cell = found["recommended"]["cell"] if found["recommended"] else "cannot tell"
        assert cell == said
        seen.add(said == "cannot tell")
    assert seen == {True, False}


@needs_node
@pytest.mark.parametrize("axis", ["training", "query", "life"])
def test_the_frontier_is_that_of_the_analysis(studies, axis):
    evidence = studies["wide"]
    questions = [one for one in example.questions(evidence, sample=40) if one["family"] != "e"][:6]
    asked = [[example.asked(evidence, one), axis] for one in questions]
    for question, found in zip(questions, in_node(FRONTIER, {"data": decision_data(evidence), "questions": asked}), strict=True):
        among = candidates(family_results(evidence, question["family"]), question["money"])
        observed = np.array([one.accuracy for one in among.results])
        served = question["queries"]
        costs = {"training": among.training, "query": among.per_query, "life": among.lifetime(served)}[axis]
        drawn = {
            "training": np.broadcast_to(among.training, among.draws.shape),
            "query": among.per_query_draws,
            "life": among.once + served * among.per_query_draws,
        }[axis]
        names = [one.configuration for one in among.results]
        tolerances = Tolerances(accuracy=evidence.frontiers[0].accuracy_tolerance, cost=evidence.cost_tolerance)
        members = frontier_members(
            names, accuracy=observed, cost=costs, accuracy_draws=among.draws, cost_draws=drawn, tolerances=tolerances
        )
        told = dict(zip(names, found, strict=True))
        for member in members:
            one = told[member.configuration]
            assert one["on"] == member.on_frontier
            assert one["cost"] == pytest.approx(member.cost, rel=1e-12)
            assert one["probability"] == pytest.approx(member.probability, abs=1e-12)


@needs_node
def test_packed_draws_come_back_exactly():
    groups = [[0], [5] * 7, [-3, 70_000, 12, -1_000_000], [2**30, -(2**30)], list(range(-50, 51)), []]
    program = "({ data }) => data.map((one) => Array.from(Decision.unpacked(one), (value) => Math.round(value / 1e-4)))"
    assert in_node(program, {"data": [packed(group) for group in groups]}) == groups


@needs_node
def test_numbers_are_spelled_as_in_python():
    from isothink.report import numbers

    generator = np.random.default_rng(5)
    values = [0.0, 0.5, 1.5, 2.5, 0.125, 62.25, 62.35, 1.125e12, 1.375e9, 9.995e11, 999_999.5, 1e9, 0.00005]
    values += [float(x) for x in 10 ** generator.uniform(-4, 15, 300)]
    program = "({ data }) => data.map((one) => [Decision.Numbers.scientific(one), Decision.Numbers.count(one), Decision.Numbers.percent(one)])"
    expected = [[numbers.scientific(one), numbers.count(one), numbers.percent(one)] for one in values]
    assert in_node(program, {"data": values}) == expected
