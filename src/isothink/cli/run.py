"""`isothink run` and its stages: runs, then prints the verdict and where the report lies."""

import sys
from pathlib import Path

import typer

from isothink import api
from isothink.cli.output import print_json
from isothink.evidence.record import Evidence
from isothink.run.ranks import this_process_leads
from isothink.run.result import RunResult, Stage


def run_and_print(study: Path, overrides: list[str], *, until: Stage, as_json: bool) -> None:
    """Runs a study up to a stage. Exit status 1 if anything failed; what did not is kept."""
    result = api.run(api.load_study(study, overrides), until=until, quiet=False)
    if not this_process_leads():
        return
    if as_json:
        print_json(
            {
                "run": str(result.run),
                "completed": list(result.completed),
                "skipped": list(result.skipped),
                "failed": [{"id": failure.id, "error": failure.error} for failure in result.failed],
                "report": None if result.report is None else str(result.report),
            }
        )
    else:
        _print_text(result)
    if result.failed:
        raise typer.Exit(1)


def _print_text(result: RunResult) -> None:
    if result.report is not None:
        evidence = api.read_evidence(result.run)
        if evidence is not None:
            print_verdicts(evidence)
    for failure in result.failed:
        print(f"failed: {failure.id}: {failure.error}", file=sys.stderr)
    print(f"run: {result.run}")
    if result.report is not None:
        print(f"report: {result.report}")


def print_verdicts(evidence: Evidence) -> None:
    """Prints the verdicts as a table and in sentences."""
    from isothink.cli.output import wide_console
    from isothink.report.sentences import verdict_sentences
    from isothink.report.terminal import verdict_table

    console = wide_console()
    console.print(verdict_table(evidence))
    for sentence in verdict_sentences(evidence):
        console.print(sentence, markup=False, highlight=False)
