"""A chat template taken apart: what it puts around a prompt, and what ends an answer. Used by chat_tokenizer.py.

It is rendered with placeholders, so that what a prompt says can never act on the template or become a turn of its own.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.errors import UsageError

PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}User: {{ message['content'] }}\n\n"
    "{% elif message['role'] == 'assistant' %}Assistant:{{ message['content'] }}{{ eos_token }}"
    "{% else %}{{ message['content'] }}\n\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For a base model that has no template: `User: ...`, an empty line, `Assistant:`, the answer, the end of sequence."""

BEGINNING = "{{ bos_token }}"
"""Before the plain template where the tokenizer begins every text with that token."""

TODAY = "26 Jul 2024"
"""What templates are told when they ask for the date (the default of Llama 3.1): prompts must not change overnight."""

_CLOCK = "strftime_now"
_FIXED_CLOCK = f"{{%- macro {_CLOCK}(format) -%}}{TODAY}{{%- endmacro -%}}"
_TOGGLES = ("enable_thinking", "thinking")
_EDGE = "\t \t"
_LAST_NEW_LINE = "\n"
"""Jinja does not show the one that a template ends with."""
_HINT = "name a Jinja file in tokenizer.chat_template whose generation prompt opens no trace: students choose"

Message = Mapping[str, str]
Render = Callable[[str, Sequence[Message], bool], str]
"""Renders (template, messages, whether a generation prompt follows)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatTemplate:
    """What stands around a prompt: text of the template, the system prompt, text, the prompt, text.

    `strips` says whether the template drops white space before and after a prompt. `ending` is what it puts after an
    answer.
    """

    source: str
    head: str
    system: str
    middle: str
    tail: str
    strips: tuple[bool, bool]
    ending: str

    def prompt(self, text: str) -> str:
        """A prompt as the template shows it, without what stands around it."""
        before, after = self.strips
        text = text.lstrip() if before else text
        return text.rstrip() if after else text


def take_apart(source: str, render: Render, *, system_prompt: str | None, name: str) -> ChatTemplate:
    """The template with whatever setting makes it leave the choice of thinking to the student.

    Hybrid models open or close a trace in the generation prompt, by default or when a variable says so
    (hiyouga/LlamaFactory#10321, modelscope/ms-swift#4939). The setting becomes part of the template.

    Raises:
        UsageError: the generation prompt holds a think tag under every setting; or the template does not show what it
            is given.
    """
    if _CLOCK in source:
        source = _FIXED_CLOCK + source
    source = _with_generation_prompt(source, render, name)
    found = ""
    for setting in _settings(source):
        template = _rendered(setting + source, render, system_prompt, name)
        if not {THINK_OPEN, THINK_CLOSE} & _tags(template.tail):
            return template
        found = found or template.tail
    raise UsageError(
        f"tokenizer.model: the chat template of {name} writes a think tag into every prompt ({found[-60:]!r})",
        hint=_HINT,
    )


def _with_generation_prompt(source: str, render: Render, name: str) -> str:
    """The template, which opens the assistant's turn when it is asked to: some never do, and show a prompt only.

    A blank that a template puts before every answer (Mistral) is no part of the header: a prompt that ended with one
    would split what tokenizers hold together.
    """
    user, answer = (f"{word}{uuid.uuid4().hex}" for word in ("User", "Answer"))
    chat = [{"role": "user", "content": user}]
    shown = render(source, chat, True)
    if shown != render(source, chat, False):
        return source
    _, tail = _parted(shown, user, "user's message", name)
    whole = render(source, [*chat, {"role": "assistant", "content": answer}], False)
    before = _parted(whole, answer, "assistant's message", name)[0].rpartition(user)[2]
    header = before.removeprefix(tail).rstrip(" ")
    if not header.strip() or not before.startswith(tail):
        return source
    return f"{source.removesuffix(_LAST_NEW_LINE)}{{{{ {header!r} if add_generation_prompt else '' }}}}"


def _settings(source: str) -> Iterator[str]:
    yield ""
    for variable in _TOGGLES:
        if variable in source:
            for value in ("true", "false"):
                yield f"{{%- set {variable} = {value} -%}}"


def _tags(text: str) -> set[str]:
    return {tag for tag in (THINK_OPEN, THINK_CLOSE) if tag in text}


def _rendered(source: str, render: Render, system_prompt: str | None, name: str) -> ChatTemplate:
    user, system, answer = (f"{word}{uuid.uuid4().hex}" for word in ("User", "System", "Answer"))
    chat = [{"role": "user", "content": f"{_EDGE}{user}{_EDGE}"}]
    if system_prompt is not None:
        chat.insert(0, {"role": "system", "content": f"{_EDGE}{system}{_EDGE}"})
    text = render(source, chat, True)
    before, tail = _parted(text, user, "user's message", name)
    head, middle = _parted(before, system, "system prompt", name) if system_prompt is not None else ("", before)
    strips = not middle.endswith(_EDGE), not tail.startswith(_EDGE)
    shown = system_prompt or ""
    if system_prompt is not None:
        shown = shown if head.endswith(_EDGE) else shown.lstrip()
        shown = shown if middle.startswith(_EDGE) else shown.rstrip()
    whole = render(source, [*chat, {"role": "assistant", "content": answer}], False)
    return ChatTemplate(
        source=source,
        head=head.removesuffix(_EDGE),
        system=shown,
        middle=(middle.removeprefix(_EDGE) if system_prompt is not None else middle).removesuffix(_EDGE),
        tail=tail.removeprefix(_EDGE),
        strips=strips,
        ending=_parted(whole, answer, "assistant's message", name)[1],
    )


def _parted(text: str, placeholder: str, role: str, name: str) -> tuple[str, str]:
    before, found, after = text.partition(placeholder)
    if not found or placeholder in after:
        times = text.count(placeholder)
        raise UsageError(
            f"tokenizer.model: the chat template of {name} shows the {role} {times} times, allowed is once",
            hint="name a Jinja file in tokenizer.chat_template that shows every message once",
        )
    return before, after
