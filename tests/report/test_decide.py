"""The page decides as the terminal does: decide.js against evidence/verdict.py over a grid of settings."""

import json
import shutil
import subprocess

import decision_example as example
import numpy as np
import pytest
import report_example

from isothink.domain.numbers import short
from isothink.evidence.candidates import candidates, family_results
from isothink.evidence.frontier import Tolerances, frontier_members
from isothink.evidence.verdict import decide
from isothink.report import numbers
from isothink.report.decision_data import decision_data, packed
from isothink.report.page import SCRIPTS, render_page, template_text

from ..browsing import Visit

NODE = shutil.which("node") or shutil.which("nodejs")
STUDIES = ("wide", "one seed", "ceiling", "own budgets", "reasoning wins")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed: decide.js runs in the browser alone")
WITH_DOM = ("plots.js", "controls.js", "answer.js", "explorer.js", "page.js", "csv.js", "samples.js")
ASK = """({ data, questions }) => ((data) => questions.map((question) => {
  const verdict = Decision.decide(data, question);
  const { among, ...kept } = { ...verdict, sentence: Sentences.sentence(data, question, verdict) };
  return kept;
}))(Candidates.opened(data))"""
FRONTIER = """({ data, questions }) => ((data) => questions.map(([question, axis]) =>
  Frontier.frontier(data, Decision.decide(data, question).among, axis, question.queries)))(Candidates.opened(data))"""


@pytest.fixture(scope="module")
def decided(studies):
    """Of each study, questions with the terminal's answers."""
    return {
        name: [(question, decide(evidence, **question)) for question in example.questions(evidence)]
        for name, evidence in studies.items()
    }


def in_node(function, question):
    program = "".join(template_text(name) for name in SCRIPTS if name not in WITH_DOM)
    program += "const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
    program += f"console.log(JSON.stringify(({function})(given)));"
    done = subprocess.run(
        [NODE, "-e", program], input=json.dumps(question), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def given(evidence, decided):
    return {"data": decision_data(evidence), "questions": [example.asked(evidence, one) for one, _ in decided]}


def compare(evidence, decided, answers):
    wrong = {}
    for (question, verdict), found in zip(decided, answers, strict=True):
        if parts := example.differences(evidence, verdict, found):
            wrong[str(question)] = parts
    assert wrong == {}


@needs_node
@pytest.mark.parametrize("name", STUDIES)
def test_node_answers_as_the_terminal(studies, decided, name):
    compare(studies[name], decided[name], in_node(ASK, given(studies[name], decided[name])))


def test_the_page_in_a_browser_answers_as_the_terminal(studies, decided, browser, tmp_path):
    """One study as the page itself holds it, the others handed to the page's script."""
    path = tmp_path / "report.html"
    path.write_text(render_page(report_example.data(evidence=studies["wide"])), encoding="utf-8")
    visit = Visit(browser, path)
    own = visit.page.evaluate("JSON.parse(document.getElementById('decision').textContent).study")
    assert own == decision_data(studies["wide"])
    for name, evidence in studies.items():
        compare(evidence, decided[name], visit.page.evaluate(ASK, given(evidence, decided[name])))
    visit.assert_quiet()
    visit.context.close()


def test_the_questions_meet_every_kind_of_answer(studies, decided):
    """What the comparisons above would otherwise not reach."""
    verdicts = [verdict for answers in decided.values() for _, verdict in answers]
    evens = {one.break_even.kind for one in verdicts if one.break_even}
    assert {"reasoning", "unresolved"} <= {one.outcome for one in verdicts}
    assert evens == {"at_queries", "ift_always", "reasoning_always", "no_equal_accuracy"}
    assert any(one.recommended is None for one in verdicts)
    assert any("cannot tell" in one.sensitivity.values() for one in verdicts)
    assert any("left out" in text for one in verdicts for text in one.reasons)
    assert any("caps on costs exclude" in text for one in verdicts for text in one.reasons)
    draws = [draw for evidence in studies.values() for one in evidence.configurations for draw in one.accuracy_draws]
    assert max(draws) > 10_000


@needs_node
@pytest.mark.parametrize("convention", ["paper", "hf", "6nd", "exact"])
def test_another_convention_is_answered_as_the_terminal_does(studies, decided, convention):
    evidence = studies["wide"]
    asked = [question for question, _ in decided["wide"] if question["money"] is None]
    verdicts = [decide(evidence, **question, convention=convention) for question in asked]
    answers = in_node(
        ASK,
        {
            "data": decision_data(evidence),
            "questions": [example.asked(evidence, question, convention=convention) for question in asked],
        },
    )
    compare(evidence, list(zip(asked, verdicts, strict=True)), answers)
    told = [verdict.recommended is not None for verdict in verdicts]
    assert set(told) == {"6nd": {False}}.get(convention, {True, False})


@needs_node
@pytest.mark.parametrize("axis", ["training", "query", "life"])
def test_the_frontier_is_that_of_the_analysis(studies, axis):
    evidence = studies["wide"]
    questions = [one for one in example.questions(evidence, sample=40) if one["family"] != "e"][:6]
    asked = [[example.asked(evidence, one), axis] for one in questions]
    answers = in_node(FRONTIER, {"data": decision_data(evidence), "questions": asked})
    for question, found in zip(questions, answers, strict=True):
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
    program = (
        "({ data }) => data.map((one) => Array.from(Candidates.unpacked(one), (value) => Math.round(value / 1e-4)))"
    )
    assert in_node(program, {"data": [packed(group) for group in groups]}) == groups


@needs_node
def test_numbers_are_spelled_as_in_python():
    generator = np.random.default_rng(5)
    values = [0.0, 0.5, 1.5, 2.5, 0.125, 62.25, 62.35, 1.125e12, 1.375e9, 9.995e11, 999_999.5, 1e9, 0.00005]
    values += [float(x) for x in 10 ** generator.uniform(-4, 15, 300)]
    program = (
        "({ data }) => data.map((one) => ['scientific', 'count', 'percent', 'short'].map((name) => Numbers[name](one)))"
    )
    spellings = (numbers.scientific, numbers.count, numbers.percent, short)
    expected = [[spelled(one) for spelled in spellings] for one in values]
    assert in_node(program, {"data": values}) == expected
