"""Pictures without a browser, and the marks that a plot is made of."""

import re

import report_example as example
import vl_convert

from isothink.report import figures, paper
from isothink.report.frontier_figure import cost_domain, frontier_rows
from isothink.report.palette import only, only_sizes, palette, sizes
from isothink.report.sections import all_sections, frontiers


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


def test_a_range_of_costs_holds_all_of_a_family():
    evidence = example.evidence()
    rows = frontier_rows(evidence, "logic-mc", figures.arms_of(evidence))
    low, high = cost_domain(rows, "training_flops")
    assert low < 0.97e11 < 1.94e12 < high
    assert cost_domain([], "training_flops") == (1.0, 10.0)


def test_imports_of_another_scale_leave_the_plots_of_other_families_as_they_were():
    before = frontiers.section(example.data()).figures
    after = frontiers.section(example.data(evidence=example.with_imports())).figures
    assert [figure.subject for figure in after[len(before) :]] == ["imported"] * 2
    for was, now in zip(before, after, strict=False):
        assert now.rows == was.rows
        for layer_was, layer_now in zip(was.chart["layer"], now.chart["layer"], strict=True):
            assert layer_now["transform"] == layer_was["transform"]  # the offsets
            assert layer_now["encoding"]["x"] == layer_was["encoding"]["x"]
        assert _scale(now, "size")["domain"] == list(example.STUDENTS)
        assert _scale(now, "color")["domain"] == list(example.ARMS)
    assert _scale(after[-1], "color")["domain"] == ["ift", "grpo", "rft"]
    assert _scale(after[-1], "size")["domain"] == ["tiny-7b"]


def test_students_and_arms_look_the_same_in_the_plots_of_all_families():
    evidence = example.with_imports()
    looks = {}
    for figure in frontiers.section(example.data(evidence=evidence)).figures:
        for channel in ("color", "shape", "size"):
            scale = _scale(figure, channel)
            for name, look in zip(scale["domain"], scale["range"], strict=True):
                assert looks.setdefault((channel, name), look) == look
    areas = [look for (channel, _), look in looks.items() if channel == "size"]
    assert min(areas) == 45
    assert max(areas) == 200


def test_marks_of_a_single_student_have_a_size():
    assert 45 < sizes(["alone"]).areas[0] < 200
    assert sizes([]).areas == ()
    assert only_sizes(sizes(["a", "b", "c"]), {"c"}).areas == (200,)


def test_no_picture_of_a_study_of_one_student_lacks_a_number():
    data = example.one_student()
    found = {figure.id: figure for section in all_sections(data) for figure in section.figures}
    assert {"frontier-0-training", "frontier-1-inference", "difference-0-same"} < set(found)
    drawn = {name: paper.svg(figure) for name, figure in found.items()}
    drawn["overview"] = vl_convert.vegalite_to_svg(figures.overview_figure(data).to_dict())
    assert [name for name, svg in drawn.items() if "NaN" in svg] == []
    for name in ("frontier-0-training", "frontier-1-inference", "overview"):
        arcs = re.findall(r' d="M([0-9.]+),0A', drawn[name])  # of circles, the marks of ift
        assert len(arcs) >= 3, name
        assert min(map(float, arcs)) > 2, name


def _scale(figure, channel):
    """The scale of a channel of the marks, the last layer of a frontier's chart."""
    return figure.chart["layer"][-1]["encoding"][channel]["scale"]
