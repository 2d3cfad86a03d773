"""Rows of other tools completed into samples: token counts, think states, inference FLOPs, and what had to be guessed.

Called by run/importing.py, part by part (one cell on one benchmark).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from isothink.compute.architecture import Architecture
from isothink.compute.flops import inference_flops
from isothink.domain.loops import ends_in_loop
from isothink.domain.think import ThinkParse, parse_think
from isothink.errors import UsageError
from isothink.run.import_record import ImportedCell, ImportedPart, InferenceSource
from isothink.run.import_row import ImportRow

BYTES_PER_TOKEN = 4
"""Of a text whose tokens nobody counted. Tokenizers of today write English at 4 to 4.7 bytes per token."""
SCORER = "imported"
GUESSES = {
    "estimated": f"token counts of {{}} are estimated from the texts, one token for {BYTES_PER_TOKEN} bytes",
    "no_prompt": "the prompts of {} are not known, and their tokens count as none",
    "no_shape": (
        "the shape of the model of {} is not known: inference counts 2 x parameters per token under every convention"
    ),
    "given": "inference FLOPs of {} are those of the file, the same under every convention",
    "cut_right": "answers of {} that were cut off but scored by their tool count as wrong, as they do in every cell",
    "no_stop": "whether answers of {} were cut off is not known, and none counts as cut off",
    "no_think": "whether answers of {} think is not known, and none counts as thinking",
}
"""Everything that is not in the files and had to be filled in, as a caveat that names the cells."""


@dataclass(kw_only=True)
class CompletedPart:
    """The samples of one cell on one benchmark as rows of the samples table, and which of `GUESSES` they hold."""

    inference: InferenceSource
    samples: list[dict[str, Any]] = field(default_factory=list)
    guesses: set[str] = field(default_factory=set)


def complete_part(rows: Sequence[ImportRow]) -> CompletedPart:
    """Completes the rows of one cell on one benchmark.

    Raises:
        UsageError: a row holds neither FLOPs nor tokens nor text, so that its cost is unknown.
    """
    cell = rows[0].cell
    given = any(row.inference_flops is not None for row in rows)
    shape = None if cell.architecture is None else Architecture.model_validate(cell.architecture)
    part = CompletedPart(inference="given" if given else "parameters" if shape is None else "architecture")
    part.guesses.update({"given": {"given"}, "parameters": {"no_shape"}, "architecture": set[str]()}[part.inference])
    known: dict[tuple[int, int], float] = {}
    for row in rows:
        part.samples.append(_sample(row, part, cell, shape, known))
    answered = [row for row in rows if row.stop_reason != "failed"]
    if any(row.stop_reason is None for row in answered):
        part.guesses.add("no_stop")
    if any(row.think_state is None and row.text is None and not row.trace_tokens for row in answered):
        part.guesses.add("no_think")
    return part


def _sample(
    row: ImportRow,
    part: CompletedPart,
    cell: ImportedCell,
    shape: Architecture | None,
    known: dict[tuple[int, int], float],
) -> dict[str, Any]:
    failed = row.stop_reason == "failed"
    parsed = parse_think(row.text) if row.text is not None else None
    prompt, trace, answer = (None, None, None) if failed else _lengths(row, parsed, part)
    if failed or part.inference == "given":
        cost = None if failed else row.inference_flops
    elif trace is None or answer is None:
        raise UsageError(
            f"{row.where}: found neither inference_flops nor token counts nor text, so the answer's cost is not known",
            hint="give the column inference_flops, or answer_tokens (and prompt_tokens), or text (and prompt)",
        )
    else:
        if prompt is None:
            part.guesses.add("no_prompt")
        place = (prompt or 0, trace + answer)
        if place not in known:
            known[place] = answer_flops(cell, shape, *place)
        cost = known[place]
    score = None if failed else row.score
    if score and row.stop_reason == "length":
        part.guesses.add("cut_right")
        score = 0.0
    state = row.think_state or (parsed.state if parsed is not None else "closed" if row.trace_tokens else "none")
    return {
        "cell": cell.id,
        "benchmark": row.benchmark,
        "family": row.family,
        "item": row.item,
        "cluster": row.cluster,
        "repeat": row.repeat,
        "prompt": row.prompt or "",
        "reference": row.reference or "",
        "text": row.text or "",
        "extracted": row.extracted,
        "score": score,
        "error": row.error or (None if score is not None else "no score in the imported file"),
        "scorer": SCORER,
        "think_state": state,
        "stop_reason": row.stop_reason or "end",
        "is_looping": ends_in_loop(row.text or ""),
        "prompt_tokens": prompt,
        "trace_tokens": trace,
        "answer_tokens": answer,
        "inference_flops": cost,
        "seconds": None,
        "votes": None,
    }


def answer_flops(cell: ImportedCell, shape: Architecture | None, prompt_tokens: int, output_tokens: int) -> float:
    """Prefill and decoding of one answer in the exact convention, or 2 x parameters per token without a shape.

    The prefill gives the first output token, so of g tokens g - 1 are decoded; an empty answer has its end token.
    """
    prompt_tokens, output_tokens = max(1, prompt_tokens), max(1, output_tokens)
    if shape is None:
        return 2.0 * cell.parameters * (prompt_tokens + output_tokens - 1)
    return float(inference_flops(shape, prompt_tokens, output_tokens))


def _lengths(
    row: ImportRow, parsed: ThinkParse | None, part: CompletedPart
) -> tuple[int | None, int | None, int | None]:
    """Tokens of prompt, trace and answer: as counted, else estimated from the texts, else unknown."""
    prompt = row.prompt_tokens
    if prompt is None and row.prompt is not None:
        prompt = estimated_tokens(row.prompt)
        part.guesses.add("estimated")
    trace, answer = row.trace_tokens, row.answer_tokens
    if answer is None and row.text is not None:
        written = estimated_tokens(row.text)
        if trace is None:
            trace = round(written * _trace_share(row.text, parsed))
            answer = written - trace
        else:
            answer = max(0, written - trace)
        part.guesses.add("estimated")
    elif answer is not None and trace is None:  # then it counts all that was written
        trace = round(answer * _trace_share(row.text or "", parsed))
        answer -= trace
    return prompt, trace, answer


def estimated_tokens(text: str) -> int:
    """One token for every four bytes, at least one."""
    return max(1, -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN))


def _trace_share(text: str, parsed: ThinkParse | None) -> float:
    """Which share of a text is its trace."""
    return len(parsed.trace) / len(text) if parsed is not None and text else 0.0


def caveats_of(parts: Iterable[ImportedPart]) -> tuple[str, ...]:
    """What had to be guessed, as sentences that name the cells."""
    known = list(parts)
    found = []
    for name, sentence in GUESSES.items():
        cells = sorted({part.cell.id for part in known if name in part.guesses})
        if cells:
            named = ", ".join(cells[:3]) + (f" and {len(cells) - 3} more" if len(cells) > 3 else "")
            text = sentence.replace("{}", named)
            found.append(f"{text[0].upper()}{text[1:]}.")
    return tuple(found)
