"""The instructions that an answer is to follow, as IFEval (arXiv:2311.07911) states them, in one line of JSON.

Written by benchmark/ as an item's reference, read here and by the process that checks them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def write_instructions(names: Sequence[str], arguments: Sequence[Mapping[str, Any]]) -> str:
    """The reference of an item. Arguments that are null are those of other instructions, and are left out."""
    kept = [{key: value for key, value in each.items() if value is not None} for each in arguments]
    return json.dumps(
        [{"instruction": name, "arguments": each} for name, each in zip(names, kept, strict=True)],
        ensure_ascii=False,
        sort_keys=True,
    )


def read_instructions(reference: str) -> list[tuple[str, dict[str, Any]]] | None:
    """The instructions with their arguments; None where the text is no such reference."""
    try:
        found = json.loads(reference)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not found:
        return None
    instructions = []
    for each in found:
        if not isinstance(each, dict) or set(each) != {"instruction", "arguments"}:
            return None
        name, arguments = each["instruction"], each["arguments"]
        if not isinstance(name, str) or not isinstance(arguments, dict):
            return None
        instructions.append((name, arguments))
    return instructions
