"""How the pairs were made: the teacher, its toggle and sampling, what each filter dropped, how often it was right."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.section import Section
from isothink.teacher.summary import PairSummary
from isothink.teacher.tally import ModeSummary

FILTER_NAMES = {
    "unreadable_row": "row that cannot be read",
    "empty_prompt": "empty prompt",
    "not_single_turn": "conversation of several turns",
    "unpaired": "only one of two recorded replies",
    "duplicate_prompt": "repeated prompt",
    "contaminated": "words shared with a benchmark item",
    "request_failed": "request that kept failing",
    "truncated": "reply cut off by the token cap",
    "unclosed_trace": "trace without an end",
    "empty_answer": "no answer",
    "trace_with_reasoning_off": "trace with reasoning off",
    "no_trace_with_reasoning_on": "no trace with reasoning on",
    "stray_think_tag": "think tag inside of a trace or an answer",
    "wrong_answer": "wrong answer",
}
FAULTS = ("off", "on", "both", "neither")
KEPT = {
    "all": "Pairs are kept whether their answers are right or wrong.",
    "both_correct": "Only pairs with two right answers are kept, where there is a reference.",
    "reasoning_correct": "Only pairs whose reasoning answer is right are kept, where there is a reference.",
}


@dataclass(frozen=True, kw_only=True)
class PairsContent:
    """What the template shows: sentences, a table of the two modes, and one of drops by filter and mode at fault."""

    sentences: tuple[str, ...]
    modes: tuple[tuple[str, str, str], ...]
    drops: tuple[tuple[str, ...], ...]


def section(data: ReportData) -> Section:
    """The section of the pairs; empty for a run that has none yet."""
    summary = data.pairs
    if summary is None:
        content = PairsContent(sentences=("No pairs are made yet.",), modes=(), drops=())
    else:
        content = PairsContent(sentences=_sentences(summary), modes=_modes(summary), drops=_drops(summary))
    return Section(id="pairs", title="How the pairs were made", short="Pairs", content=content)


def _sentences(summary: PairSummary) -> tuple[str, ...]:
    found = [
        f"{numbers.plural(summary.pairs, 'pair')} of {numbers.plural(summary.prompts_read, 'row')} of prompts, "
        f"answered by {summary.teacher} with reasoning off and on."
    ]
    if summary.backend in {"openai", "transformers"}:
        found.append(
            f"Only this differs between the two requests: {json.dumps(summary.toggle['off'])} with reasoning off, "
            f"{json.dumps(summary.toggle['on'])} with reasoning on."
        )
        found.append(_sampling(summary))
    if summary.off.checked or summary.on.checked or summary.filters.keep != "all":
        found.append(KEPT[summary.filters.keep])
    for facts in summary.data:
        findings = facts.get("findings")
        if isinstance(findings, list):
            found.extend(f"{facts['source']}: {finding}." for finding in findings)
    return tuple(found)


def _sampling(summary: PairSummary) -> str:
    if not summary.sampling_differences:
        return f"Both modes draw tokens alike: {json.dumps(summary.sampling.get('off'))}."
    different = "; ".join(f"{name} {off} and {on}" for name, (off, on) in summary.sampling_differences.items())
    return f"A confound: the modes draw tokens differently, with reasoning off and on: {different}."


def _modes(summary: PairSummary) -> tuple[tuple[str, str, str], ...]:
    def row(name: str, show: Callable[[ModeSummary], str]) -> tuple[str, str, str]:
        return (name, show(summary.off), show(summary.on))

    rows = [
        row("replies", lambda side: numbers.count(side.replies)),
        row("cut off by the cap", lambda side: numbers.count(side.truncated)),
        row("output tokens", lambda side: _optional(side.output_tokens)),
        row("mean output of a reply, tokens", _mean),
        row("FLOPs", lambda side: numbers.NONE if side.flops is None else numbers.scientific(side.flops)),
    ]
    if summary.off.checked or summary.on.checked:
        rows.append(row("right answers, of those checked", _right))
    return tuple(rows)


def _optional(value: int | None) -> str:
    return numbers.NONE if value is None else numbers.count(value)


def _mean(side: ModeSummary) -> str:
    return numbers.NONE if side.output is None else f"{side.output.mean:,.1f}"


def _right(side: ModeSummary) -> str:
    return f"{side.correct:,} of {side.checked:,}" if side.checked else numbers.NONE


def _drops(summary: PairSummary) -> tuple[tuple[str, ...], ...]:
    counts: dict[tuple[str, str], int] = {(count.reason, count.mode): count.pairs for count in summary.dropped}
    reasons = dict.fromkeys(count.reason for count in summary.dropped)
    return tuple(
        (FILTER_NAMES[reason], *(numbers.count(counts.get((reason, mode), 0)) for mode in FAULTS)) for reason in reasons
    )
