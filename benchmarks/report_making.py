"""How large the report of a large study is, part by part, and how long `isothink report` takes to make it.

    python benchmarks/report_making.py [RUN]

The simulated study of benchmarks/report.py: 100 cells, 20,000 samples, 4 families, with learning curves and 300 pairs
of answers. Printed are the bytes of each section, of the plots and of the decision's draws, and the seconds of making
the page. With RUN, a run folder: seconds and memory of `isothink report RUN` on a copy of it, analysis included, and
again with the analysis stored.
"""

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).parent),
    *(str(Path(__file__).parents[1] / "tests" / n) for n in ("report", "evidence")),
]

import report_patterns
from report import study

from isothink.report.page import plotting_script, render_page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    options = parser.parse_args()
    if options.run is not None:
        from_folder(options.run)
        return
    data = study()
    students, arms = data.evidence.students, data.evidence.arms
    curves = report_patterns.learning(students, arms) * 2
    data = data.model_copy(update={"learning": curves, "learning_total": 100})
    start = time.perf_counter()
    plotting_script()
    middle = time.perf_counter()
    page = render_page(data)
    end = time.perf_counter()
    print(f"{len(data.evidence.configurations):,} results")
    print(f"plotting script {middle - start:.2f} s, the rest of the page {end - middle:.2f} s")
    parts = {match[1]: match[0] for match in re.finditer(r'<section id="(\w+)".*?</section>', page, re.DOTALL)}
    for name in ("plotting", "decision", "plots"):
        parts[name] = page[page.index(f'id="{name}">') :].partition("</script>")[0]
    for name, part in parts.items():
        print(f"{name:16s}{len(part.encode()) / 1e3:10.1f} KB")
    print(f"{'all':16s}{len(page.encode()) / 1e3:10.1f} KB")


def from_folder(run: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(run, copy)
        (copy / "evidence.json").unlink(missing_ok=True)
        for name in ("with its analysis", "analysed before"):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "isothink", "report", str(copy)], check=True, capture_output=True)
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
            size = (copy / "report.html").stat().st_size / 1e6
            print(f"{name}: {time.perf_counter() - start:.1f} s, at most {memory:.2f} GiB, {size:.2f} MB")


if __name__ == "__main__":
    main()
