"""The page in a real Chromium, from disk, with the network off. Skipped, visibly, where no browser can be driven."""

import csv
import io
import re

import pytest
import report_example as example

from isothink.report.figure import csv_text
from isothink.report.page import render_page
from isothink.report.sections import all_sections

from ..browsing import Visit

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser to drive").expect
PLOTS = {"data": 48, "halfway": 48, "one_student": 24, "all_failed": 2, "empty": 0, "hostile": 48}


@pytest.fixture(scope="module")
def files(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def visit(browser, files):
    """Opens a page, or gives the one already open: only tests that leave it as it was share it."""
    opened = {}

    def open_page(name, width=1440, theme="light", fresh=False):
        key = (name, width, theme, fresh)
        if fresh or key not in opened:
            opened[key] = Visit(browser, files / f"{name}.html", width, theme)
        return opened[key]

    yield open_page
    for one in opened.values():
        one.context.close()


@pytest.mark.parametrize("name", PLOTS)
def test_opens_from_disk_quietly_and_draws_every_plot(visit, name):
    seen = visit(name)
    seen.assert_quiet()
    assert seen.page.locator(".plot").count() == seen.page.locator(".plot svg").count() == PLOTS[name]


@pytest.mark.parametrize("name", PLOTS)
def test_nothing_sticks_out_of_a_narrow_screen(visit, name):
    page = visit(name, width=360, theme="dark").page
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_marks_stand_for_configurations(visit):
    page = visit("data").page
    assert page.locator("#frontier-0-training .mark-symbol.role-mark path").count() == 36
    assert page.locator("#difference-0-best .mark-symbol.role-mark path").count() == 6
    assert page.locator("#difference-0-same .role-scope.cell > g").count() == 4
    assert page.locator("#ledger-phases .mark-rect.role-mark path").count() == 4


def test_marks_of_a_single_student_can_be_seen(visit):
    page = visit("one_student").page
    for name in ("explorer-frontier", "frontier-0-training", "frontier-1-inference"):
        marks = page.locator(f"#{name} .mark-symbol.role-mark path[aria-label*='small/']")
        widths = marks.evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().width)")
        assert len(widths) >= 9, name
        assert min(widths) > 5, name
        legend = page.locator(f"#{name} .role-legend-entry text").all_text_contents()
        assert "small" in legend, name
        assert not {"tiny", "medium", "large"} & set(legend), name


PANELS_AND_AXES = """(figure) => {
  const boxes = (selector) => [...figure.querySelectorAll(selector)].map((one) => one.getBoundingClientRect());
  const panels = boxes(".role-scope.cell > g > path.background");
  const axes = boxes("[aria-label^='X-axis']").filter((one) => one.height > 8);
  return {
    panels: panels.length,
    axes: axes.length,
    under: axes.every((axis) =>
      panels.some(
        (panel) =>
          Math.abs(axis.top - panel.bottom) < 4 && axis.right > panel.left + 5 && axis.left < panel.right - 5,
      ),
    ),
  };
}"""


@pytest.mark.parametrize("width", [360, 1440])
def test_axes_stand_under_panels_and_under_no_empty_place(visit, width):
    page = visit("data", width=width, theme="dark" if width == 360 else "light").page
    for name in ("equal-0-inference", "difference-0-same", "prediction-0-accuracy", "learning-loss"):
        found = page.locator(f"#{name}").evaluate(PANELS_AND_AXES)
        assert found["panels"] == {"equal-0-inference": 5, "prediction-0-accuracy": 9}.get(name, 4)
        assert found["axes"] > 0, name
        assert found["under"], (name, found)


@pytest.mark.parametrize("width", [360, 1440])
def test_a_title_that_all_panels_share_stands_once(visit, width):
    page = visit("data", width=width, theme="dark" if width == 360 else "light").page
    titles = {
        "learning-loss": "training FLOPs (log scale)",
        "prediction-0-gain": "parameters (log scale)",
        "curriculum-0-accuracy": "share of reasoning",
        "equal-0-lifetime": "budget, training FLOPs",
    }
    for name, title in titles.items():
        texts = page.locator(f"#{name} svg text").all_text_contents()
        assert texts.count(title) == 1, name


def test_predictions_of_one_arm_hide_no_other(visit):
    page = visit("data").page
    colours = page.locator("#prediction-0-accuracy .role-scope.cell > g").evaluate_all(
        """(panels) => panels.map((one) => [...one.querySelectorAll(".role-mark [stroke], .role-mark[stroke]")]
        .map((mark) => mark.getAttribute("stroke")).filter((colour) => /^#/.test(colour)))"""
    )
    assert len(colours) == 9
    assert {len(set(found)) for found in colours} == {1}
    assert len({found[0] for found in colours}) == 3


WORDS_AND_RINGS = """() => {
  const plot = document.getElementById("explorer-frontier");
  const [words] = [...plot.querySelectorAll("text")].filter((one) => one.textContent.startsWith("equal accuracy"));
  if (!words) return null;
  const box = words.getBoundingClientRect();
  const marks = [...plot.querySelectorAll(".role-mark path[fill='transparent']")];
  const rings = marks.map((one) => one.getBoundingClientRect());
  const common = (from, to) => Math.max(0, to - from);
  const share = (one) =>
    (common(Math.max(one.left, box.left), Math.min(one.right, box.right)) *
      common(Math.max(one.top, box.top), Math.min(one.bottom, box.bottom))) /
    (one.width * one.height);
  const last = [...plot.querySelectorAll(".role-mark")].at(-1);
  return { rings: rings.length, covered: Math.max(0, ...rings.map(share)), isLast: last.contains(words) };
}"""


