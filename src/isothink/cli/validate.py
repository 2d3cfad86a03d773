"""Prints what `isothink validate` found: items, faults, a prompt, how answers are read, and what was proven."""

from typing import TYPE_CHECKING

from isothink.cli.output import one_line, wide_console
from isothink.run.validation import BenchmarkValidation, Proof

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LONGEST_PROMPT = 4000
LONGEST_CELL = 300


def print_validation(found: BenchmarkValidation) -> None:
    """Prints everything as text; what rows hold steers no terminal."""
    console = wide_console()
    for line in _summary(found):
        _print(console, line)
    _print(console, "\nprompt of the first item, the same for every arm; it never opens a trace:")
    for line in _shortened(found.prompt, LONGEST_PROMPT).splitlines():
        _print(console, f"  | {one_line(line)}")
    _print(console, f"reference: {_cell(found.reference)}")
    for alternative in found.alternatives:
        _print(console, f"      also: {_cell(alternative)}")
    console.print(_answers(found))
    console.print(_proofs(found))
    for proof in found.proofs:
        _print_failures(console, proof)
    if found.unproven is not None:
        _print(console, f"not proven: {found.unproven}")
    _print(console, "every proof holds" if found.holds else "not every proof holds")


def _summary(found: BenchmarkValidation) -> list[str]:
    rows = "generated" if found.rows is None else f"{found.rows} rows"
    others = f", {found.other_rows} of them of other benchmarks" if found.other_rows else ""
    kind = f"family {found.family}, answers: {found.answer_format}"
    lines = [f"{found.benchmark}: {found.items} items ({rows}{others}), {kind}"]
    if found.checked < found.items:
        lines.append(f"checked: {found.checked} of them")
    for reason, faults in found.faults.items():
        lines.append(f"no item: {faults['count']} through {reason}, the first: {faults['first']}")
    # how many rows make no item has been said
    return [*lines, *(f"finding: {finding}" for finding in found.findings if " make no item, " not in finding)]


def _answers(found: BenchmarkValidation) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title="how answers to it are read", title_justify="left")
    for name in ("arm", "answer", "think state", "the scorer sees", "score"):
        table.add_column(name, overflow="fold")
    for answer in found.answers:
        seen = "nothing" if answer.extracted is None else answer.extracted
        score = f"none: {answer.error}" if answer.score is None else f"{answer.score:g}"
        cells = (answer.arm, answer.text, answer.think_state, seen, score)
        table.add_row(*(Text(_cell(cell)) for cell in cells))
    return table


def _proofs(found: BenchmarkValidation) -> "Table":
    from rich.table import Table

    table = Table(title="proofs", title_justify="left")
    for name in ("answer", "should score", "does, of the items checked"):
        table.add_column(name, justify="left" if name == "answer" else "right")
    for proof in found.proofs:
        table.add_row(proof.form, f"{proof.expected:g}", f"{proof.held} of {proof.items}")
    return table


def _print_failures(console: "Console", proof: Proof) -> None:
    missed = proof.items - proof.held
    if missed:
        _print(console, f"{proof.form} does not score {proof.expected:g} for {missed} items:")
    for failure in proof.failures:
        score = f"no score ({failure.error})" if failure.score is None else f"{failure.score:g}"
        seen = "nothing" if failure.extracted is None else f'"{_cell(failure.extracted)}"'
        _print(console, f'  item {failure.item}: {score}; of the answer "{_cell(failure.answer)}" is taken: {seen}')
    if missed > len(proof.failures):
        _print(console, f"  and {missed - len(proof.failures)} more")


def _print(console: "Console", line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _cell(text: str) -> str:
    return one_line(_shortened(text, LONGEST_CELL))


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"
