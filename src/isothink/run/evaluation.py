"""Lets one student answer every item in a worker, and scores the answers. Called by run/step.py.

An answer is in a journal as soon as it ends, so that an interruption costs what was in flight. run/step.py removes the
journal when the samples are there, which hold the same; what another jury or more repeats need again is read from them.
An answer that could not be had is asked for again by every later attempt and evaluation.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from isothink.benchmark.protocol import Answering, AnswerSettings, Ask
from isothink.benchmark.sample import Answered, score_generations
from isothink.compute.architecture import Architecture
from isothink.compute.flops import inference_flops
from isothink.domain.ledger import LedgerRow, Phase
from isothink.domain.sample import Generation, Item
from isothink.errors import StepError
from isothink.plan.cells import answers_identity
from isothink.plan.record import PlannedCell, PlannedTrial
from isothink.run.backends import Verification, load_answerer, require_scorers
from isothink.run.judging import VOTES, judge_samples, open_jury
from isothink.run.workspace import Workspace
from isothink.store.attempts import Attempt, Spent
from isothink.store.journal import Journal
from isothink.store.run_folder import RunFolder
from isothink.store.tables import SAMPLE_SCHEMA, SAMPLES_FILE, read_columns, write_records

ASKED_AT_ONCE = 50_000
"""Answers that a backend orders by length at a time; more would only hold more prompts in memory."""


def evaluate(
    workspace: Workspace,
    cell: PlannedCell | PlannedTrial,
    items: Sequence[Item],
    folder: Path,
    attempt: Attempt,
    *,
    phase: Phase,
) -> dict[str, object]:
    """Answers all items into `folder` and returns what the manifest says; the ledger has the cost in `phase`.

    `training` repeats what the cell's training cost, so that its evidence needs no segment any more.

    Raises:
        StepError: the student cannot answer, or none of its answers could be had.
    """
    study = workspace.study
    require_scorers({item.answer_format for item in items})  # before hours of answers that could not be scored
    jury = open_jury(study.evaluation, items)
    identity = answers_identity(study, cell.arm, cell.path[-1])
    started = time.perf_counter()
    with Journal(workspace.folder.answers(identity)) as journal:
        journal.forget_failures()  # or a server that was repaired would never be asked again
        _take_over(workspace.folder, identity, journal)
        spending = _Spending(
            workspace.architecture(cell.student), attempt, wanted=len(items) * study.evaluation.repeats
        )
        answers = _answer(workspace, cell, items, journal, spending)
        seconds = journal.seconds + time.perf_counter() - started
    if all(answered.generation.stop_reason == "failed" for answered in answers):
        raise StepError(f"{cell.id}: none of {len(answers)} answers could be had: {answers[0].generation.error}")
    with Verification() as verification:
        samples = score_generations(cell.id, answers, verify=verification.verify)
    judged = judge_samples(jury, answers, samples, votes=workspace.folder.path / VOTES, step=str(cell.samples))
    write_records(folder / SAMPLES_FILE, judged.samples, SAMPLE_SCHEMA)
    row = LedgerRow(
        phase=phase,
        step=str(cell.samples),
        flops=sum(answered.inference_flops or 0.0 for answered in answers),
        hardware_flops=None,
        tokens=sum(map(_tokens, (answered.generation for answered in answers))),
        seconds=seconds,
    )
    return {
        "cell": cell.id,
        "path": list(cell.path),
        "answers": identity,
        "samples": len(samples),
        "batch_size": study.evaluation.batch_size,
        "training": (workspace.folder.manifest("segments", cell.path[-1]) or {})["total"],
        "jury": judged.agreement.facts() if judged.agreement is not None else None,
        "ledger": [row.model_dump() for row in (row, judged.row) if row is not None],
    }


class _Spending:
    """Adds up what answers cost and tells the attempt, so that an interrupted evaluation shows as waste."""

    def __init__(self, architecture: Architecture, attempt: Attempt, wanted: int) -> None:
        self._architecture = architecture
        self._attempt = attempt
        self._wanted, self._there = max(1, wanted), 0
        self._flops, self._tokens = 0.0, 0

    def flops(self, answer: Generation) -> float | None:
        """Prefill and decoding of one answer; None for one that could not be had, whose cost nobody knows."""
        if answer.stop_reason == "failed":
            return None
        return float(inference_flops(self._architecture, answer.prompt_tokens, answer.output_tokens))

    def take_over(self, answers: Sequence[Generation], seconds: float) -> None:
        """Notes what earlier attempts had answered, which was not wasted."""
        self._attempt.taken_over = Spent(
            flops=sum(self.flops(answer) or 0.0 for answer in answers),
            tokens=sum(map(_tokens, answers)),
            seconds=seconds,
        )
        self._there = len(answers)
        self._attempt.kept_share = self._there / self._wanted

    def add(self, answer: Generation) -> None:
        """Notes an answer of this attempt."""
        self._flops += self.flops(answer) or 0.0
        self._tokens += _tokens(answer)
        self._there += 1
        self._attempt.share = self._there / self._wanted
        self._attempt.spent(self._flops, self._tokens)


def _tokens(answer: Generation) -> int:
    return 0 if answer.stop_reason == "failed" else answer.prompt_tokens + answer.output_tokens


def _answer(
    workspace: Workspace,
    cell: PlannedCell | PlannedTrial,
    items: Sequence[Item],
    journal: Journal,
    spending: _Spending,
) -> list[Answered]:
    """Every item's answers, asked for where the journal has none."""
    settings = workspace.study.evaluation
    wanted = [(item, repeat, _key(item, repeat)) for repeat in range(settings.repeats) for item in items]
    spending.take_over([_stored(journal, key) for _, _, key in wanted if key in journal], journal.seconds)
    asks = [Ask(key=key, prompt=item.prompt) for item, _, key in wanted if key not in journal]

    def receive(key: str, answer: Generation) -> None:
        journal.append(key, answer.model_dump(mode="json"), failed=answer.stop_reason == "failed")
        spending.add(answer)

    if asks:
        _ask(workspace, cell, asks, receive)
    answers = []
    for item, repeat, key in wanted:
        if key not in journal:
            raise StepError(f"{cell.id}: item {item.id} of {item.benchmark} was given no answer by the backend")
        answer = _stored(journal, key)
        answers.append(Answered(item=item, repeat=repeat, generation=answer, inference_flops=spending.flops(answer)))
    return answers


