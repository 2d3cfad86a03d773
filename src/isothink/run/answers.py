"""Where the two replies to each prompt come from: a data set, a program, or a model that is paid for each of them.

Called by generation.py. Replies of a model go into a journal that is shared by everything that asks the same teacher in
the same way, so that neither an interruption, nor a longer prompt file, nor other filters pay for a token twice.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from isothink.compute.architecture import Architecture
from isothink.domain.filter_settings import Filters
from isothink.domain.pair import Prompt
from isothink.domain.reply import MODES, Failure, ReasoningMode, Reply
from isothink.domain.teacher_settings import ModelTeacher, mode_sampling
from isothink.errors import StepError
from isothink.run.asking_meter import AskingMeter
from isothink.store.fingerprint import fingerprint
from isothink.store.journal import Journal
from isothink.store.run_folder import write_json
from isothink.teacher.assembly import Answered
from isothink.teacher.probe import PROBES, Probe, RequestDifference, check_requests, check_toggle
from isothink.teacher.prompt_rows import PromptRow
from isothink.teacher.protocol import Question, Teacher
from isothink.teacher.selection import Selection

CHUNK = 256
"""Prompts that are asked of a program, or read, checked and written, together."""

Something = TypeVar("Something")


class Answers(Protocol):
    """Both replies to every prompt of a selection. `prepare` comes first, within the context."""

    @property
    def differences(self) -> tuple[RequestDifference, ...]:
        """The places in which the requests of the two modes differ."""

    @property
    def seconds(self) -> float:
        """Wall time of asking, over all attempts; of a journal that holds more, the share of these questions."""

    @property
    def architecture(self) -> Architecture | None:
        """The teacher's shape, where its backend knows it."""

    def prepare(self, meter: AskingMeter) -> None:
        """Checks the toggle, then asks what was not asked before."""

    def all(self) -> Iterator[Answered]:
        """What came of each prompt, in the order of the selection."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class RecordedAnswers:
    """Replies that the data sets hold."""

    architecture: Architecture | None = None
    differences: tuple[RequestDifference, ...] = ()
    seconds = 0.0

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to close."""

    def prepare(self, meter: AskingMeter) -> None:
        """There is nothing to ask."""

    def all(self) -> Iterator[Answered]:
        """See Answers."""
        for row in self._selection:
            assert row.prompt is not None and row.off is not None and row.on is not None
            yield Answered(prompt=row.prompt, off=row.off, on=row.on)


