"""The controls of the first screen, in a real Chromium: what they set is what the page answers, at once and quietly."""

import csv

import decision_example as example
import pytest
import report_example

from isothink.evidence.money import money
from isothink.evidence.verdict import decide
from isothink.report.page import render_page
from isothink.report.sentences import verdict_sentence

from ..browsing import Visit


@pytest.fixture(scope="module")
def evidence(studies):
    return studies["wide"]


@pytest.fixture(scope="module")
def path(evidence, tmp_path_factory):
    file = tmp_path_factory.mktemp("explorer") / "report.html"
    file.write_text(render_page(report_example.data(evidence=evidence, samples=())), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def visit(browser, path):
    opened = Visit(browser, path)
    yield opened
    opened.context.close()


@pytest.fixture(autouse=True)
def own_question(visit):
    """Every test starts from the study's own question on its first family."""
    visit.page.select_option("#set-family", "0")
    visit.page.click("#set-reset")
    yield
    visit.assert_quiet()


def answered(visit):
    visit.settle()
    return visit.page.evaluate("(({ question, verdict: { among, ...kept } }) => kept)(Explorer.answer())")


def set_to(visit, **values):
    for name, value in values.items():
        control = visit.page.locator(f"#set-{name.replace('_', '-')}")
        if control.evaluate("(node) => node.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)


def test_the_page_opens_on_the_studys_own_question(visit, evidence):
    verdict = next(one for one in evidence.verdicts if one.family == "f")
    found = answered(visit)
    assert found["recommended"]["cell"] == verdict.recommended.cell
    assert visit.page.locator("#answer-full").text_content() == verdict_sentence(evidence, verdict)
    assert verdict.recommended.cell in visit.page.locator("#answer-sentence").text_content()


@pytest.mark.parametrize(
    ("controls", "asked"),
    [
        ({"family": "1"}, {"family": "g"}),
        ({"budget_number": "1e11"}, {"budget_flops": 1e11}),
        ({"queries_number": "1e9"}, {"queries": 1e9}),
        ({"query_cap": "1e8"}, {"inference_budget": 1e8}),
        ({"life_cap": "2e13"}, {"lifetime_budget": 2e13}),
        ({"target": "55"}, {"target_accuracy": 0.55}),
        (
            {"unit": "seconds", "device": "L4", "batch": "4", "utilisation": "30"},
            {"money": money("seconds", device_name="l4", price_per_hour=1, batch_size=4, utilisation=0.3)},
        ),
        (
            {"unit": "usd", "axis": "life", "price": "3.5", "queries_number": "1e7"},
            {"money": money("usd", device_name="h100", price_per_hour=3.5), "queries": 1e7},
        ),
    ],
)
def test_a_control_moves_the_answer_to_the_terminals(visit, evidence, controls, asked):
    visit.page.evaluate("document.querySelector('#controls details').open = true")
    set_to(visit, **controls)
    question = {"family": "f", "budget_flops": evidence.budgets_flops[-1], "queries": evidence.queries}
    verdict = decide(evidence, **{**question, **asked})
    found = answered(visit)
    sentence = visit.page.locator("#answer-full").text_content()
    assert example.differences(evidence, verdict, {**found, "sentence": sentence}) == []
    assert verdict.recommended.cell in visit.page.locator("#answer-tiles").inner_text()


def test_a_slider_moves_by_keyboard_and_its_number_follows(visit, evidence):
    slider = visit.page.locator("#set-budget")
    slider.focus()
    for _ in range(4):
        visit.page.keyboard.press("ArrowLeft")
    below = answered(visit)["budget"]
    assert 0 < below < evidence.budgets_flops[-1]
    assert float(visit.page.input_value("#set-budget-number")) == below
    assert "FLOPs" in slider.get_attribute("aria-valuetext")
    visit.page.keyboard.press("Home")
    assert answered(visit)["budget"] < 1.01 * min(one.training_flops for one in evidence.configurations)


def test_every_budget_of_the_grid_is_a_step_of_the_slider(visit, evidence):
    steps = visit.page.evaluate(
        """() => { const slider = document.getElementById("set-budget");
        return Array.from({ length: Number(slider.max) + 1 }, (_, at) => {
          slider.value = at; slider.dispatchEvent(new Event("input"));
          return Number(document.getElementById("set-budget-number").value); }); }"""
    )
    assert steps == sorted(steps)
    assert set(evidence.budgets_flops) <= set(steps)


def test_the_plots_follow_the_controls(visit):
    page = visit.page
    answered(visit)
    shown = [page.locator("#explorer-frontier").get_attribute("aria-label")]
    for axis, unit in (("query", "flops"), ("life", "flops"), ("training", "usd")):
        set_to(visit, axis=axis, unit=unit)
        answered(visit)
        shown.append(page.locator("#explorer-frontier").get_attribute("aria-label"))
        assert "Recommended: " in shown[-1]
        title = page.locator("#explorer-frontier .role-axis-title text").all_text_contents()
        assert any({"flops": "FLOPs", "usd": "dollars"}[unit] in text for text in title)
    assert len(set(shown)) == 4
    rings = page.locator("#explorer-frontier .mark-symbol.role-mark path[stroke='#1B1F24']")
    assert rings.count() >= 1


def test_captions_count_what_is_drawn_and_its_rows_are_saved_as_csv(visit, evidence):
    set_to(visit, family="0", queries_number="1e6")
    found = answered(visit)
    name = evidence.families[0]
    cells = [one for one in evidence.configurations if one.family == name]
    items = {one.items for one in cells}
    assert len(items) == 1
    said = visit.page.locator("#explorer-frontier-n").text_content()
    assert said == f"n = {len(cells)} configurations, {items.pop()} items each."
    assert found["break_even"] is not None
    assert visit.page.locator("#explorer-break-even-n").text_content().startswith("n = ")
    for identity, columns in (
        ("frontier", {"configuration", "arm", "cost", "accuracy"}),
        ("break-even", {"arm", "cost"}),
    ):
        with visit.page.expect_download() as saving:
            visit.page.locator(f"a[data-csv='explorer-{identity}']").click()
        with saving.value.path().open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert columns <= rows[0].keys()
        if identity == "frontier":
            assert {row["configuration"]: float(row["accuracy"]) for row in rows} == {
                one.configuration: pytest.approx(one.accuracy) for one in cells
            }


def test_another_convention_rescales_the_budget_and_says_so(visit, evidence):
    verdict = next(one for one in evidence.verdicts if one.family == "f")
    set_to(visit, convention="paper", budget_number="1e12")
    found = answered(visit)
    terminal = decide(evidence, family="f", budget_flops=1e12, queries=verdict.queries, convention="paper")
    assert example.differences(evidence, terminal, found | {"sentence": verdict_sentence(evidence, terminal)}) == []
    if found["recommended"]:
        assert "Priced under the paper convention" in visit.page.locator("#answer-notes").text_content()
    else:
        assert "cannot tell under the paper" in visit.page.locator("#answer-sentence").text_content()
    set_to(visit, unit="usd")
    assert visit.page.locator("#set-convention").is_disabled()


def test_what_is_no_number_changes_nothing_and_is_marked(visit):
    before = answered(visit)
    for text in ("-5", ""):
        set_to(visit, budget_number=text)
        assert answered(visit)["budget"] == before["budget"]
        assert visit.page.get_attribute("#set-budget-number", "aria-invalid") == "true"
    visit.page.locator("#set-budget-number").blur()
    assert visit.page.get_attribute("#set-budget-number", "aria-invalid") == "false"
    assert float(visit.page.input_value("#set-budget-number")) == before["budget"]


def test_a_price_that_is_none_leaves_the_last_one_and_says_so(visit):
    set_to(visit, unit="usd", device="L4", price="0.8")
    before = answered(visit)
    for text in ("", "0", "-3"):
        set_to(visit, price=text)
        found = answered(visit)
        assert found["money"]["price_per_hour"] == 0.8
        assert found["recommended"]["lifetime_cost"] == before["recommended"]["lifetime_cost"]
        assert visit.page.get_attribute("#set-price", "aria-invalid") == "true"
        said = visit.page.locator("#controls-problem").text_content()
        assert said == "Dollars per device-hour: allowed is a number above 0; 0.8 counts."
    set_to(visit, price="1.5")
    assert answered(visit)["money"]["price_per_hour"] == 1.5
    assert visit.page.locator("#controls-problem").text_content() == ""


def test_a_target_that_an_arm_does_not_reach_is_said(visit):
    set_to(visit, target="100")
    answered(visit)
    assert "not both arms reach 100.0%" in visit.page.locator("#answer-tiles").text_content()


def test_the_terminals_command_is_told(visit):
    set_to(visit, unit="usd", device="RTX 4090", price="0.7", budget_number="1e12")
    answered(visit)
    assert visit.page.locator("#answer-command").text_content() == (
        "isothink verdict RUN --family f --budget 1e12 --queries 1e5 --axis usd --device 'RTX 4090' --price 0.7"
        " --batch-size 32 --utilisation 0.4"
    )
    set_to(visit, unit="flops", convention="paper", target="62.5")
    answered(visit)
    assert visit.page.locator("#answer-command").text_content() == (
        "isothink verdict RUN --family f --budget 1e12 --queries 1e5 --target 0.625 --convention paper"
    )


def test_what_would_change_it_and_the_crossover_follow_the_controls(visit, evidence):
    low, high = evidence.budgets_flops[0], evidence.budgets_flops[-1]
    told = []
    for budget in (low, high):
        set_to(visit, budget_number=str(budget), queries_number="1e9")
        answered(visit)
        verdict = decide(evidence, family="f", budget_flops=budget, queries=1e9)
        told.append(visit.page.locator("#answer-change").text_content())
        assert told[-1] == f"What would change it: {'; '.join(verdict.would_change_it)}."
        tiles = visit.page.locator("#answer-tiles").text_content()
        assert ("Reasoning gains nothing at" in tiles) == (verdict.crossover_parameters is not None)
    assert told[0] != told[1]


def test_every_control_has_a_name_and_the_answer_is_announced(visit):
    unnamed = visit.page.evaluate(
        """[...document.querySelectorAll("#controls select, #controls input")]
        .filter((node) => !node.labels.length && !node.getAttribute("aria-label")).map((node) => node.id)"""
    )
    assert unnamed == []
    assert visit.page.get_attribute("#answer-sentence", "aria-live") == "polite"


def test_a_family_of_the_list_can_be_chosen_by_a_click(visit):
    visit.page.locator("#families li").nth(1).click()
    assert answered(visit)["family"] == "g"
    visit.page.locator("#families li").nth(2).click()  # nothing was scored there
    assert answered(visit)["family"] == "g"


def test_without_scripts_the_verdicts_can_be_read(browser, path, evidence):
    visit = Visit(browser, path, java_script_enabled=False)
    verdict = next(one for one in evidence.verdicts if one.family == "f")
    assert verdict.recommended.cell in visit.page.locator("#answer-sentence").inner_text()
    assert verdict.recommended.cell in visit.page.locator("#families li").first.inner_text()
    for part in ("#controls", ".explored", "#answer-tiles"):
        assert not visit.page.locator(part).is_visible()
    visit.context.close()


def test_hostile_names_stay_text_in_every_control_and_answer(browser, pages, tmp_path):
    file = tmp_path / "hostile.html"
    file.write_text(pages["hostile"], encoding="utf-8")
    opened = Visit(browser, file)
    for family in ("1", "0"):
        opened.page.select_option("#set-family", family)
        opened.settle()
    assert "<script>alert(1)</script>" in opened.page.locator("#answer-sentence").text_content()
    assert "<img src=x onerror=alert(2)>" in opened.page.locator("#set-family option").first.text_content()
    assert opened.page.locator("#explorer script, #explorer img, #families script, #families img").count() == 0
    opened.assert_quiet()
    opened.context.close()


def test_a_study_half_way_answers_too(browser, pages, tmp_path):
    file = tmp_path / "halfway.html"
    file.write_text(pages["halfway"], encoding="utf-8")
    opened = Visit(browser, file)
    opened.page.fill("#set-budget-number", "1e10")
    opened.settle()
    assert (
        "no configuration is within the training budget of 1e10 FLOPs"
        in opened.page.locator("#answer-sentence").text_content()
    )
    opened.page.fill("#set-budget-number", "3e12")
    opened.settle()
    assert "extrapolated" in opened.page.locator("#answer-tiles").inner_text()
    opened.assert_quiet()
    opened.context.close()
