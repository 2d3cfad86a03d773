"""The training tree: the paths of all cells, with segments of equal identity planned once. Called by plan/planner.py.

The constant-rate trunk of a stream serves every budget, each branching off into its own decay; the IFT trunk also
serves the first phase of every sequential arm.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from isothink.compute.architecture import Architecture
from isothink.corpus.lengths import CorpusLengths
from isothink.domain.arm import Sequential, parse_arm
from isothink.domain.study import Study
from isothink.domain.training_settings import FormatRates, RateFormat, RateRule, RateTable, rule_rate
from isothink.errors import StudyError
from isothink.plan.path import Infeasible, Piece, phases_of, pieces_of, split_at
from isothink.plan.pricing import PricedStream, longest_useful, price_both, price_stream
from isothink.store.fingerprint import fingerprint


@dataclass(frozen=True, kw_only=True)
class CellPath:
    """One cell before it has identities: its pieces, or why it has none."""

    student: str
    arm: str
    seed: int
    budget: float
    pieces: list[Piece] | Infeasible
    streams: Mapping[str, PricedStream]


@dataclass(frozen=True, kw_only=True)
class TreeSegment:
    """A piece with the identity of the state that it ends in."""

    id: str
    parent: str | None
    piece: Piece


def cell_paths(
    study: Study, architecture: Architecture, student: str, lengths: CorpusLengths, seed: int
) -> list[CellPath]:
    """The paths of one student's cells under one seed, cut where any of them branches off another."""
    arms = [text for text in study.arms if seed in study.seeds_of(text)]
    streams = _streams(study, architecture, lengths, arms, seed)
    paths = []
    for text in arms:
        for budget in study.budgets.training_flops or ():
            pieces: list[Piece] | Infeasible
            phases = phases_of(parse_arm(text), streams, round(budget), study.training.batch)
            pieces = phases if isinstance(phases, Infeasible) else pieces_of(phases, study.training, round(budget))
            paths.append((text, budget, pieces))
    cuts = _cuts([pieces for _, _, pieces in paths if not isinstance(pieces, Infeasible)])
    return [
        CellPath(
            student=student,
            arm=text,
            seed=seed,
            budget=budget,
            pieces=pieces if isinstance(pieces, Infeasible) else _split(pieces, cuts, streams),
            streams=streams,
        )
        for text, budget, pieces in paths
    ]


def _streams(
    study: Study, architecture: Architecture, lengths: CorpusLengths, arms: list[str], seed: int
) -> dict[str, PricedStream]:
    batch = study.training.batch
    budget = round(max(study.budgets.training_flops or (1,)))
    most = longest_useful(lengths, study.training.max_epochs, batch)
    streams: dict[str, PricedStream] = {}
    parsed = {text: parse_arm(text) for text in arms}
    if any(isinstance(arm, Sequential) for arm in parsed.values()):
        streams["ift"], streams["reasoning"] = price_both(
            architecture, lengths, seed=seed, batch=batch, budget=budget, most=most
        )
    for text, arm in parsed.items():
        if not isinstance(arm, Sequential) and text not in streams:
            streams[text] = price_stream(architecture, lengths, arm, seed=seed, batch=batch, budget=budget, most=most)
    return streams


def _cuts(paths: list[list[Piece]]) -> dict[str, set[int]]:
    """Where the trunk of each stream is left by some cell."""
    cuts: dict[str, set[int]] = defaultdict(set)
    for pieces in paths:
        for piece in pieces:
            if _on_trunk(piece):
                cuts[piece.stream].add(piece.last)
    return cuts


def _on_trunk(piece: Piece) -> bool:
    return piece.decay is None and piece.phase_start == 0


def _split(pieces: list[Piece], cuts: Mapping[str, set[int]], streams: Mapping[str, PricedStream]) -> list[Piece]:
    parts: list[Piece] = []
    for piece in pieces:
        if _on_trunk(piece):
            parts.extend(split_at(piece, cuts[piece.stream], streams[piece.stream].edges))
        else:
            parts.append(piece)
    return parts


def identify(
    path: CellPath, student_recipe: Mapping[str, Any], rates: Mapping[str, float], final_rate_share: float
) -> list[TreeSegment]:
    """Gives every piece the identity of its end state.

    The identity hashes the student's recipe, the seed and the way from the initial weights, in which neighbouring
    pieces of one constant-rate phase count as one: it does not depend on where other cells branch off.
    """
    assert not isinstance(path.pieces, Infeasible)
    segments: list[TreeSegment] = []
    way: list[dict[str, Any]] = []
    for piece in path.pieces:
        step = {
            "stream": piece.stream,
            "phase_start": piece.phase_start,
            "first": piece.first,
            "last": piece.last,
            "decay": None if piece.decay is None else {**piece.decay.model_dump(), "final": final_rate_share},
        }
        if way and piece.decay is None and way[-1]["decay"] is None and _same_phase(way[-1], step):
            way[-1] = {**way[-1], "last": piece.last}
        else:
            way.append(step)
        recipe = {"student": student_recipe, "seed": path.seed, "rates": _rates_used(way, rates), "way": way}
        segments.append(
            TreeSegment(
                id=_readable(path, piece, fingerprint(recipe)),
                parent=segments[-1].id if segments else None,
                piece=piece,
            )
        )
    return segments


def _same_phase(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return bool(before["stream"] == after["stream"] and before["phase_start"] == after["phase_start"])


def _rates_used(way: list[dict[str, Any]], rates: Mapping[str, float]) -> dict[str, float]:
    formats: set[RateFormat] = set()
    for step in way:
        formats.add(rate_format(str(step["stream"])))
    return {name: rates[name] for name in sorted(formats)}


def rate_format(stream: str) -> RateFormat:
    """Whose peak rate a stream is trained with: its own format's, or that of mixtures."""
    if stream in ("ift", "reasoning"):
        return stream  # type: ignore[return-value]
    return "mixed"


def _readable(path: CellPath, piece: Piece, identity: str) -> str:
    stream = piece.stream.replace("(", "").replace(")", "")
    return f"{path.student}-{stream}-seed{path.seed}-{kind_of(piece)}{piece.first_step + piece.steps}-{identity}"


def kind_of(piece: Piece) -> Literal["trunk", "phase", "decay"]:
    """What a piece is to the tree: shared from the root on, a later phase of one cell, or a cell's decay."""
    if piece.decay is not None:
        return "decay"
    return "trunk" if _on_trunk(piece) else "phase"


def student_rates(study: Study, student: str, hidden_size: int) -> dict[str, float]:
    """Peak rates of one student by format."""
    settings = study.training.learning_rate
    if isinstance(settings, RateRule):
        rate = rule_rate(settings, hidden_size)
        rates = FormatRates(ift=rate, reasoning=rate)
    elif isinstance(settings, RateTable):
        rates = settings.rates[student]
    else:
        raise StudyError(f"training.learning_rate.by: found {settings.by}, which is not there yet")
    return {name: rates.of(name) for name in ("ift", "reasoning", "mixed")}
