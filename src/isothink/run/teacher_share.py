"""What the teacher cost: in total, and as the share that one cell pays. Called by step.py, observe.py and analysis.py.

A cell pays for the modes and the unique prompts that it used, divided by the share of pairs that the filters kept.
Where pairs were dropped through a fault of the other mode alone, the set that the cell was trained on could not have
been made without that mode either, and the cell pays for both.
"""

from isothink.domain.reply import MODES, ReasoningMode
from isothink.plan.record import PlannedCell
from isothink.run.identity import pairs_step
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder
from isothink.teacher.summary import PairSummary


def read_pair_summary(folder: RunFolder, step: str) -> PairSummary | None:
    """How the pairs of a step were made; None while they are not."""
    kind = "pilots" if step.startswith("pilot") else "pairs"
    manifest = folder.manifest(kind, step)
    return PairSummary.model_validate(manifest["summary"]) if manifest is not None else None


def teacher_flops(summary: PairSummary) -> float | None:
    """FLOPs of all replies, those of dropped pairs included; None where some are not known."""
    flops = [side.flops for side in (summary.off, summary.on)]
    if summary.backend == "symbolic":
        return 0.0
    if any(value is None for value in flops) or summary.off.unknown_flops or summary.on.unknown_flops:
        return None
    return sum(value for value in flops if value is not None)


def flops_per_prompt(summary: PairSummary) -> dict[ReasoningMode, float]:
    """What a cell pays for each unique prompt that it read in one format (`off` is IFT); 0 where it is not known."""
    if teacher_flops(summary) is None or not summary.pairs:
        return dict.fromkeys(MODES, 0.0)
    spent = {"off": summary.off.flops or 0.0, "on": summary.on.flops or 0.0}
    shares: dict[ReasoningMode, float] = {}
    for mode in MODES:
        other: ReasoningMode = "on" if mode == "off" else "off"
        needs_other = any(count.mode == other and count.pairs for count in summary.dropped)
        shares[mode] = (spent[mode] + (spent[other] if needs_other else 0.0)) / summary.pairs
    return shares


def teacher_share(workspace: Workspace, cell: PlannedCell) -> float:
    """The teacher's FLOPs that a deployment of this cell pays once."""
    summary = read_pair_summary(workspace.folder, pairs_step(workspace.study))
    if summary is None:
        return 0.0
    prices = flops_per_prompt(summary)
    if not any(prices.values()):
        return 0.0
    used: dict[ReasoningMode, set[int]] = {mode: set() for mode in MODES}
    for step in cell.path:
        segment = workspace.segment(step)
        assert segment is not None
        stream, _ = workspace.steps_of(segment)
        read = slice(segment.first, segment.last)
        for mode in MODES:
            chosen = stream.is_reasoning[read] == (mode == "on")
            used[mode].update(stream.pair[read][chosen].tolist())
    return sum(prices[mode] * len(used[mode]) for mode in MODES)
