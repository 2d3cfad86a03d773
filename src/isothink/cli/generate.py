"""What `isothink generate` and `export` print: what became of the prompts, and what the whole set would take."""

from pathlib import Path
from typing import TYPE_CHECKING

from isothink import api
from isothink.cli.output import print_json, wide_console
from isothink.domain.numbers import scientific
from isothink.errors import UsageError
from isothink.run.result import RunResult
from isothink.teacher.projection import Estimate, Projection
from isothink.teacher.summary import PairSummary
from isothink.teacher.tally import Lengths, ModeSummary

if TYPE_CHECKING:
    from rich.table import Table

NONE = "-"


def generate_and_print(
    study: Path, overrides: list[str], *, limit: int | None, retry_failed: bool, as_json: bool
) -> None:
    """Makes the pairs, or a pilot, and says what came of it."""
    loaded = api.load_pair_study(study, overrides)
    result = api.generate(loaded, limit=limit, retry_failed=retry_failed, quiet=False)
    if as_json:
        print_json(_as_json(result))
        return
    if result.pairs is not None:
        print_summary(result.pairs)
    print(f"run: {result.run}")


def _as_json(result: RunResult) -> dict[str, object]:
    return {
        "run": str(result.run),
        "completed": list(result.completed),
        "skipped": list(result.skipped),
        "failed": [],
        "report": None,
        "pairs": None if result.pairs is None else result.pairs.model_dump(mode="json"),
    }


def export_and_print(run_folder: Path, form: str, into: Path | None, *, as_json: bool) -> None:
    """Exports, and prints the paths."""
    if form not in ("messages", "parquet", "dataset", "lm-eval"):
        raise UsageError(f'--format: found "{form}", allowed are messages, parquet, dataset, lm-eval')
    paths = api.export(run_folder, format=form, into=into)  # type: ignore[arg-type]
    if as_json:
        print_json({"files": [str(path) for path in paths]})
        return
    for path in paths:
        print(path)


def print_summary(summary: PairSummary) -> None:
    """What became of the prompts, as tables, and what a reader must know."""
    console = wide_console()
    asked = f"{summary.pairs} pairs of {summary.prompts_asked} prompts by {summary.teacher}"
    if summary.prompts_asked < summary.prompts_fit:
        asked += f", a pilot of {summary.prompts_fit}"
    console.print(asked, markup=False, highlight=False)
    console.print(mode_table(summary))
    if summary.dropped:
        console.print(drop_table(summary))
    for line in remarks(summary):
        console.print(line, markup=False, highlight=False)
    if summary.projection is not None:
        console.print(projection_table(summary.projection))
        for line in projection_remarks(summary.projection):
            console.print(line, markup=False, highlight=False)


def mode_table(summary: PairSummary) -> "Table":
    """Replies, tokens and correctness of both modes."""
    from rich.table import Table

    table = Table(title="replies by reasoning mode", title_justify="left")
    table.add_column("")
    for name in ("off", "on"):
        table.add_column(name, justify="right")
    sides = (summary.off, summary.on)
    rows: list[tuple[str, list[str]]] = [
        ("replies", [str(side.replies) for side in sides]),
        ("failed requests", [str(side.failures) for side in sides]),
        ("cut off by the cap", [str(side.truncated) for side in sides]),
        ("prompt tokens", [_whole(side.prompt_tokens) for side in sides]),
        ("output tokens", [_whole(side.output_tokens) for side in sides]),
        ("output per reply: mean", [_mean(side.output) for side in sides]),
        ("10% / 50% / 90% / longest", [_spread(side.output) for side in sides]),
        ("trace: 10% / 50% / 90% / longest", [_spread(side.trace) for side in sides]),
        ("teacher FLOPs", [NONE if side.flops is None else scientific(side.flops) for side in sides]),
        ("right answers of those checked", [_right(side) for side in sides]),
    ]
    if any(side.retried for side in sides):
        rows.insert(3, ("asked again with a higher cap", [str(side.retried) for side in sides]))
    for name, values in rows:
        table.add_row(name, *values)
    return table