class FreeAnswers:
    """Replies of a program, which is asked again each time they are read."""

    architecture: Architecture | None = None
    differences: tuple[RequestDifference, ...] = ()
    seconds = 0.0

    def __init__(self, selection: Selection, teacher: Teacher) -> None:
        self._selection = selection
        self._teacher = teacher

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to close."""

    def prepare(self, meter: AskingMeter) -> None:
        """Checks the toggle."""
        answered = self._ask(list(islice(self._selection, PROBES)))
        probes = [Probe(prompt=answer.prompt.text, off=answer.off, on=answer.on) for answer in answered]
        check_toggle(self._teacher.name, probes)

    def all(self) -> Iterator[Answered]:
        """See Answers."""
        for chunk in chunks(self._selection, CHUNK):
            yield from self._ask(chunk)

    def _ask(self, rows: list[PromptRow]) -> Iterator[Answered]:
        replies: dict[str, Reply | Failure] = {}
        questions = [
            Question(key=f"{number} {mode}", prompt=prompt_of(row).text, mode=mode)
            for number, row in enumerate(rows)
            for mode in MODES
        ]
        self._teacher.answer_all(questions, lambda question, reply: replies.__setitem__(question.key, reply))
        for number, row in enumerate(rows):
            yield Answered(prompt=prompt_of(row), off=replies[f"{number} off"], on=replies[f"{number} on"])


class PaidAnswers:
    """Replies of a model, each of which is asked for once and kept in the journal."""

    def __init__(
        self,
        selection: Selection,
        teacher: Teacher,
        settings: ModelTeacher,
        filters: Filters,
        *,
        replies: Path,
        identity: Mapping[str, Any],
    ) -> None:
        self._selection = selection
        self._teacher = teacher
        self._settings = settings
        self._filters = filters
        self._identity = identity
        self._folder = journal_folder(replies, identity)
        self._journal = Journal(self._folder)
        self._caps = {mode: mode_sampling(settings, mode).max_tokens for mode in MODES}
        self.architecture = teacher.architecture
        self.differences: tuple[RequestDifference, ...] = ()
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._journal.__enter__()
        if not (self._folder / "asked.json").exists():
            write_json(self._folder / "asked.json", self._identity)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.__exit__(kind, error, trace)

    def prepare(self, meter: AskingMeter) -> None:
        """See Answers."""
        started = time.monotonic()
        meter.architecture, meter.price = self.architecture, self._settings.price
        meter.begin("checking the toggle", planned=len(MODES) * min(PROBES, len(self._selection)))
        self._probe(meter)
        meter.begin("asking", planned=len(MODES) * len(self._selection))
        settled = self._ask(self._first_questions(self._selection), meter)
        if self._filters.on_length == "retry":
            meter.begin("asking again", planned=None)
            settled += self._ask(self._second_questions(), meter)
        seconds = self._journal.seconds + time.monotonic() - started
        self.seconds = seconds * min(1.0, settled / max(1, len(self._journal)))

    def all(self) -> Iterator[Answered]:
        """See Answers."""
        for row in self._selection:
            prompt = prompt_of(row)
            found = {mode: self._final(prompt, mode) for mode in MODES}
            yield Answered(
                prompt=prompt,
                off=found["off"][0],
                on=found["on"][0],
                retried=tuple((mode, first) for mode in MODES for first in (found[mode][1],) if first is not None),
            )

    def _probe(self, meter: AskingMeter) -> None:
        prompts = [prompt_of(row) for row in islice(self._selection, PROBES)]
        off, on = (self._teacher.render(self._question(prompts[0].text, mode, self._caps[mode])) for mode in MODES)
        self.differences = check_requests(self._settings, off, on)
        failures: dict[str, tuple[Question, Failure]] = {}
        questions = sorted(self._questions(prompts), key=lambda question: question.mode == "off")
        self._ask(questions, meter, failures)  # the long ones first: fewer slots wait for the last
        if len(failures) < len(prompts) * len(MODES):  # else the server is ill, and no prompt is to blame
            for question, failure in failures.values():
                self._keep(question, failure)
        probes = [Probe(prompt=prompt.text, **self._both(prompt.text, failures)) for prompt in prompts]
        try:
            check_toggle(self._teacher.name, probes)
        except StepError:
            self._journal.forget(question.key for question in questions)  # else a repaired server is never asked again
            raise

    def _both(
        self, text: str, failures: Mapping[str, tuple[Question, Failure]]
    ) -> dict[ReasoningMode, Reply | Failure]:
        found: dict[ReasoningMode, Reply | Failure] = {}
        for mode in MODES:
            failed = failures.get(question_key(text, mode, self._caps[mode]))
            found[mode] = self._answer(text, mode, self._caps[mode]) if failed is None else failed[1]
        return found

    def _ask(
        self,
        questions: Iterable[Question],
        meter: AskingMeter,
        failures: dict[str, tuple[Question, Failure]] | None = None,
    ) -> int:
        """Asks what the journal does not hold, and keeps what comes; returns how many questions there were.

        Failures go into `failures`, if it is given.
        """
        passed = 0

        def issue() -> Iterator[Question]:
            nonlocal passed
            for question in questions:
                if question.key in self._journal:
                    passed += 1
                    meter.found(question, failed=self._journal.has_failed(question.key))
                else:
                    yield question

        def receive(question: Question, answer: Reply | Failure) -> None:
            nonlocal passed
            if failures is not None and isinstance(answer, Failure):
                failures[question.key] = (question, answer)
            else:
                self._keep(question, answer)
            passed += 1
            meter.received(question, answer)

        self._teacher.answer_all(issue(), receive)
        return passed

    def _keep(self, question: Question, answer: Reply | Failure) -> None:
        failed = isinstance(answer, Failure)
        facts = {"mode": question.mode, "failure" if failed else "reply": answer.model_dump()}
        self._journal.append(question.key, facts, failed=failed)

    def _first_questions(self, rows: Iterable[PromptRow]) -> Iterator[Question]:
        return self._questions(prompt_of(row) for row in rows)

    def _questions(self, prompts: Iterable[Prompt]) -> Iterator[Question]:
        for prompt in prompts:
            for mode in reversed(MODES):
                yield self._question(prompt.text, mode, self._caps[mode])

    def _second_questions(self) -> Iterator[Question]:
        """Those whose first reply was cut off, with a higher cap."""
        for row in self._selection:
            text = prompt_of(row).text
            for mode in MODES:
                reply = self._answer(text, mode, self._caps[mode])
                if isinstance(reply, Reply) and reply.finish == "length":
                    yield self._question(text, mode, self._longer(mode))

    def _longer(self, mode: ReasoningMode) -> int:
        return self._filters.retry_max_tokens or 2 * self._caps[mode]

    def _final(self, prompt: Prompt, mode: ReasoningMode) -> tuple[Reply | Failure, Reply | None]:
        """The reply that counts, and the first one where a longer one replaced it."""
        first = self._answer(prompt.text, mode, self._caps[mode])
        if self._filters.on_length != "retry" or isinstance(first, Failure) or first.finish != "length":
            return first, None
        second = self._answer(prompt.text, mode, self._longer(mode))
        return (first, None) if isinstance(second, Failure) else (second, first)

    def _question(self, text: str, mode: ReasoningMode, max_tokens: int) -> Question:
        return Question(key=question_key(text, mode, max_tokens), prompt=text, mode=mode, max_tokens=max_tokens)

    def _answer(self, text: str, mode: ReasoningMode, max_tokens: int) -> Reply | Failure:
        row = self._journal.get(question_key(text, mode, max_tokens))
        assert row is not None, "a question was neither answered nor failed"
        return Reply.model_validate(row["reply"]) if "reply" in row else Failure.model_validate(row["failure"])


def journal_folder(replies: Path, identity: Mapping[str, Any]) -> Path:
    """Where the journal of a teacher that is asked in this way lies."""
    return replies / fingerprint(identity)


def question_key(text: str, mode: ReasoningMode, max_tokens: int) -> str:
    """What a question is called in the journal of its teacher: by content alone."""
    return hashlib.sha256(f"{mode}\0{max_tokens}\0{text}".encode()).hexdigest()[:20]


def prompt_of(row: PromptRow) -> Prompt:
    """The prompt of a row that was selected."""
    assert row.prompt is not None
    return row.prompt


def chunks(values: Iterable[Something], size: int) -> Iterator[list[Something]]:
    """Lists of at most `size` values, in order."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk
