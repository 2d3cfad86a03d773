"""Proves a benchmark: its rows make items, the gold answer scores 1 and what is no answer scores 0. Called by api.py.

Every proof goes the way of a student's answer: through the think states and the scorer. What cannot be proven for a
format is said: IFEval publishes no answers that follow its instructions, and a jury is not asked.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from isothink.benchmark.catalogue import published_benchmarks
from isothink.benchmark.items import procedural_items
from isothink.benchmark.reading import choose_items
from isothink.benchmark.sample import Answered, score_generations
from isothink.domain.benchmark_settings import SPANS, Benchmark
from isothink.domain.record import Record
from isothink.domain.sample import Generation, Item, Sample, ThinkState
from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS
from isothink.run.backends import Verification, require_scorers
from isothink.run.benchmarks import FILE_ENDINGS, read_all_items, resolved_benchmark
from isothink.scoring.number_answer import read_number
from isothink.scoring.squad import normalized
from isothink.store.study_file import read_benchmark

MOST_FAILURES = 20
"""How many items that fail a proof are told by name; all are counted."""
TRACE = "Let me think about it."
_UNPROVEN = {
    "ifeval": "that some answer follows an item's instructions: IFEval publishes none",
    "jury": "any score: judges are not asked here",
}
_NO_WORD = "xqzvw"
"""In no reference."""


class ProofFailure(Record):
    """An item whose answer did not score what it should."""

    item: str
    answer: str
    extracted: str | None
    score: float | None
    error: str | None


class Proof(Record):
    """What answers of one form should score, for how many items they do, and those for which they do not."""

    form: str
    expected: float
    items: int
    held: int
    failures: tuple[ProofFailure, ...]


class ShownAnswer(Record):
    """What one arm's answer looks like to the scorer."""

    arm: str
    text: str
    think_state: ThinkState
    extracted: str | None
    score: float | None
    error: str | None


class BenchmarkValidation(Record):
    """All that was found. `holds` is whether every proof does; `unproven` says what could not be tried."""

    benchmark: str
    family: str
    answer_format: str
    rows: int | None
    other_rows: int
    items: int
    checked: int
    faults: dict[str, dict[str, int | str]]
    findings: tuple[str, ...]
    prompt: str
    reference: str
    alternatives: tuple[str, ...]
    answers: tuple[ShownAnswer, ...]
    proofs: tuple[Proof, ...]
    unproven: str | None
    holds: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Form:
    name: str
    expected: float
    text: Callable[[Item], str]


def validate(name: str, *, limit: int | None = None, folder: Path | None = None) -> BenchmarkValidation:
    """Reads a benchmark by its name or file and tries every proof on all items, or on `limit` of them.

    Raises:
        UsageError: there is no such benchmark, its rows cannot be opened, lack a column, or make no item.
        MissingDependencyError: what its scorer needs is not installed.
    """
    folder = folder or Path.cwd()
    if name in TASKS:
        items = procedural_items([name], items_per_benchmark=limit or 1000, seed=0)
        return _validated(items, items, rows=None)
    benchmark = _find(name, folder)
    require_scorers({benchmark.answer_format})
    read, findings = read_all_items(benchmark)
    checked = read.items if limit is None else choose_items(read.items, limit=limit, seed=0)
    return _validated(
        read.items,
        checked,
        rows=read.rows,
        other_rows=read.others,
        faults={reason: {"count": faults.count, "first": faults.first} for reason, faults in read.faults.items()},
        findings=findings,
        is_boxed="\\boxed{}" in benchmark.prompt + benchmark.suffix,
    )


def _find(name: str, folder: Path) -> Benchmark:
    if name.lower().endswith(FILE_ENDINGS):
        path = folder / name
        if not path.is_file():
            raise UsageError(f"{name}: no such file")
        return resolved_benchmark(read_benchmark(path), path.parent, str(path))
    if name in published_benchmarks():
        return published_benchmarks()[name]
    allowed = [*TASKS, *published_benchmarks()]
    near = difflib.get_close_matches(name, allowed, n=1)
    raise UsageError(
        f'found "{name}", allowed are {", ".join(allowed)}, and the path of a benchmark\'s .yaml file',
        hint=f"did you mean {near[0]}?" if near else "",
    )


