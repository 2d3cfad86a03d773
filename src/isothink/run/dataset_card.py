"""The card of an exported data set: a README with the header that `datasets` reads. Called by export.py.

Names and settings come from study files, servers and users' files: each is escaped where it stands, so that none can
end the header, open a tag, or look like a part of the card.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PureWindowsPath
from typing import Any

_LONGEST = 300
_MARKUP = re.compile(r"([\\`*_{}\[\]()#!|~$^@])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_CONFIGS = {
    "pairs": (
        "`prompt`; `ift`, the plain answer; `reasoning`, the answer with its trace in think tags; `id`, `source`,"
        " `reference`, `correctness` of both answers"
    ),
    "ift": "`id`, `source`, `messages`: the prompt and the plain answer",
    "reasoning": "`id`, `source`, `messages`: the prompt and the answer, its trace in `reasoning_content`",
}


def dataset_card(
    manifest: Mapping[str, Any], name: str, counts: Counter[tuple[str, str]], files: Mapping[str, str]
) -> str:
    """The text of the card; `counts` are pairs by source and by correctness, `files` the data file of each config."""
    pairs = sum(count for (kind, _), count in counts.items() if kind == "source")
    asked = manifest.get("prompts_asked")
    parts = [
        _header(name, files),
        f"# {inline(name)}",
        "Each prompt was answered twice by one teacher with nothing but its reasoning mode toggled. Pairs were made,"
        " filtered and exported by isothink.",
        _table(("config", "columns", "pairs"), [(f"`{name}`", text, str(pairs)) for name, text in _CONFIGS.items()]),
        'Load one of them with `datasets.load_dataset(folder, "pairs")`; it has the split `train`.',
        "## Teacher",
        f"Model: {inline(_base_name(manifest.get('teacher') or 'not stated'))}",
        "What is sent in each mode:",
        fenced(manifest.get("toggle") or {}),
        "How tokens were drawn in each mode" + _difference(manifest.get("sampling")) + ":",
        fenced(manifest.get("sampling") or {}),
        "## Filters",
        "A filter drops the pair, never one side.",
        fenced(_without_folders(manifest.get("filters") or {})),
        "## Counts",
        f"{pairs} pairs were kept" + (f" of {inline(asked)} prompts asked." if asked is not None else "."),
        _table(("source", "pairs"), _counted(counts, "source")),
        _correctness(counts),
        _dropped(manifest.get("dropped") or ()),
        "## Licence",
        "The prompts keep the licence of the data sets that they come from, and the answers fall under the terms of the"
        " teacher's model or service. Neither is known here: whoever publishes this data set must state both.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def inline(value: Any) -> str:
    """A value within a line of Markdown."""
    text = _printable(str(value))
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return _MARKUP.sub(r"\\\1", text.translate(_ENTITIES))


def fenced(value: Any) -> str:
    """A value as a block of JSON, in a fence that nothing within it can close."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=str)
    text = "\n".join(_printable(line) for line in text.split("\n"))
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}json\n{text}\n{fence}"


def _without_folders(value: Any) -> Any:
    """Settings with the names of files only: where they lay on one machine is nobody else's business."""
    if isinstance(value, Mapping):
        return {key: _base_name(inner) if key == "path" else _without_folders(inner) for key, inner in value.items()}
    return [_without_folders(inner) for inner in value] if isinstance(value, list | tuple) else value


def _base_name(path: Any) -> str:
    """The last part of an absolute path; other names, such as a model's on the Hub, as they are."""
    text = str(path)
    return PureWindowsPath(text).name if text.startswith(("/", "~", "\\")) or PureWindowsPath(text).drive else text


def _printable(text: str) -> str:
    """Without what could end a line or hide or turn text around."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _header(name: str, files: Mapping[str, str]) -> str:
    """The YAML that `datasets` reads. A JSON text is a YAML text; the license is left to the user."""
    lines = ["---", f"pretty_name: {json.dumps(_printable(name), ensure_ascii=False)}"]
    lines += ["task_categories:", "- text-generation", "configs:"]
    for config, file in files.items():
        lines += [f"- config_name: {config}", "  data_files:", "  - split: train", f"    path: {json.dumps(file)}"]
        lines += ["  default: true"] if config == "pairs" else []
    return "\n".join([*lines, "---"])


def _difference(sampling: Any) -> str:
    """A difference beyond the toggle confounds the experiment, so the card names it."""
    if not isinstance(sampling, Mapping):
        return ""
    off, on = (sampling.get(mode) for mode in ("off", "on"))
    if not isinstance(off, Mapping) or not isinstance(on, Mapping):
        return ""
    names = [inline(name) for name in {**off, **on} if off.get(name) != on.get(name)]
    return f" (different in {', '.join(names)}, which confounds a comparison of the two)" if names else ""


def _counted(counts: Counter[tuple[str, str]], kind: str) -> list[tuple[str, str]]:
    return [(inline(key), str(count)) for (found, key), count in sorted(counts.items()) if found == kind]


def _correctness(counts: Counter[tuple[str, str]]) -> str:
    rows = _counted(counts, "correct")
    if not any(label != "not compared" for label, _ in rows):
        return "No answer was compared with a reference."
    return _table(("right answers", "pairs"), rows)


def _dropped(dropped: Iterable[Mapping[str, Any]]) -> str:
    rows = [tuple(inline(count.get(key)) for key in ("reason", "mode", "pairs")) for count in dropped]
    return _table(("dropped for", "mode at fault", "prompts"), rows) if rows else "No prompt was dropped."


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
