"""Draws docs/quickstart.png from a finished run: `python scripts/draw_readme_picture.py runs/quickstart`."""

import sys
from pathlib import Path

from isothink.report.figures import overview_figure, save_png
from isothink.run.evidence_file import read_evidence
from isothink.run.open import open_run
from isothink.run.reporting import report_data


def main() -> None:
    """Draws accuracy against training FLOPs, one panel per family."""
    workspace = open_run(Path(sys.argv[1]))
    evidence = read_evidence(workspace.folder)
    if evidence is None:
        sys.exit(f"{sys.argv[1]}: found no evidence.json; `isothink analyze` makes it")
    path = Path(__file__).resolve().parent.parent / "docs" / "quickstart.png"
    save_png(overview_figure(report_data(workspace, evidence)), path, scale=1.5)
    print(path)


if __name__ == "__main__":
    main()
