"""`isothink init`: a study file from flags, and from a few questions where somebody sits at a terminal."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from isothink import api
from isothink.cli.output import one_line, print_json
from isothink.errors import UsageError
from isothink.run.starter_answers import KINDS, TOGGLES, asked_of

QUESTIONS = {
    "base_url": ("address of the teacher's server, up to /v1", "http://127.0.0.1:8000/v1"),
    "teacher_model": ("the teacher's model, as the server calls it", None),
    "toggle": (f"how its reasoning is switched ({', '.join(TOGGLES)})", "enable_thinking"),
    "api_key_variable": ("environment variable that holds the key (empty: none is needed)", ""),
    "prompts": ("prompts: a file (.jsonl, .parquet, .csv) or a data set of the Hub", "openai/gsm8k"),
    "pairs": ("pairs: a file or a data set of the Hub (empty: the published ones)", ""),
    "students": ("students: models of the Hub or folders, with commas between", "Qwen/Qwen2.5-0.5B,Qwen/Qwen2.5-1.5B"),
    "tasks": ("benchmarks, with commas between", "gsm8k,math-500"),
}
"""What is asked where a flag is missing, and the answer that Enter gives."""

_LISTS = ("students", "tasks")


def init_and_print(
    path: Path, given: Mapping[str, str | None], *, force: bool, with_schema: bool, as_json: bool
) -> None:
    """Writes the study file, asking what is missing, and says what comes next."""
    if path.exists() and not force and _somebody_answers():
        raise UsageError(f"{path}: found a file there already", hint="--force replaces it; or give another path")
    answers: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if _somebody_answers():
        try:
            _ask(answers)
        except KeyboardInterrupt:  # there is nothing yet that the same command could resume
            raise typer.Abort from None
    answers.update({name: _parts(answers[name]) for name in _LISTS if name in answers})
    api.init(path, force=force, with_schema=with_schema, **answers)
    if as_json:
        print_json({"study": str(path)})
        return
    print(path)
    print(f"next: isothink plan {shlex.quote(str(path))}", file=sys.stderr)


def _somebody_answers() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(answers: dict[str, Any]) -> None:
    """Adds what is missing; an empty answer leaves the default of the study file."""
    if "kind" not in answers:
        answers["kind"] = _answer(f"kind of study ({', '.join(KINDS)})", "toy", allowed=KINDS)
    for name in asked_of(answers["kind"]):
        if name in answers or name not in QUESTIONS:
            continue
        question, default = QUESTIONS[name]
        answer = _answer(question, default, allowed=tuple(TOGGLES) if name == "toggle" else None)
        if answer:
            answers[name] = answer


def _answer(question: str, default: str | None, *, allowed: Sequence[str] | None = None) -> str:
    """One line from standard input; the question is put until there is one, and one that is allowed."""
    shown = f" [{default}]" if default else ""
    while True:
        print(f"{question}{shown}: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:  # the end of input
            raise typer.Abort
        answer = line.strip() or default
        if answer is not None and (allowed is None or answer in allowed):
            return answer
        if answer is not None and allowed is not None:
            print(f"found {one_line(answer)}, allowed are {', '.join(allowed)}", file=sys.stderr)


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise UsageError(f"found {text!r}, allowed are names with commas between")
    return parts
