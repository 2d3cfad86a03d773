"""Has a jury judge the answers of one student, and counts what that took. Called by evaluation.py.

Each judge has a journal of its votes in the run folder, `votes/ID`, named by what decides a vote: the model, its
request, its sampling. Rows are keyed by the prompt that the judge reads, so that no judge is asked twice for the same
answer to the same question, whichever student gave it and however often a run is interrupted. A vote that could not be
had is asked for again by the next attempt or evaluation that needs it: its judge may have been repaired.

A vote's cost belongs to the evaluation that asked for it. One that finds a vote in the journal pays nothing, so that
the rows of the ledger add up to what was paid, by whichever of its users came first.
"""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isothink.benchmark.agreement import JuryAgreement, count_agreement
from isothink.benchmark.jury import JudgeQuestion, ask_judge, majority
from isothink.benchmark.protocol import Judged, Juror
from isothink.benchmark.sample import Answered
from isothink.compute.flops import inference_flops
from isothink.domain.evaluation_settings import Evaluation, Judge, Jury
from isothink.domain.ledger import LedgerRow
from isothink.domain.sample import Item, Sample, Verdict, Vote
from isothink.domain.think import parse_think
from isothink.run.backends import load_judge
from isothink.run.workspace import Workspace
from isothink.store.fingerprint import fingerprint
from isothink.store.journal import Journal
from isothink.store.run_folder import write_json
from isothink.store.tables import SAMPLES_FILE, read_columns

