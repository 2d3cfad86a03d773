"""Starter studies with students of the Hugging Face Hub: a teacher of one's own, or finished pairs. For starter.py."""

import re
from collections.abc import Sequence
from os.path import relpath
from pathlib import Path, PurePath
from typing import Any

from isothink.compute.registry import published_names
from isothink.errors import UsageError
from isothink.plan.published_rates import PUBLISHED_RATES
from isothink.run.pair_lengths import pair_lengths
from isothink.run.starter_answers import TOGGLES, StarterAnswers
from isothink.run.starter_parts import arm_list, as_name, head, verdict
from isothink.store.commented_yaml import Entry, entry
from isothink.store.rows import read_rows

Data = dict[str, Any]

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
ROW_ENDINGS = (".jsonl", ".parquet", ".csv")
BOXED = "\nPut the final answer in \\boxed{}."
DEFAULT_PROMPTS = "openai/gsm8k"
DEFAULT_STUDENTS = ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-1.5B")
DEFAULT_TASKS = ("gsm8k", "math-500")
ANSWER_CAP = 16384
BYTES_PER_TOKEN = 4.0
"""Of English texts, for lengths of pairs that no tokenizer has seen."""
FRACTIONS = (0.25, 0.5, 1.0)
BATCHES = (32, 16, 8, 4, 2)
FEWEST_STEPS = 18
"""Of the shortest training, for which a smaller batch is chosen."""
WARMUP = 20
GUESSED_LENGTHS = {"prompts": 10_000, "prompt_tokens": 100, "ift_tokens": 250, "reasoning_tokens": 1500}


def teacher_study(answers: StarterAnswers, folder: Path, name: str) -> tuple[list[str], list[Entry]]:
    """Heading and entries."""
    if answers.teacher_model is None:
        raise UsageError(
            "--teacher-model: found none, allowed is the model's name as the server knows it",
            hint="curl URL/models lists the names that a server knows",
        )
    toggle = answers.toggle or "enable_thinking"
    if toggle not in TOGGLES:
        raise UsageError(f'--toggle: found "{toggle}", allowed are {", ".join(TOGGLES)}')
    off, on = TOGGLES[toggle]
    heading = [
        "Scale or reason, with a teacher of your own behind an OpenAI-compatible server. `isothink plan` prices it,",
        "`isothink generate --limit 50` asks a pilot, `isothink generate` the rest; `isothink run` does all of it.",
    ]
    teacher = [
        entry("backend", "openai", "vLLM, SGLang, llama.cpp, hosted services"),
        entry("base_urls", [answers.base_url or "http://127.0.0.1:8000/v1"], "one address or several, up to /v1"),
        entry("model", answers.teacher_model, "as the server calls it"),
        entry("off", off, "what is sent for the plain answer; docs/teachers.md has other toggles"),
        entry("on", on, "what is sent for the trace and answer; nothing else differs"),
        entry("sampling", _sampling(), "the same in both modes"),
        entry("requests", {"concurrency": 64}, "requests in flight"),
    ]
    if answers.api_key_variable is not None:
        _require_variable(answers.api_key_variable)
        teacher.insert(2, entry("api_key_variable", answers.api_key_variable, "holds the key; the key is never here"))
    if answers.teacher_model in published_names():
        teacher.append(entry("architecture", answers.teacher_model, "for the teacher's FLOPs"))
    source, prompts, lengths = _prompt_set(answers, folder)
    return heading, [
        *head(name, "Scale or reason, with my own teacher"),
        entry("prompts", prompts, "what the teacher answers twice: with its reasoning, and without"),
        entry("teacher", tuple(teacher), "who answers"),
        entry("filters", _filters(), "a filter drops the pair, never one side"),
        entry("lengths", _lengths({source: lengths}), "for the plan, until a pilot has measured them"),
        *_real_students(answers, folder, [lengths]),
    ]


def _require_variable(name: str) -> None:
    """Refuses what may be the key itself, and does not repeat it."""
    if not _VARIABLE.fullmatch(name):
        raise UsageError(
            "--api-key-variable: found something else, allowed is a variable's name, such as OPENAI_API_KEY",
            hint="the key itself stays in the environment; it never stands in a study file",
        )


def _sampling() -> Data:
    return {"temperature": 0.6, "top_p": 0.95, "max_tokens": ANSWER_CAP}


def _filters() -> tuple[Entry, ...]:
    return (
        entry("on_length", "drop", "replies that the cap cut off: drop, keep or retry"),
        entry("keep", "all", "or both_correct, where prompts have a reference"),
    )


