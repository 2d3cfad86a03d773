"""The training tree: the paths of all cells, with segments of equal identity planned once. Called by plan/planner.py.

The constant-rate trunk of a stream serves every budget, each branching off into its own decay; the IFT trunk also
serves the first phase of every sequential arm.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from isothink.compute.training_cost import TrainingCost
from isothink.corpus.lengths import CorpusLengths
from isothink.domain.arm import Arm, Sequential, parse_arm
from isothink.domain.study import Study
from isothink.domain.training_settings import FormatRates, RateFormat, Training
from isothink.plan.budgets import Cap
from isothink.plan.path import Infeasible, Piece, StudentStreams, phases_of, pieces_of, split_at
from isothink.plan.pricing import PricedStream, SeedStreams, TwoPhases, longest_useful, stream_arms
from isothink.store.fingerprint import fingerprint


@dataclass(frozen=True, kw_only=True)
class CellPath:
    """One cell before it has identities: its pieces, or why it has none."""

    student: str
    arm: str
    seed: int
    cap: Cap
    pieces: list[Piece] | Infeasible
    streams: StudentStreams


@dataclass(frozen=True, kw_only=True)
class TreeSegment:
    """A piece with the identity of the state that it ends in."""

    id: str
    parent: str | None
    piece: Piece


def open_seed(
    study: Study,
    lengths: CorpusLengths,
    arms: Sequence[Arm],
    caps: Iterable[tuple[TrainingCost, Sequence[Cap]]],
    seed: int,
) -> SeedStreams:
    """The streams under one seed, long enough for every student at its prices and caps."""
    caps = list(caps)
    batch = study.training.batch
    return SeedStreams(
        lengths,
        arms,
        seed=seed,
        batch=batch,
        windows=tuple(dict.fromkeys(window for cost, _ in caps for window in cost.windows)),
        needs=[cap.need(cost) for cost, student_caps in caps for cap in student_caps],
        most=longest_useful(lengths, study.training.max_epochs, batch),
    )


def student_streams(seed_streams: SeedStreams, arms: Sequence[Arm], cost: TrainingCost) -> StudentStreams:
    """The streams of some arms at one student's prices."""
    read = {str(stream): stream for arm in arms for stream in stream_arms(arm)}
    return StudentStreams(
        priced={name: PricedStream(counted=seed_streams.counted(stream), cost=cost) for name, stream in read.items()},
        two_phases={arm.rho: TwoPhases(seed_streams, cost, arm.rho) for arm in arms if isinstance(arm, Sequential)},
        positions=len(seed_streams.order),
        holdable=seed_streams.holdable,
    )


def cell_paths(
    training: Training, streams: StudentStreams, *, student: str, arms: Sequence[str], caps: Sequence[Cap], seed: int
) -> list[CellPath]:
    """The paths of one student's cells under one seed, cut where any of them branches off another."""
    paths = []
    for text in arms:
        for cap in caps:
            pieces: list[Piece] | Infeasible
            phases = phases_of(parse_arm(text), streams, cap)
            pieces = phases if isinstance(phases, Infeasible) else pieces_of(phases, training, cap)
            paths.append((text, cap, pieces))
    cuts = _cuts([pieces for _, _, pieces in paths if not isinstance(pieces, Infeasible)])
    return [
        CellPath(
            student=student,
            arm=text,
            seed=seed,
            cap=cap,
            pieces=pieces if isinstance(pieces, Infeasible) else _split(pieces, cuts, streams.priced),
            streams=streams,
        )
        for text, cap, pieces in paths
    ]


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
    path: CellPath, student_recipe: Mapping[str, Any], rates: FormatRates, final_rate_share: float
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


def _rates_used(way: list[dict[str, Any]], rates: FormatRates) -> dict[str, float]:
    formats: set[RateFormat] = set()
    for step in way:
        formats.add(rate_format(str(step["stream"])))
    return {name: rates.of(name) for name in sorted(formats)}


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