@pytest.mark.parametrize("width", [360, 1440])
def test_words_of_equal_accuracy_stand_beside_the_rings_and_on_top(visit, width):
    seen = visit("data", width=width, theme="dark" if width == 360 else "light")
    told = 0
    for family in range(4):
        seen.page.select_option("#set-family", index=family)
        seen.settle()
        found = seen.page.evaluate(WORDS_AND_RINGS)
        if found is not None:
            told += 1
            assert found["rings"] >= 2
            assert found["covered"] <= (0.1 if width == 360 else 0)  # a corner at most, where there is no room
            assert found["isLast"]
    assert told > 0
    seen.page.select_option("#set-family", index=0)


def test_a_mark_tells_its_numbers(visit):
    page = visit("data").page
    page.locator("#frontier-3-inference .mark-symbol.role-mark path").last.hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")
    told = page.locator("#vg-tooltip-element").inner_text()
    assert "accuracy" in told
    assert "P(on frontier)" in told


def test_hostile_text_in_a_tooltip_stays_text(visit):
    seen = visit("hostile")
    seen.page.locator("#frontier-0-training .mark-symbol.role-mark path").last.hover(force=True)
    seen.page.wait_for_selector("#vg-tooltip-element.visible")
    assert seen.page.locator("#vg-tooltip-element script, #vg-tooltip-element img").count() == 0
    assert seen.dialogs == []
    assert seen.said == []


def test_a_script_put_into_the_page_does_not_run(visit):
    seen = visit("data", fresh=True)
    seen.page.evaluate(
        "const made = document.createElement('script'); made.textContent = 'alert(1)'; document.body.append(made)"
    )
    assert seen.dialogs == []
    assert any("Content Security Policy" in line for line in seen.said)


def test_text_follows_the_theme(visit):
    colours = set()
    for theme in ("light", "dark"):
        page = visit("data", theme=theme).page
        text = page.locator("#frontier-0-training .role-axis-label text").first
        colours.add(text.evaluate("(node) => getComputedStyle(node).fill"))
    assert len(colours) == 2


def test_a_csv_is_saved_from_disk(visit):
    page = visit("data").page
    with page.expect_download() as saving:
        page.locator("a[download='configurations.csv']").click()
    assert saving.value.suggested_filename == "configurations.csv"


def test_printing_unfolds_everything(visit):
    page = visit("data").page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0


def test_samples_are_found_by_words(visit):
    page = visit("data").page
    assert page.locator(".sample:visible").count() == 8
    page.fill("#samples-words", "LOGIC-mc  chain-9")
    expect(page.locator("#samples-found")).to_have_text("1 of 8 pairs")
    assert page.locator(".sample:visible").count() == 1
    page.fill("#samples-words", "no such words")
    expect(page.locator("#samples-found")).to_have_text("0 of 8 pairs")
    page.fill("#samples-words", "")
    expect(page.locator("#samples-found")).to_have_text("")
    assert page.locator(".sample:visible").count() == 8


def test_samples_are_shown_some_at_a_time_and_all_of_them_searched(browser, tmp_path):
    path = tmp_path / "report.html"
    pairs = [
        pair.model_copy(update={"item": f"{pair.item}-{number}"}) for number in range(6) for pair in example.samples()
    ]
    page = render_page(example.empty().model_copy(update={"samples": tuple(pairs)}))  # without plots it opens at once
    path.write_text(page, encoding="utf-8")
    opened = Visit(browser, path)
    shown, more = opened.page.locator(".sample:visible"), opened.page.locator("#samples-more")
    assert shown.count() == 20
    more.locator("button").click()
    assert shown.count() == 40
    opened.page.fill("#samples-words", "chain-9-5")
    expect(opened.page.locator("#samples-found")).to_have_text("4 of 48 pairs")
    assert shown.count() == 4 and more.is_hidden()
    opened.page.emulate_media(media="print")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert shown.count() == 4
    opened.assert_quiet()
    opened.context.close()


def test_hostile_words_are_only_words(visit):
    seen = visit("hostile")
    seen.page.fill("#samples-words", "</script><script>alert(1)</script>")
    expect(seen.page.locator("#samples-found")).to_have_text(re.compile("[1-9] of"))
    assert seen.dialogs == []
    assert seen.said == []
    seen.page.fill("#samples-words", "")


def test_the_rows_of_a_plot_are_saved_as_csv(visit):
    page = visit("data").page
    with page.expect_download() as saving:
        page.locator("a[data-csv='gain-0']").click()
    assert saving.value.suggested_filename == "gain-0.csv"
    figure = next(one for section in all_sections(example.data()) for one in section.figures if one.id == "gain-0")
    with saving.value.path().open(encoding="utf-8", newline="") as file:
        saved = list(csv.DictReader(file))
    expected = list(csv.DictReader(io.StringIO(csv_text(figure.rows))))
    assert [row["arm"] for row in saved] == [row["arm"] for row in expected]
    assert [float(row["gain"]) for row in saved] == [float(row["gain"]) for row in expected]


def test_hostile_rows_are_saved_as_text(visit):
    page = visit("hostile").page
    with page.expect_download() as saving:
        page.locator("a[data-csv='learning-loss']").click()
    with saving.value.path().open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {7}
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


def test_predictions_and_measurements_are_drawn_differently(visit):
    page = visit("data").page
    marks = page.locator("#prediction-0-accuracy .mark-symbol.role-mark path")
    fills = marks.evaluate_all("(all) => all.map((one) => one.getAttribute('fill'))")
    assert fills.count("transparent") == 24
    assert len(fills) == 24 + 36
    dashed = page.locator("#prediction-0-accuracy .mark-line.role-mark path, #prediction-0-accuracy path")
    assert any(dashed.evaluate_all("(all) => all.map((one) => one.getAttribute('stroke-dasharray'))"))
