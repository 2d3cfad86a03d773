"""`isothink run` and its stages: runs, then prints the verdict and where the report lies."""

import sys
from pathlib import Path

import typer

from isothink import api
from isothink.cli.output import print_json
from isothink.evidence.record import Evidence
from isothink.run.ranks import this_process_leads
from isothink.run.result import RunResult, Stage

MOST_NAMED = 4


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
        count = f"{len(result.failed)} cell{'s' if len(result.failed) > 1 else ''}"
        print(f"error: {count} failed; everything else is kept", file=sys.stderr)
        print(
            "hint: the same command tries them again; a change of the study file redoes what it touches",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def _print_text(result: RunResult) -> None:
    if result.report is not None:
        evidence = api.read_evidence(result.run)
        if evidence is not None:
            print_verdicts(evidence)
    for error, cells in _by_error(result).items():
        print(f"failed: {_named(cells)}: {error}", file=sys.stderr)
    print(f"run: {result.run}")
    if result.report is not None:
        print(f"report: {result.report}")


def _by_error(result: RunResult) -> dict[str, list[str]]:
    """Failed cells by what their steps said: one trunk that fails takes all cells along that branch off it."""
    found: dict[str, list[str]] = {}
    for failure in result.failed:
        found.setdefault(failure.error, []).append(failure.id)
    return found


def _named(cells: list[str]) -> str:
    more = len(cells) - MOST_NAMED
    return ", ".join(cells[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def print_verdicts(evidence: Evidence) -> None:
    """Prints the verdicts as a table and in sentences."""
    from isothink.cli.output import wide_console
    from isothink.report.sentences import verdict_sentences
    from isothink.report.terminal import verdict_table

    console = wide_console()
    console.print(verdict_table(evidence))
    for sentence in verdict_sentences(evidence):
        console.print(sentence, markup=False, highlight=False)
