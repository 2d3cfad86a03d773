"""What `isothink init` is told about the study that it writes. Made by cli/init.py, read by starter.py."""

from dataclasses import dataclass
from typing import Any, Literal

from isothink.errors import UsageError

Kind = Literal["toy", "teacher", "pairs"]
Toggle = Literal["enable_thinking", "effort", "thinking", "suffix"]
Data = dict[str, Any]

KINDS: tuple[Kind, ...] = ("toy", "teacher", "pairs")
TOGGLES: dict[Toggle, tuple[Data, Data]] = {
    "enable_thinking": (
        {"request": {"chat_template_kwargs": {"enable_thinking": False}}},
        {"request": {"chat_template_kwargs": {"enable_thinking": True}}},
    ),
    "effort": ({"request": {"reasoning_effort": "none"}}, {"request": {"reasoning_effort": "high"}}),
    "thinking": ({"request": {"thinking": {"type": "disabled"}}}, {"request": {"thinking": {"type": "enabled"}}}),
    "suffix": ({"prompt_suffix": " /no_think"}, {"prompt_suffix": " /think"}),
}
"""What is sent with reasoning off and on; docs/teachers.md says which servers take which."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StarterAnswers:
    """What `isothink init` was told; what is None has a default, or is refused where there can be none."""

    kind: Kind = "toy"
    name: str | None = None
    base_url: str | None = None
    teacher_model: str | None = None
    toggle: Toggle | None = None
    api_key_variable: str | None = None
    """The name of the environment variable; the key itself is never asked for."""
    prompts: str | None = None
    """A file of rows or a data set of the Hub."""
    prompt_column: str | None = None
    reference_column: str | None = None
    pairs: str | None = None
    """A file of rows or a data set of the Hub, with the columns prompt, ift and reasoning."""
    students: tuple[str, ...] | None = None
    tasks: tuple[str, ...] | None = None


_FLAGS = {
    "base_url": ("teacher",),
    "teacher_model": ("teacher",),
    "toggle": ("teacher",),
    "api_key_variable": ("teacher",),
    "prompts": ("teacher",),
    "prompt_column": ("teacher",),
    "reference_column": ("teacher",),
    "pairs": ("pairs",),
    "students": ("teacher", "pairs"),
    "tasks": ("teacher", "pairs"),
}
"""Which kinds of study an answer is for."""


def asked_of(kind: str) -> tuple[str, ...]:
    """The answers that a kind of study takes."""
    return tuple(name for name, kinds in _FLAGS.items() if kind in kinds)


def refuse_strays(answers: StarterAnswers) -> None:
    """Refuses answers that the kind of study has no place for."""
    for name, kinds in _FLAGS.items():
        if getattr(answers, name) is not None and answers.kind not in kinds:
            raise UsageError(
                f"--{name.replace('_', '-')}: found one for a study of kind {answers.kind},"
                f" allowed is it for {' and '.join(kinds)}",
                hint=f"add --kind {kinds[0]}",
            )