def drop_table(summary: PairSummary) -> "Table":
    """How many pairs each filter dropped, by the mode at fault."""
    from rich.table import Table

    table = Table(title="dropped pairs", title_justify="left")
    for name in ("filter", "off at fault", "on at fault", "both", "neither"):
        table.add_column(name, justify="left" if name == "filter" else "right")
    counts = {(count.reason, count.mode): count.pairs for count in summary.dropped}
    for reason in dict.fromkeys(count.reason for count in summary.dropped):
        table.add_row(
            reason.replace("_", " "), *(str(counts.get((reason, mode), 0)) for mode in ("off", "on", "both", "neither"))
        )
    return table


def remarks(summary: PairSummary) -> list[str]:
    """What a reader of the tables must know."""
    lines = []
    for name, (off, on) in summary.sampling_differences.items():
        lines.append(f"confound: {name} is {off} with reasoning off and {on} with reasoning on")
    models = sorted({*summary.off.models, *summary.on.models})
    if len(models) > 1:
        lines.append(f"the replies name several models: {', '.join(models[:10])}")
    merged = summary.off.merged + summary.on.merged
    if merged:
        lines.append(f"{merged} answers stood in the server's reasoning field and were taken from there")
    unknown = summary.off.unknown_tokens + summary.on.unknown_tokens
    if unknown and summary.backend != "recorded":
        lines.append(f"{unknown} replies came without token counts and are missing from the sums")
    failed = summary.off.failures + summary.on.failures
    if failed:
        lines.append(f"{failed} requests failed for good; --retry-failed asks them again")
    unchecked = summary.off.unchecked + summary.on.unchecked
    if unchecked:
        lines.append(f"{unchecked} answers could not be compared with their reference")
    for facts in summary.data:
        findings = facts.get("findings")
        if isinstance(findings, list):
            lines.extend(f"{facts['source']}: {finding}" for finding in findings)
    return lines


def projection_table(projection: Projection) -> "Table":
    """What asking every prompt would take."""
    from rich.table import Table

    table = Table(title=f"all {projection.prompts} prompts, projected (90% intervals)", title_justify="left")
    table.add_column("")
    for name in ("off", "on"):
        table.add_column(name, justify="right")
    sides = (projection.off, projection.on)
    table.add_row("prompt tokens", *(_estimate(side.prompt_tokens) for side in sides))
    table.add_row("output tokens", *(_estimate(side.output_tokens) for side in sides))
    table.add_row("FLOPs", *(_estimate(side.flops) for side in sides))
    if projection.currency is not None:
        table.add_row(projection.currency, *(_estimate(side.cost, money=True) for side in sides))
    return table


def projection_remarks(projection: Projection) -> list[str]:
    """Pairs and time of the whole set."""
    lines = [f"pairs expected: about {round(projection.acceptance * projection.prompts)}"]
    if projection.hours is not None:
        hours = projection.hours
        lines.append(
            f"time at the pilot's rate: {hours.value:.3g} hours ({hours.low:.3g} to {hours.high:.3g});"
            " a small pilot does not fill the server"
        )
    return lines


def _estimate(estimate: Estimate | None, *, money: bool = False) -> str:
    if estimate is None:
        return NONE
    values = (estimate.value, estimate.low, estimate.high)
    first, low, high = (f"{value:,.2f}" if money else scientific(value) for value in values)
    return first if estimate.low == estimate.high else f"{first} ({low} to {high})"


def _whole(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def _mean(lengths: Lengths | None) -> str:
    return NONE if lengths is None else f"{lengths.mean:,.1f}"


def _spread(lengths: Lengths | None) -> str:
    if lengths is None:
        return NONE
    values = (lengths.percentile_10, lengths.median, lengths.percentile_90, lengths.largest)
    return " / ".join(f"{value:,.0f}" for value in values)


def _right(side: ModeSummary) -> str:
    return f"{side.correct} of {side.checked}" if side.checked else NONE
