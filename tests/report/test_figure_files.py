"""Figures and tables as files: all of them, at the size of a column, in their own folder, over no file of others."""

import json
import struct

import pytest
import report_example as example
import report_patterns as made_up

from isothink.errors import UsageError
from isothink.report import paper
from isothink.report.figure_files import INDEX, LISTING, write_figures
from isothink.report.sections import all_sections


def small():
    """A study of one family, which is drawn in a second or two."""
    evidence = example.evidence(
        students={"tiny": 24_000, "small": 138_000}, families=("arithmetic-oe",), budgets=(1e11,)
    )
    return example.data(evidence=evidence)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures") / "new" / "figures"
    return folder, write_figures(small(), folder)


def test_every_figure_and_table_is_there(written):
    folder, paths = written
    sections = all_sections(small())
    figures = [figure.id for section in sections for figure in section.figures]
    tables = [table.id for section in sections for table in section.tables]
    expected = {f"{name}.{kind}" for name in figures for kind in ("png", "svg", "csv")}
    expected |= {f"{name}.{kind}" for name in tables for kind in ("md", "csv")}
    assert {path.name for path in paths} == expected | {INDEX}
    assert {path.name for path in folder.iterdir()} == expected | {INDEX, LISTING}
    assert {"frontier-0-training", "gain-0", "prediction-0-gain", "learning-loss", "equal-0-lifetime"} < set(figures)
    assert {"verdicts", "configurations-0", "planned", "lengths", "forms", "crossovers"} < set(tables)
    index = (folder / INDEX).read_text(encoding="utf-8")
    assert all(f"`{name}." in index for name in (*figures, *tables))


def test_a_picture_is_one_column_wide_at_300_dots_per_inch(written):
    folder, _ = written
    for path in folder.glob("*.png"):
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        assert 600 < width < 1.12 * paper.COLUMN / paper.POINTS_PER_INCH * paper.DOTS_PER_INCH, path.name
        assert height > 200
    drawn = (folder / "gain-0.svg").read_text(encoding="utf-8")
    assert "arithmetic-oe" in drawn
    assert "output tokens, times those of IFT (log scale)" in drawn


def test_its_own_files_are_replaced_and_those_of_an_earlier_report_removed(tmp_path):
    few = example.all_failed()
    write_figures(few.model_copy(update={"learning": small().learning}), tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    write_figures(few, tmp_path)
    after = {path.name for path in tmp_path.iterdir()}
    assert "learning-loss.png" in before - after
    assert "ledger-phases.png" in after


def test_no_file_of_others_is_touched(tmp_path):
    foreign = tmp_path / "ledger-phases.png"
    foreign.write_text("mine")
    with pytest.raises(UsageError, match=r"ledger-phases\.png: found a file that isothink did not write"):
        write_figures(example.all_failed(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [foreign.name]
    foreign.unlink()
    write_figures(example.all_failed(), tmp_path)
    (tmp_path / "ledger.md").write_text("edited by hand")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"ledger\.md"):
        write_figures(example.all_failed(), tmp_path)
    assert (tmp_path / "ledger.md").read_text() == "edited by hand"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "figures"
    outside.write_text("mine")
    folder.mkdir()
    (folder / "ledger.md").symlink_to(outside)
    with pytest.raises(UsageError):
        write_figures(example.all_failed(), folder)
    assert outside.read_text() == "mine"


def test_a_listing_that_names_other_places_is_refused(tmp_path):
    (tmp_path / LISTING).write_text(json.dumps({"../x": "0"}))
    with pytest.raises(UsageError, match="found no list of figures"):
        write_figures(example.all_failed(), tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match="found a file, allowed is a folder"):
        write_figures(example.all_failed(), file)


def test_hostile_names_form_no_path_and_nothing_that_runs(tmp_path):
    text = " ".join(example.HOSTILE[:-1]) + " ../../up"
    data = example.all_failed().model_copy(
        update={
            "title": text,
            "learning": made_up.learning((text,), (text,)),
            "planned": made_up.planned((text,), (text,)),
        }
    )
    paths = write_figures(data, tmp_path / "figures")
    assert {path.parent for path in paths} == {tmp_path / "figures"}
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]
    for path in paths:
        if path.suffix == ".svg":
            assert "<script" not in path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            assert "<" not in path.read_text(encoding="utf-8").replace("\\<", "")