def _ask(
    workspace: Workspace,
    cell: PlannedCell | PlannedTrial,
    asks: Sequence[Ask],
    receive: Callable[[str, Generation], None],
) -> None:
    study = workspace.study
    answering = Answering(
        folder=workspace.folder.step_folder("segments", cell.path[-1]),
        names=_names(cell),
        batch_size=study.evaluation.batch_size,
    )
    answerer = load_answerer(study.evaluation.answerer, answering, workspace.tokenizer)
    settings = AnswerSettings(
        max_new_tokens=study.evaluation.cap(cell.arm),
        sampling=study.evaluation.sampling_of(cell.arm),
        seed=study.evaluation.seed,
    )
    for start in range(0, len(asks), ASKED_AT_ONCE):
        answerer.answer_all(asks[start : start + ASKED_AT_ONCE], settings, receive)


def _names(cell: PlannedCell | PlannedTrial) -> dict[str, str]:
    budget = cell.budget if isinstance(cell, PlannedCell) else "search"
    return {"cell": cell.id, "student": cell.student, "arm": cell.arm, "budget": budget, "seed": str(cell.seed)}


def _key(item: Item, repeat: int) -> str:
    return f"{item.id}-{repeat}"


def _stored(journal: Journal, key: str) -> Generation:
    row = journal.get(key) or {}
    return Generation.model_validate({name: row[name] for name in Generation.model_fields})


def _take_over(folder: RunFolder, identity: str, journal: Journal) -> None:
    """Puts answers that were scored before, under another jury or for fewer items, into the journal."""
    for manifest in folder.manifests("samples"):
        if manifest.get("answers") != identity:
            continue
        for key, answer in _sampled(folder.step_folder("samples", str(manifest["id"])) / SAMPLES_FILE):
            if key not in journal:
                journal.append(key, answer.model_dump(mode="json"))


def _sampled(path: Path) -> Iterator[tuple[str, Generation]]:
    for row in read_columns(path).to_pylist():
        if row["stop_reason"] != "failed":
            yield f"{row['item']}-{row['repeat']}", _generation(row)


def _generation(row: Mapping[str, object]) -> Generation:
    facts = {name: row[name] for name in ("text", "stop_reason", "prompt_tokens", "trace_tokens", "seconds")}
    tokens = int(str(row["trace_tokens"])) + int(str(row["answer_tokens"]))
    return Generation.model_validate({**facts, "output_tokens": tokens})
