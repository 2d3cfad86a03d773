"""Speed of the trainer against a bare PyTorch loop and against TRL: real tokens per second, in turn, in one process.

    python benchmarks/training.py                 SmolLM2-135M's shape and the quickstart's students: half an hour
    python benchmarks/training.py --student SmolLM2-135M --steps 3 --rounds 3
    python benchmarks/training.py --student 29k --format ift --rounds 9
    python benchmarks/training.py --without-trl

Every contender trains the same student from the same weights (random ones: speed does not depend on them) on the same
rows, about 1,024 tokens to an optimizer step. The quickstart's students read the quickstart's pairs, on one thread;
SmolLM2-135M reads pairs of random tokens with lengths as those of GSM8K, on two threads. Making the model, tokenizing,
packing (TRL) and saving are not timed. The bare loop feeds each step as one batch that is padded to its longest row.
TRL is set up twice: as its manual advises for short rows (`packing`, "bfd"), and with rows padded to the longest of the
batch.
Numbers of tokens per second swing with whatever else the machine does; the ratios, taken round by round, swing less.
Whether losses agree is what tests/backends/test_trainer_trl.py looks at.
"""

import argparse
import gc
import importlib.util
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from quickstart import Clock, Quickstart, Speed, load_quickstart, ratios, speed
from transformers import PreTrainedModel

from isothink.backends.student_model import initial_model
from isothink.backends.training_batch import NO_LOSS, loss_weights, padded_batch
from isothink.backends.transformers_trainer import TransformersTrainer
from isothink.domain.arm import Format
from isothink.domain.training_settings import AdamW
from isothink.student.protocol import Example, InitialStudent, OptimizerStep, TrainingTask

FORMATS: tuple[Format, ...] = ("ift", "reasoning")
PAD_ID = 0
WARM_UP_STEPS = 4
ROW_TOKENS = 1024
SMOL = "SmolLM2-135M"
SMOL_CONFIG = {
    "model_type": "llama",
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "intermediate_size": 1536,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "vocab_size": 49152,
    "max_position_embeddings": 8192,
    "rope_theta": 100000.0,
    "tie_word_embeddings": True,
}
"""As in its `config.json` on the Hugging Face Hub."""
SMOL_LENGTHS = {"ift": ((30, 120), (40, 200)), "reasoning": ((30, 120), (120, 500))}
"""Shortest and longest prompt, and answer."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one run trains: all of its optimizer steps are read beforehand, by every contender."""

    config: dict[str, object]
    steps: tuple[OptimizerStep, ...]
    optimizer: AdamW

    @property
    def learning_rate(self) -> float:
        """The rate, the same in every step."""
        return self.steps[0].learning_rate

    def tokens(self) -> int:
        """Tokens that all steps read, padding not counted."""
        return sum(len(row.prompt) + len(row.answer) for step in self.steps for row in step.examples)

    def model(self) -> PreTrainedModel:
        """The student with random weights, the same at every call."""
        return initial_model(InitialStudent(config=self.config, seed=0)).train()


def quickstart_job(quickstart: Quickstart, student: str, format_name: Format, steps: int) -> Job:
    """The study's student and its own rows."""
    return Job(
        config=quickstart.config(student),
        steps=tuple(quickstart.steps(student, format_name, steps)),
        optimizer=quickstart.study.training.optimizer,
    )


def smol_job(format_name: Format, steps: int) -> Job:
    """Rows of random tokens: as many whole ones as fit into a step."""
    chance = np.random.default_rng(0)

    def tokens(bounds: tuple[int, int]) -> np.ndarray:
        return chance.integers(0, int(str(SMOL_CONFIG["vocab_size"])), chance.integers(*bounds)).astype(np.int32)

    made = []
    for number in range(steps):
        rows: list[Example] = []
        while True:
            prompt, answer = (tokens(bounds) for bounds in SMOL_LENGTHS[format_name])
            if sum(len(row.prompt) + len(row.answer) for row in rows) + len(prompt) + len(answer) > ROW_TOKENS:
                break
            rows.append(Example(prompt=prompt, answer=answer))
        made.append(OptimizerStep(examples=tuple(rows), learning_rate=1e-4, number=number))
    return Job(config=dict(SMOL_CONFIG), steps=tuple(made), optimizer=AdamW())


def train_isothink(job: Job) -> Speed:
    """Our trainer by its protocol: from the first example that it reads to the metrics of its last step."""
    clock = Clock()
    state = TransformersTrainer().open(
        TrainingTask(
            student=InitialStudent(config=job.config, seed=0),
            state=None,
            optimizer=job.optimizer,
            precision="float32",
            pad_id=PAD_ID,
        )
    )
    clock.start()
    for step in job.steps:
        state.step(step)
    clock.stop()
    return speed(job.tokens(), clock)


