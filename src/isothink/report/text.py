"""Text from models, prompts and study files, made safe to look at; used by the page, the figures and the terminal.

Escaping of HTML is the template engine's work. This module deals with characters that have no picture of their own and
would steer a terminal, a browser or a reader's eye: control characters and marks that turn the direction of writing.
"""

import json
import re

# Everything that is no tab or line break and has no shape: C0 and C1 controls, direction marks, line and paragraph
# separators, byte-order marks, and lone halves of surrogate pairs, which cannot be written as UTF-8.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\uffff\ud800-\udfff]"
)
_UNSAFE_IN_SCRIPT = {
    ord(character): f"\\u{ord(character):04x}" for character in ("<", ">", "&", "\u2028", "\u2029", "\x7f")
}


def _name(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else f"[U+{code:04X}]"


def visible(text: str) -> str:
    """`text` with every hidden character replaced by a visible name of it."""
    return _HIDDEN.sub(_name, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """One line without control characters: what a file says must not steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def shortened(text: str, limit: int) -> str:
    """`text` itself, or its beginning and its end with a note of how much is left out between them."""
    if len(text) <= limit:
        return text
    head, tail = limit * 2 // 3, limit // 3
    return f"{text[:head]} [... {len(text) - head - tail:,} characters left out ...] {text[-tail:]}"


def script_json(value: object) -> str:
    """JSON that can stand inside a script element: nothing in it can end the element or a line of the script."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_UNSAFE_IN_SCRIPT)