def _prompt_set(answers: StarterAnswers, folder: Path) -> tuple[str, tuple[Entry, ...], Data]:
    """The name of the prompts, their part of the file, and what a plan assumes of them."""
    place = answers.prompts or DEFAULT_PROMPTS
    lengths = dict(GUESSED_LENGTHS)
    known: Data = {"prompt": answers.prompt_column or "prompt"}
    config = []
    if answers.reference_column is not None:
        known["reference"] = answers.reference_column
    if place == DEFAULT_PROMPTS:
        known = {"prompt": "question", "reference": "answer", "reference_after": "####", **_given(answers)}
        lengths["prompts"] = 7473
        config = [entry("config", "main", "the data set has several")]
    elif _is_file(place):
        lengths["prompts"] = max(1, sum(1 for _ in read_rows(Path(place))))
    source = _source_name(place)
    items = [*_place(place, folder), *config, entry("source", source, "what tables call it")]
    items.append(entry("rows", {"layout": "prompts", **known}, "the columns"))
    if "reference" in known:
        items.append(entry("suffix", BOXED, "put after every prompt, for teacher and students"))
        items.append(entry("answer_format", "math", "how replies are compared with references; or letter, exact"))
    return (
        source,
        (entry("backend", "data", "rows of files and data sets"), entry("sets", (tuple(items),), "one or several")),
        lengths,
    )


def _given(answers: StarterAnswers) -> Data:
    given = {"prompt": answers.prompt_column, "reference": answers.reference_column}
    return {key: value for key, value in given.items() if value is not None}


def pairs_study(answers: StarterAnswers, folder: Path, name: str) -> tuple[list[str], list[Entry]]:
    """Heading and entries."""
    heading = [
        "Scale or reason, on pairs that exist already: no teacher is asked. `isothink plan` prices it offline,",
        "`isothink run` does it on a GPU.",
    ]
    if answers.pairs is None:
        sets, lengths = _published_pairs()
    else:
        source = _source_name(answers.pairs)
        items = [*_place(answers.pairs, folder), entry("source", source, "what tables call it")]
        columns = {"layout": "pairs", "prompt": "prompt", "ift": "ift", "reasoning": "reasoning"}
        sets = ((*items, entry("rows", columns, "the columns")),)
        lengths = {source: _measured(answers.pairs)}
    return heading, [
        *head(name, "Scale or reason, on published pairs"),
        entry(
            "prompts",
            (entry("backend", "data", "rows of files and data sets"), entry("sets", sets, "one or several")),
            "one prompt, answered with and without trace",
        ),
        entry("teacher", (entry("backend", "recorded", "nobody is asked"),), "who answered"),
        entry("lengths", _lengths(lengths), "for the plan, until the pairs are there"),
        *_real_students(answers, folder, list(lengths.values())),
    ]


def _published_pairs() -> tuple[tuple[tuple[Entry, ...], ...], dict[str, Data]]:
    """The sets of arXiv:2509.22193, with the lengths that studies/paper.yaml explains."""
    sets = tuple(
        (
            entry("kind", "hub", "or file"),
            entry("name", f"Scale-or-Reason/{source}-reasoning-ift-pairs"),
            entry("source", source, "what tables call it"),
            entry("split", "reasoning_ift_pairs", "the split that holds pairs"),
            entry("rows", {"layout": "pairs", "prompt": "prompt", "ift": "ift", "reasoning": "reasoning"}, "columns"),
        )
        for source in ("general", "math")
    )
    general = {"prompts": 1_300_000, "prompt_tokens": 140, "ift_tokens": 435, "reasoning_tokens": 2591}
    math = {"prompts": 300_000, "prompt_tokens": 73, "ift_tokens": 881, "reasoning_tokens": 6895}
    return sets, {"general": general, "math": math}


def _measured(place: str) -> Data:
    """Mean lengths of the pairs in a file, at four bytes a token; a guess for those of the Hub."""
    if not _is_file(place):
        return dict(GUESSED_LENGTHS)
    found = pair_lengths(Path(place), bytes_per_token=BYTES_PER_TOKEN)
    return {
        "prompts": found.rows or 1,
        "prompt_tokens": max(1, round(found.prompt_tokens)),
        "ift_tokens": max(1, round(found.answer_tokens["ift"])),
        "reasoning_tokens": max(1, round(found.answer_tokens["reasoning"])),
    }


def _lengths(sources: dict[str, Data]) -> tuple[Entry, ...]:
    return (entry("sources", tuple(entry(source, lengths) for source, lengths in sources.items()), "means, in tokens"),)


