"""Pictures without a browser, and the marks that a plot is made of."""

import report_example as example

from isothink.report import figures
from isothink.report.frontier_figure import cost_domain, frontier_rows
from isothink.report.palette import only, palette


def test_overview_is_written_as_png_and_svg(tmp_path):
    chart = figures.overview_figure(example.data())
    figures.save_png(chart, tmp_path / "overview.png")
    figures.save_svg(chart, tmp_path / "overview.svg")
    assert (tmp_path / "overview.png").read_bytes().startswith(b"\x89PNG\r\n")
    drawn = (tmp_path / "overview.svg").read_text(encoding="utf-8")
    assert all(family in drawn for family in example.FAMILIES)
    assert "training FLOPs (log scale)" in drawn
    assert "sequential(0.5)" in drawn


def test_hostile_names_and_nothing_at_all_can_be_drawn(tmp_path):
    for number, data in enumerate((example.hostile(), example.all_failed(), example.empty())):
        figures.save_svg(figures.overview_figure(data), tmp_path / f"{number}.svg")
        assert "<script" not in (tmp_path / f"{number}.svg").read_text(encoding="utf-8")


def test_one_family_over_every_axis(tmp_path):
    for axis in ("training_flops", "inference_flops_per_query", "lifetime_flops"):
        figures.save_png(figures.frontier_figure(example.data(), "logic-oe", axis), tmp_path / f"{axis}.png", scale=1)
        assert (tmp_path / f"{axis}.png").stat().st_size > 5_000


def test_rows_say_who_is_on_the_frontier():
    evidence = example.evidence()
    rows = frontier_rows(evidence, "logic-mc", figures.arms_of(evidence))
    members = [row["configuration"] for row in rows if row["on_frontier_training_flops"]]
    assert members == ["large/ift/1e11", "large/ift/5e11", "large/ift/2e12"]
    assert {row["probability_training_flops"] for row in rows} == {0.8, 0.12}


def test_students_stand_smallest_first():
    assert figures.students_of(example.evidence()) == ["tiny", "small", "medium", "large"]


def test_arms_keep_their_colours_whatever_else_is_there():
    alone, many = palette({"reasoning"}), palette({"mixed(0.5)", "ift", "reasoning", "sequential(0.25)"})
    assert many.arms == ("ift", "reasoning", "mixed(0.5)", "sequential(0.25)")
    assert alone.colours[0] == many.colours[1]
    assert only(many, {"sequential(0.25)"}).shapes == (many.shapes[3],)
    assert len(set(many.colours)) == len(set(many.shapes)) == 4


def test_all_panels_share_a_range_of_costs():
    evidence = example.evidence()
    low, high = cost_domain(evidence, "training_flops")
    assert low < 0.97e11 < 1.94e12 < high
    assert cost_domain(example.empty().evidence, "training_flops") == (1.0, 10.0)
