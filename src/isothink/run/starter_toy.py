"""The starter study at toy scale: procedural questions, tiny students, a CPU. Called by starter.py."""

from pathlib import Path

from isothink.run.starter_answers import StarterAnswers
from isothink.run.starter_parts import arm_list, head, verdict
from isothink.store.commented_yaml import Entry, entry

TOY_TASKS = ["capital", "largest", "chain", "parity", "chain-mc"]
BUDGETS = [6e10, 1.25e11, 2.5e11]
TOY_STUDENTS = {"29k": (32, 2, 2, 1), "61k": (48, 2, 3, 1), "157k": (64, 3, 4, 2)}
"""Hidden size, layers, heads, key and value heads: the smaller three of studies/quickstart.yaml."""


def toy_study(answers: StarterAnswers, folder: Path, name: str) -> tuple[list[str], list[Entry]]:
    """Heading and entries."""
    heading = [
        "Scale or reason at toy scale: real training of tiny students on a CPU, in minutes. It shows how a study works",
        "and says nothing about language models. `isothink plan` prices it, `isothink run` does it.",
    ]
    shapes = tuple(_toy_student(student, *shape) for student, shape in TOY_STUDENTS.items())
    evaluation = (
        entry("tasks", TOY_TASKS, "held-out questions of the same kinds; of `capital` the facts themselves"),
        entry("items_per_task", 50, "more items, narrower intervals"),
        entry("max_new_tokens", 40, "the cap on an answer with its trace"),
        entry("sampling", "greedy", "or {temperature: 0.6, top_p: 0.95}"),
    )
    rate = (
        entry("by", "rule", "rate * (reference_width / hidden size) ** exponent; `sweep` would search"),
        entry("rate", 3e-3, "at the reference width"),
        entry("reference_width", 32, "a hidden size"),
        entry("exponent", 0.5, "wider students learn at lower rates"),
    )
    training = (
        entry("batch", {"unit": "tokens", "size": 1024}, "what an optimizer step reads"),
        entry("learning_rate", rate, "the peak"),
        entry("warmup_steps", 20, "steps until the peak"),
        entry("max_epochs", 1000, "the few facts of `capital` are read again and again"),
        entry("optimizer", {"weight_decay": 0.01}, "AdamW"),
    )
    resources = (
        entry("processes", 2, "segments that train at the same time"),
        entry("threads", 1, "of each process"),
        entry("flops_per_second", 2e10, "of one process, for the plan's first guess of the time"),
    )
    prompts = (
        entry("backend", "procedural", "made by generators"),
        entry("tasks", TOY_TASKS, "`isothink list benchmarks` names all"),
        entry("per_task", 2000, "at most so many distinct questions of each"),
    )
    return heading, [
        *head(name, "Scale or reason, a first study"),
        entry("prompts", prompts, "what the teacher answers twice: with its reasoning, and without"),
        entry(
            "teacher",
            (entry("backend", "symbolic", "a program that is always right and costs nothing"),),
            "who answers",
        ),
        entry("tokenizer", (entry("backend", "words", "one token per word of the tasks"),), "one for all students"),
        entry("students", shapes, "the ladder, smallest first: random weights in these shapes"),
        arm_list(),
        entry(
            "budgets",
            (entry("training_flops", BUDGETS, "every arm stops at the same"),),
            "caps on the training of a cell",
        ),
        entry("seeds", {"default": 1, "arms": {"ift": 2, "reasoning": 2}}, "how often each cell is trained"),
        entry("training", training, "the same for every arm"),
        entry("evaluation", evaluation, "the same for every cell"),
        verdict(),
        entry("resources", resources, "where it runs; never part of a result's identity"),
    ]


def _toy_student(name: str, width: int, layers: int, heads: int, key_value_heads: int) -> tuple[Entry, ...]:
    architecture = {
        "model_type": "qwen3",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "intermediate_size": 3 * width,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "head_dim": 16,
        "max_position_embeddings": 128,
        "tie_word_embeddings": True,
    }
    fields = tuple(entry(key, value) for key, value in architecture.items())
    return (entry("name", name), entry("architecture", fields, "the fields of a Hugging Face config.json"))