VOTES = "votes"
JUDGE_FILE = "judge.json"
SCORER = "jury"
_DECIDES_A_VOTE = {"name", "model", "request", "temperature", "max_tokens", "max_tokens_field"}


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenJury:
    """A jury whose judges can be asked."""

    settings: Jury
    jurors: tuple[Juror, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """How the judges are called."""
        return tuple(judge.title for judge in self.settings.judges)

    def judges(self, item: Item) -> bool:
        """Whether answers to this item are judged, and not scored."""
        return self.settings.judged == "all" or item.answer_format == SCORER


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedSamples:
    """The samples with the jury's scores; `row` and `agreement` are None where there was nothing for a jury."""

    samples: tuple[Sample, ...]
    row: LedgerRow | None
    agreement: JuryAgreement | None


def open_jury(settings: Evaluation, items: Iterable[Item]) -> OpenJury | None:
    """The jury of a study, None where none of the items is for one. Comes before any answer is paid for.

    Raises:
        StudyError: a judge cannot be used.
        UsageError: a judge's credential is missing or cannot be sent.
    """
    jury = settings.jury
    if jury is None or (jury.judged == "needed" and all(item.answer_format != SCORER for item in items)):
        return None
    keyed = [(judge, f"evaluation.jury.judges[{number}]") for number, judge in enumerate(jury.judges)]
    return OpenJury(settings=jury, jurors=tuple(load_judge(judge, key) for judge, key in keyed))


def judge_samples(
    jury: OpenJury | None, answered: Sequence[Answered], samples: Sequence[Sample], *, votes: Path, step: str
) -> JudgedSamples:
    """Has answers judged that are for the jury; the samples come in their order, those of other scorers unchanged.

    Raises:
        StepError: a judge cannot be asked at all; the votes before are kept.
    """
    pairs = list(zip(answered, samples, strict=True))
    if jury is None or not any(jury.judges(answer.item) for answer, _ in pairs):
        return JudgedSamples(samples=tuple(samples), row=None, agreement=None)
    asked: list[JudgeQuestion | None] = [
        _question(jury, answer, sample) if jury.judges(answer.item) else None for answer, sample in pairs
    ]
    questions = {question.key: question for question in asked if question is not None}
    costs = _Costs()
    ballots: dict[str, list[Vote]] = {key: [] for key in questions}
    for judge, juror in zip(jury.settings.judges, jury.jurors, strict=True):
        for key, vote in _votes(judge, juror, list(questions.values()), votes, step, costs).items():
            ballots[key].append(vote)
    judged = [
        _scored(sample, ballots[question.key] if question is not None else None) if jury.judges(answer.item) else sample
        for (answer, sample), question in zip(pairs, asked, strict=True)
    ]
    cast = [[vote.verdict for vote in ballots[question.key]] for question in asked if question is not None]
    return JudgedSamples(samples=tuple(judged), row=costs.row(step), agreement=count_agreement(jury.names, cast))


def agreement(workspace: Workspace) -> JuryAgreement | None:
    """How far the judges agree over all answers of the plan's cells; None where the study has no jury."""
    jury = workspace.study.evaluation.jury
    if jury is None:
        return None
    ballots: list[list[Verdict | None]] = []
    for cell in workspace.plan.cells:
        if cell.samples is None or workspace.folder.manifest("samples", cell.samples) is None:
            continue
        path = workspace.folder.step_folder("samples", cell.samples) / SAMPLES_FILE
        for text in read_columns(path, ("votes",))["votes"].to_pylist():
            if text is not None:
                ballots.append([Vote.model_validate(vote).verdict for vote in json.loads(text)])
    return count_agreement([judge.title for judge in jury.judges], ballots)


def agreement_sentences(workspace: Workspace) -> tuple[str, ...]:
    """What a reader must know of the jury: how far its judges agree, all together and two by two."""
    found = agreement(workspace)
    if found is None or not found.answers:
        return ()
    sentences = [
        f"The {len(found.judges)} judges of the jury are unanimous on {_percent(found.unanimous)} of {found.complete:,}"
        f" answers that all of them judged (Fleiss' kappa {_number(found.kappa)}); {found.undecided:,} of"
        f" {found.answers:,} answers have no majority and no score."
    ]
    if len(found.judges) == 1:
        sentences = [f"One judge alone, {found.judges[0]}, decides {found.answers:,} answers: nobody checks it."]
    for pair in found.pairs:
        sentences.append(
            f"{pair.judges[0]} and {pair.judges[1]} agree on {_percent(pair.agreement)} of {pair.answers:,} answers"
            f" (Cohen's kappa {_number(pair.kappa)}); where they differ, {pair.only_first_correct:,} are right only to"
            f" the first and {pair.only_second_correct:,} only to the second."
        )
    return tuple(sentences)


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{share:.1%}"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"


def _question(jury: OpenJury, answered: Answered, sample: Sample) -> JudgeQuestion | None:
    """What the judges are asked; None where there is no answer to judge, which needs no judge."""
    answer = parse_think(sample.text).answer if sample.stop_reason == "end" else None
    if not answer:
        return None
    return ask_judge(answered.item, answer, most_characters=jury.settings.answer_characters)


def _scored(sample: Sample, votes: list[Vote] | None) -> Sample:
    """The sample with the jury's score; without votes, there was no answer: wrong, or missing if it failed."""
    if votes is None:
        has_failed = sample.stop_reason == "failed"
        changes = {"score": None if has_failed else 0.0, "error": sample.error if has_failed else None}
        return sample.model_copy(update={**changes, "scorer": SCORER})
    verdict = majority(votes)
    return sample.model_copy(
        update={
            "score": None if verdict is None else float(verdict == "correct"),
            "error": _undecided(votes) if verdict is None else None,
            "scorer": SCORER,
            "votes": json.dumps([vote.model_dump() for vote in votes], ensure_ascii=False),
        }
    )


def _undecided(votes: Sequence[Vote]) -> str:
    counts = {verdict: sum(vote.verdict == verdict for vote in votes) for verdict in ("correct", "incorrect")}
    reasons = "; ".join(f"{vote.judge}: {vote.error}" for vote in votes if vote.error is not None)
    said = f"{counts['correct']} of {len(votes)} judges say correct, {counts['incorrect']} incorrect"
    return f"no majority: {said}; {reasons}"


def _votes(
    judge: Judge, juror: Juror, questions: Sequence[JudgeQuestion], folder: Path, step: str, costs: "_Costs"
) -> dict[str, Vote]:
    """One judge's vote on every question, asked for where its journal has none."""
    identity = judge.model_dump(mode="json", include=_DECIDES_A_VOTE)
    place = folder / fingerprint(identity)
    with Journal(place) as journal:
        if not (place / JUDGE_FILE).exists():
            write_json(place / JUDGE_FILE, identity)
        heard = time.perf_counter()

        def receive(question: JudgeQuestion, judged: Judged) -> None:
            nonlocal heard
            now = time.perf_counter()
            earlier = journal.get(question.key) or {"step": None}
            # what an earlier attempt at this step paid for a vote that it had not
            usage, seconds = (earlier["usage"], earlier["seconds"]) if earlier["step"] == step else ((), 0.0)
            row = {
                "step": step,
                "verdict": judged.vote.verdict,
                "error": judged.vote.error,
                "usage": (*usage, *judged.usage),
                "seconds": seconds + now - heard,
            }
            heard = now
            journal.append(question.key, row, failed=judged.vote.verdict is None)

        missing = [question for question in questions if not _has_vote(journal.get(question.key))]
        if missing:
            juror.judge_all(missing, receive)
        votes = {}
        for question in questions:
            row = journal.get(question.key)
            assert row is not None, "a judge was asked and neither voted nor failed"
            votes[question.key] = Vote(judge=judge.title, verdict=row["verdict"], error=row["error"])
            if row["step"] == step:
                costs.add(juror, row)
        return votes


def _has_vote(row: dict[str, Any] | None) -> bool:
    return row is not None and row["verdict"] is not None


@dataclass(kw_only=True)
class _Costs:
    """What this evaluation's votes took, summed over the rows of journals: those of interrupted attempts are there."""

    tokens: int = 0
    seconds: float = 0.0
    flops: list[float | None] = field(default_factory=list)

    def add(self, juror: Juror, row: dict[str, Any]) -> None:
        """Adds one vote."""
        self.seconds += float(row["seconds"])
        for usage in row["usage"]:
            self.tokens += sum(usage or ())
            if usage is None or juror.architecture is None:
                self.flops.append(None)
            else:
                self.flops.append(float(inference_flops(juror.architecture, *usage)))

    def row(self, step: str) -> LedgerRow:
        """The row of the ledger; its FLOPs are known where those of every reply are."""
        flops = None if None in self.flops else sum(value for value in self.flops if value is not None)
        return LedgerRow(
            phase="judging", step=step, flops=flops, hardware_flops=None, tokens=self.tokens, seconds=self.seconds
        )
