"""The card of an exported data set: a README with the header that `datasets` reads. Called by export.py."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from isothink.run.card_text import base_name, fenced, inline, printable, table

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
        table(("config", "columns", "pairs"), [(f"`{name}`", text, str(pairs)) for name, text in _CONFIGS.items()]),
        'Load one of them with `datasets.load_dataset(folder, "pairs")`; it has the split `train`.',
        "## Teacher",
        f"Model: {inline(base_name(manifest.get('teacher') or 'not stated'))}",
        "What is sent in each mode:",
        fenced(manifest.get("toggle") or {}),
        "How tokens were drawn in each mode" + _difference(manifest.get("sampling")) + ":",
        fenced(manifest.get("sampling") or {}),
        "## Filters",
        "A filter drops the pair, never one side.",
        fenced(_without_folders(manifest.get("filters") or {})),
        "## Counts",
        f"{pairs} pairs were kept" + (f" of {inline(asked)} prompts asked." if asked is not None else "."),
        table(("source", "pairs"), _counted(counts, "source")),
        _correctness(counts),
        _dropped(manifest.get("dropped") or ()),
        "## Licence",
        "The prompts keep the licence of the data sets that they come from, and the answers fall under the terms of the"
        " teacher's model or service. Neither is known here: whoever publishes this data set must state both.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _without_folders(value: Any) -> Any:
    """Settings with the names of files only: where they lay on one machine is nobody else's business."""
    if isinstance(value, Mapping):
        return {key: base_name(inner) if key == "path" else _without_folders(inner) for key, inner in value.items()}
    return [_without_folders(inner) for inner in value] if isinstance(value, list | tuple) else value


def _header(name: str, files: Mapping[str, str]) -> str:
    """The YAML that `datasets` reads. A JSON text is a YAML text; the license is left to the user."""
    lines = ["---", f"pretty_name: {json.dumps(printable(name), ensure_ascii=False)}"]
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
    return table(("right answers", "pairs"), rows)


def _dropped(dropped: Iterable[Mapping[str, Any]]) -> str:
    rows = [tuple(inline(count.get(key)) for key in ("reason", "mode", "pairs")) for count in dropped]
    return table(("dropped for", "mode at fault", "prompts"), rows) if rows else "No prompt was dropped."
