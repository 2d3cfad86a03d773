"""How large the report is, how long it takes to make and to open, and how soon each control answers.

    python benchmarks/report.py [--width 1440]

A simulated study of 100 cells and 20,000 samples on 4 families (5 students x 4 arms x 5 budgets, 200 items a cell) with
the draws that an analysis stores, and 300 pairs of sample answers of 2 KB. The page is opened in Chromium, from disk.
Printed are its bytes, seconds and memory of making it, milliseconds from navigation until the first answer stands and
the first screen's plots are drawn, and for every control the milliseconds from its event to the answer (all of the
computation and of the plots' updates; painting, which the browser does after, is the second figure).
"""

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / name) for name in (".", "report", "evidence")]

import decision_example
import report_example
from browsing import CHROMIUM, FLAGS
from playwright.sync_api import sync_playwright
from simulation import World

from isothink.evidence.settings import AnalysisSettings
from isothink.report.data import ReportData
from isothink.report.page import plotting_script, render_page

FAMILIES = 4
STEPS = 25
ARMS = ("ift", "reasoning", "sequential(0.5)", "mixed(0.5)")
CONTROLS = ("budget", "queries", "family", "axis", "unit", "device", "convention", "price", "target")
# One event of a control, and how long until the answer stands and is painted.
MOVE = """async ([name, step]) => {
  const node = document.getElementById(`set-${name}`);
  if (node.tagName === "SELECT") node.selectedIndex = step % node.options.length;
  else if (node.type === "range") node.value = 1 + ((step * 7) % (Number(node.max) - 1));
  else node.value = name === "target" ? 30 + step : 1 + step / 10;
  performance.clearMeasures();
  const start = performance.now();
  node.dispatchEvent(new Event("input", { bubbles: true }));
  if (node.tagName === "SELECT") node.dispatchEvent(new Event("change", { bubbles: true }));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const painted = performance.now() - start;
  const [answer] = performance.getEntriesByName("answer");
  return [answer.duration, painted];
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=1440)
    options = parser.parse_args()
    data = study()
    plotting_script()
    start = time.perf_counter()
    page = render_page(data)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    cells = len(data.evidence.configurations)
    print(f"{cells} results ({cells // FAMILIES} cells on {FAMILIES} families), {len(data.samples)} pairs of answers")
    print(f"page: {len(page.encode()) / 1e6:.2f} MB, made in {seconds:.2f} s, process at most {memory:.2f} GiB")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder) / "report.html"
        path.write_text(page, encoding="utf-8")
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        measure(browser, path, options.width)
        browser.close()


def study() -> ReportData:
    world = World(
        seeds=1,
        items=4 * 50,
        students=("s", "m", "l", "xl", "xxl"),
        arms=ARMS,
        budgets=(1e11, 3e11, 1e12, 3e12, 1e13),
    )
    evidence = decision_example.large_evidence(world, settings=AnalysisSettings(draws=2000, frontier_draws=500))
    text = "A sentence that a model repeats. " * 30
    pair = report_example.samples()[0]
    pair = pair.model_copy(
        update={"left": report_example.answer("a", text, True), "right": report_example.answer("b", text, False)}
    )
    return report_example.data(evidence=evidence, samples=(pair,) * 300, samples_total=20_000)


def measure(browser, path: Path, width: int) -> None:  # type: ignore[no-untyped-def]
    opened = []
    for _ in range(3):
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
        page = context.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-explorer=drawn]")
        opened.append(
            page.evaluate(
                """() => [performance.getEntriesByName("answer")[0], performance.getEntriesByName("drawn")[0]]
                .map((one) => one.startTime + one.duration)"""
            )
        )
        page.wait_for_selector("html[data-plots=drawn]", timeout=120_000)
        everything = page.evaluate("performance.now()")
        first, plots = opened[-1]
        print(f"opened: first answer {first:.0f} ms, its plots {plots:.0f} ms, all plots {everything:.0f} ms")
        if len(opened) < 3:
            context.close()
    page.select_option("#set-unit", "usd")
    for name in CONTROLS:
        if name == "convention":
            page.select_option("#set-unit", "flops")
        if name == "price":
            page.select_option("#set-unit", "usd")
        found = [page.evaluate(MOVE, [name, step]) for step in range(STEPS)]
        answers, painted = zip(*found, strict=True)
        print(
            f"{name:11s} answer {statistics.median(answers):5.1f} ms (most {max(answers):5.1f}), "
            f"on the screen {statistics.median(painted):5.1f} ms (most {max(painted):5.1f})"
        )


if __name__ == "__main__":
    if shutil.which("chromium") is None and CHROMIUM is None:
        sys.exit("Chromium is not installed")
    main()