def train_bare(job: Job) -> Speed:
    """The same arithmetic with nothing around it, on batches made beforehand."""
    model = job.model()
    settings = job.optimizer
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=job.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    ready = [_whole_batch(step.examples) for step in job.steps]
    clock = Clock()
    clock.start()
    for ids, labels in ready:
        logits = model(input_ids=ids, use_cache=False).logits.flatten(0, 1)
        torch.nn.functional.cross_entropy(logits, labels, ignore_index=NO_LOSS).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_gradient_norm)
        optimizer.step()
        optimizer.zero_grad()
    clock.stop()
    return speed(job.tokens(), clock)


def _whole_batch(examples: tuple[Example, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids, and a label for every column of every row."""
    batch = padded_batch(examples, loss_weights(examples, "token"), PAD_ID)
    labels = torch.full_like(batch.ids, NO_LOSS)
    labels[:, -batch.kept :] = batch.labels.reshape(len(examples), -1)
    return batch.ids, labels.reshape(-1)


def train_trl(job: Job, packing: bool) -> Speed:
    """TRL's `SFTTrainer`, set up for one CPU as a user would: float32, no gradient checkpointing, no evaluation."""
    from datasets import Dataset, disable_progress_bars
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    clock = Clock()

    class Timer(TrainerCallback):
        def on_train_begin(self, *args: Any, **rest: Any) -> None:
            clock.start()

        def on_train_end(self, *args: Any, **rest: Any) -> None:
            clock.stop()

    rows = [row for step in job.steps for row in step.examples]
    data = {
        "input_ids": [[*row.prompt.tolist(), *row.answer.tolist()] for row in rows],
        "completion_mask": [[0] * len(row.prompt) + [1] * len(row.answer) for row in rows],
    }
    settings = job.optimizer
    with TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder,
            packing=packing,
            packing_strategy="bfd",
            max_length=ROW_TOKENS,
            per_device_train_batch_size=1 if packing else round(len(rows) / len(job.steps)),
            completion_only_loss=True,
            num_train_epochs=1,
            learning_rate=job.learning_rate,
            lr_scheduler_type="constant",
            adam_beta2=settings.beta2,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.clip_gradient_norm,
            optim="adamw_torch_fused",
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            dataloader_pin_memory=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = SFTTrainer(
            model=job.model(),
            args=arguments,
            train_dataset=Dataset.from_dict(data),
            processing_class=_tokenizer(),
            callbacks=[Timer()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return speed(job.tokens(), clock)


def _tokenizer() -> Any:
    from isothink.backends.words import WordsTokenizer

    return WordsTokenizer().transformers


def contenders(with_trl: bool) -> dict[str, Callable[[Job], Speed]]:
    """What is compared, by name; ours first."""
    found: dict[str, Callable[[Job], Speed]] = {"isothink": train_isothink, "bare loop": train_bare}
    if with_trl:
        found["TRL packed"] = partial(train_trl, packing=True)
        found["TRL padded"] = partial(train_trl, packing=False)
    return found


def compare(runs: dict[str, Callable[[Job], Speed]], job: Job, rounds: int) -> dict[str, list[Speed]]:
    """Lets all run in turn, `rounds` times, each round in another order, after a short one that is not counted."""
    short = replace(job, steps=job.steps[: min(WARM_UP_STEPS, max(len(job.steps) // 2, 1))])
    for run in runs.values():
        run(short)
    speeds: dict[str, list[Speed]] = {name: [] for name in runs}
    names = list(runs)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            speeds[name].append(runs[name](job))
    return speeds


def show(student: str, format_name: str, speeds: dict[str, list[Speed]]) -> None:
    """Prints the rates, then our ratio to each other contender: median (smallest to largest)."""
    print(f"\n{student}, {format_name}")
    for name, runs in speeds.items():
        wall = statistics.median(run.wall for run in runs)
        processor = statistics.median(run.processor for run in runs)
        print(f"  {name:<11} {wall:>8,.0f} tokens per second, {processor:>8,.0f} per second of processor time")
    for name, runs in speeds.items():
        if name != "isothink":
            print(f"  isothink / {name:<11} {ratios(speeds['isothink'], runs)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", action="append", help=f"{SMOL} or one of the quickstart's; several times")
    parser.add_argument("--format", action="append", choices=FORMATS, help="may be given several times")
    parser.add_argument("--steps", type=int, help=f"optimizer steps of one run: 30 by default, of {SMOL} 3")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-trl", action="store_true")
    options = parser.parse_args()
    with_trl = not options.without_trl and importlib.util.find_spec("trl") is not None
    if not with_trl:
        reason = "as asked" if options.without_trl else "it is not installed (pip install 'isothink[benchmarks]')"
        print(f"without TRL: {reason}")
    quickstart = load_quickstart()
    for student in options.student or [SMOL, *quickstart.student_names()]:
        torch.set_num_threads(2 if student == SMOL else 1)
        steps = options.steps or (3 if student == SMOL else 30)
        for format_name in options.format or FORMATS:
            if student == SMOL:
                job = smol_job(format_name, steps)
            else:
                job = quickstart_job(quickstart, student, format_name, steps)
            show(student, format_name, compare(contenders(with_trl), job, options.rounds))


if __name__ == "__main__":
    main()