def _batch_and_warmup(sources: Sequence[Data]) -> tuple[int, int]:
    """Pairs of a batch and steps of warm-up with which the shortest training, of the smallest budget, is feasible.

    That is of traces, at the smallest fraction of what reading every plain answer once costs.
    """
    plain, traced = (
        sum(one["prompts"] * (one["prompt_tokens"] + one[f"{format}_tokens"]) for one in sources)
        for format in ("ift", "reasoning")
    )
    read = FRACTIONS[0] * plain / traced * sum(one["prompts"] for one in sources)
    batch = next((size for size in BATCHES if read / size >= FEWEST_STEPS), BATCHES[-1])
    return batch, max(1, min(WARMUP, int(read / batch) // 3))


def _real_students(answers: StarterAnswers, folder: Path, sources: Sequence[Data]) -> list[Entry]:
    models = answers.students or DEFAULT_STUDENTS
    names = _student_names(models)
    students = tuple(
        (entry("name", name), entry("model", _beside(model, folder))) for name, model in zip(names, models, strict=True)
    )
    if all(model in PUBLISHED_RATES for model in models):
        rate = entry("learning_rate", {"by": "published"}, "by size and format, of arXiv:2509.22193")
    else:
        table = tuple(entry(name, {"ift": 1e-5, "reasoning": 1e-5}) for name in names)
        rate = entry(
            "learning_rate",
            (entry("by", "table", "for each student and format"), entry("rates", table)),
            "a guess; `by: sweep` searches",
        )
    batch, warmup = _batch_and_warmup(sources)
    training = (
        entry("batch", {"unit": "instances", "size": batch}, "what an optimizer step reads"),
        rate,
        entry("warmup_steps", warmup, "steps until the peak rate; the smallest budget must afford more"),
        entry("precision", "bfloat16", "of the arithmetic; weights are kept in 32 bits"),
    )
    evaluation = (
        entry("tasks", list(answers.tasks or DEFAULT_TASKS), "`isothink list benchmarks`, or files of your own"),
        entry("items_per_task", 500, "more items, narrower intervals"),
        entry("max_new_tokens", ANSWER_CAP, "the cap on an answer with its trace, the same for every arm"),
        entry("sampling", "greedy", "or {temperature: 0.6, top_p: 0.95} with `repeats`"),
        entry("answerer", {"backend": "transformers"}, "vllm is faster on a GPU"),
        entry("batch_size", 32, "answers written at a time"),
    )
    resources = (
        entry("processes", 1, "one for each GPU"),
        entry("activation_checkpointing", True, "less memory, a third more arithmetic"),
    )
    fractions = (
        entry("one_epoch_of", "ift", "the unit: what reading every plain answer once costs that student"),
        entry("fractions", list(FRACTIONS), "of it"),
    )
    return [
        entry("tokenizer", (entry("backend", "transformers", "that of the first student"),), "one for all students"),
        entry("students", students, "base models of the Hub, or folders with config.json and safetensors"),
        arm_list(),
        entry("budgets", fractions, "where the training of every arm stops, in FLOPs"),
        entry("seeds", {"default": 2}, "runs of each cell; of 1 run nobody knows the noise, and nothing is resolved"),
        entry("training", training, "the same for every arm"),
        entry("evaluation", evaluation, "the same for every cell"),
        verdict(),
        entry("resources", resources, "where it runs; never part of a result's identity"),
    ]


def _student_names(models: tuple[str, ...]) -> list[str]:
    """A name for each, the end of its path; of two that end alike the second gets a number."""
    names: list[str] = []
    for model in models:
        name = start = as_name(PurePath(model).name) or "student"
        count = 1
        while name in names:
            count += 1
            name = f"{start[:60]}-{count}"
        names.append(name)
    return names


def _place(place: str, folder: Path) -> list[Entry]:
    if _is_file(place):
        return [entry("kind", "file", "or hub"), entry("path", _beside(place, folder), "beside this file")]
    return [entry("kind", "hub", "or file"), entry("name", place, "a data set of the Hugging Face Hub")]


def _is_file(place: str) -> bool:
    return place.lower().endswith(ROW_ENDINGS)


def _source_name(place: str) -> str:
    name = PurePath(place).stem if _is_file(place) else PurePath(place).name
    return as_name(name) or "data"


def _beside(place: str, folder: Path) -> str:
    """A path as it is from the study file's folder; an id of the Hub stays."""
    is_local = _is_file(place) or place.startswith((".", "~")) or Path(place).is_dir()
    if not is_local or place.startswith("~") or Path(place).is_absolute():
        return place
    return relpath(place, folder)