def _validated(
    items: Sequence[Item],
    checked: Sequence[Item],
    *,
    rows: int | None,
    other_rows: int = 0,
    faults: dict[str, dict[str, int | str]] | None = None,
    findings: Sequence[str] = (),
    is_boxed: bool = False,
) -> BenchmarkValidation:
    first = checked[0]
    with Verification() as verification:
        proofs = [_prove(form, checked, verification) for form in _forms(first, is_boxed=is_boxed)]
        answers = tuple(
            _shown(arm, _answered([(first, text)], verification)[0])
            for arm, text in (
                ("ift", _gold(first, is_boxed=is_boxed)),
                ("reasoning", _traced(first, is_boxed=is_boxed)),
            )
        )
    tagged = sum(THINK_OPEN in item.prompt or THINK_CLOSE in item.prompt for item in items)
    holding = (
        "1 prompt holds a think tag of its own" if tagged == 1 else f"{tagged} prompts hold a think tag of their own"
    )
    found = [*findings, holding] if tagged else list(findings)
    return BenchmarkValidation(
        benchmark=first.benchmark,
        family=first.family,
        answer_format=first.answer_format,
        rows=rows,
        other_rows=other_rows,
        items=len(items),
        checked=len(checked),
        faults=faults or {},
        findings=tuple(found),
        prompt=first.prompt,
        reference=first.reference,
        alternatives=first.alternatives,
        answers=answers,
        proofs=tuple(proofs),
        unproven=_UNPROVEN.get(first.answer_format),
        holds=all(proof.held == proof.items for proof in proofs),
    )


def _forms(first: Item, *, is_boxed: bool) -> list[_Form]:
    """What is tried; for instructions and juries, only what needs no gold answer and no judge."""

    def gold(item: Item) -> str:
        return _gold(item, is_boxed=is_boxed)

    def wrong(item: Item) -> str:
        text = _wrong(item)
        return rf"\boxed{{{text}}}" if is_boxed else text

    unclosed = _Form(
        name="the gold answer in a trace that is not closed", expected=0, text=lambda item: f"{THINK_OPEN} {gold(item)}"
    )
    if first.answer_format == "jury":
        return [unclosed]
    if first.answer_format == "ifeval":
        cut_off = _Form(
            name="an answer in a trace that is not closed", expected=0, text=lambda item: f"{THINK_OPEN} {gold(item)}"
        )
        return [_Form(name="an empty answer", expected=0, text=lambda item: ""), cut_off]
    return [
        _Form(name="the gold answer", expected=1, text=gold),
        _Form(
            name="the gold answer after a trace",
            expected=1,
            text=lambda item: f"{THINK_OPEN} {TRACE} {THINK_CLOSE} {gold(item)}",
        ),
        _Form(name="a wrong answer", expected=0, text=wrong),
        _Form(
            name="the gold answer inside the trace alone",
            expected=0,
            text=lambda item: f"{THINK_OPEN} {gold(item)} {THINK_CLOSE} {wrong(item)}",
        ),
        unclosed,
    ]


def _gold(item: Item, *, is_boxed: bool) -> str:
    if item.answer_format in ("ifeval", "jury"):
        return item.reference if item.answer_format == "jury" else "An answer."
    return rf"\boxed{{{item.reference}}}" if is_boxed else item.reference


def _traced(item: Item, *, is_boxed: bool) -> str:
    return f"{THINK_OPEN} {TRACE} {THINK_CLOSE} {_gold(item, is_boxed=is_boxed)}"


def _wrong(item: Item) -> str:
    """An answer in the item's format that is none of its references."""
    if item.answer_format == "letter":
        return "B" if item.reference.strip().upper() != "B" else "A"
    if item.answer_format == "number":
        references = [read_number(text) or 0.0 for text in (item.reference, *item.alternatives)]
        return repr(3 * max(map(abs, references)) + 1)
    if item.answer_format == "math":
        return "123456789.25" if "123456789.25" not in item.reference else "987654321.25"
    if item.answer_format in SPANS:
        held = {word for text in (item.reference, *item.alternatives) for word in normalized(text).split()}
        return _NO_WORD if _NO_WORD not in held else f"{_NO_WORD}{max(held, key=len)}"
    return f"{_NO_WORD} {item.reference}"


def _prove(form: _Form, items: Sequence[Item], verification: Verification) -> Proof:
    samples = _answered([(item, form.text(item)) for item in items], verification)
    failed = [sample for sample in samples if sample.score != form.expected]
    return Proof(
        form=form.name,
        expected=form.expected,
        items=len(items),
        held=len(items) - len(failed),
        failures=tuple(
            ProofFailure(
                item=sample.item,
                answer=sample.text,
                extracted=sample.extracted,
                score=sample.score,
                error=sample.error,
            )
            for sample in failed[:MOST_FAILURES]
        ),
    )


def _answered(texts: Sequence[tuple[Item, str]], verification: Verification) -> list[Sample]:
    answers = [
        Answered(
            item=item,
            repeat=0,
            generation=Generation(text=text, stop_reason="end", prompt_tokens=0, output_tokens=0, trace_tokens=0),
            inference_flops=0.0,
        )
        for item, text in texts
    ]
    return score_generations("validation", answers, verify=verification.verify)


def _shown(arm: str, sample: Sample) -> ShownAnswer:
    return ShownAnswer(
        arm=arm,
        text=sample.text,
        think_state=sample.think_state,
        extracted=sample.extracted,
        score=sample.score,
        error=sample.error,
    )
