"""Speed of the trainer against a bare PyTorch loop and against TRL: real tokens per second, in turn, on one thread.

    python benchmarks/training.py
    python benchmarks/training.py --student 29k --format ift --rounds 9
    python benchmarks/training.py --without-trl

Every contender trains the same student from the same weights on the same rows of the quickstart study, about 1,024
tokens to an optimizer step. Making the model, tokenizing, packing (TRL) and saving are not timed. TRL is set up twice:
as its manual advises for short rows (`packing`, "bfd"), and with rows padded to the longest of the batch.
Numbers of tokens per second swing with whatever else the machine does; the ratios, taken round by round, swing less.
"""

import argparse
import importlib.util
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from quickstart import Clock, Quickstart, Speed, load_quickstart, ratios, speed

from isothink.backends.transformers_trainer import TransformersTrainer, make_batch
from isothink.domain.arm import Format
from isothink.student.protocol import OptimizerStep, SegmentTask, StepMetrics

FORMATS: tuple[Format, ...] = ("ift", "reasoning")
NO_LOSS = -100
PAD_ID = 0
WARM_UP_STEPS = 4


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one run trains."""

    quickstart: Quickstart
    student: str
    format_name: Format
    steps: int

    def read(self) -> list[OptimizerStep]:
        """The optimizer steps, all at once."""
        return list(self.quickstart.steps(self.student, self.format_name, self.steps))

    @property
    def learning_rate(self) -> float:
        """The study's rate for this student."""
        return self.quickstart.learning_rate(self.student, self.format_name)

    def tokens(self) -> int:
        """Tokens that all steps read, padding not counted."""
        return sum(len(row.prompt) + len(row.answer) for step in self.read() for row in step.examples)


def train_isothink(job: Job) -> Speed:
    """Our trainer by its protocol: from the first example it reads to the metrics of its last step."""
    clock, steps, done = Clock(), job.quickstart.steps(job.student, job.format_name, job.steps), 0

    def read() -> Any:
        clock.start()
        yield from steps

    def on_step(metrics: StepMetrics) -> None:
        nonlocal done
        done += 1
        if done == job.steps:
            clock.stop()

    with TemporaryDirectory() as folder:
        task = SegmentTask(
            config=job.quickstart.config(job.student),
            seed=0,
            parent=None,
            folder=Path(folder),
            steps=read(),
            optimizer=job.quickstart.study.training.optimizer,
            precision="float32",
            keep_optimizer=False,
            pad_id=PAD_ID,
        )
        TransformersTrainer().train(task, on_step)
    return speed(job.tokens(), clock)


def train_bare(job: Job) -> Speed:
    """The same arithmetic with nothing around it, on batches made beforehand."""
    model = job.quickstart.model(job.student)
    settings = job.quickstart.study.training.optimizer
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=job.learning_rate,
        betas=(settings.beta1, settings.beta2),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    batches = [make_batch(step.examples, PAD_ID) for step in job.read()]
    ready = [(batch.ids[:, :-1].contiguous(), batch.labels[:, 1:].reshape(-1)) for batch in batches]
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

    steps = job.read()
    rows = [row for step in steps for row in step.examples]
    data = {
        "input_ids": [[*row.prompt.tolist(), *row.answer.tolist()] for row in rows],
        "completion_mask": [[0] * len(row.prompt) + [1] * len(row.answer) for row in rows],
    }
    settings = job.quickstart.study.training.optimizer
    with TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder,
            packing=packing,
            packing_strategy="bfd",
            max_length=job.quickstart.study.training.batch.size,
            per_device_train_batch_size=1 if packing else round(len(rows) / len(steps)),
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
            model=job.quickstart.model(job.student),
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
    """Lets all run in turn, `rounds` times, after a short round that is not counted."""
    short = Job(
        quickstart=job.quickstart, student=job.student, format_name=job.format_name, steps=min(job.steps, WARM_UP_STEPS)
    )
    for run in runs.values():
        run(short)
    speeds: dict[str, list[Speed]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            speeds[name].append(run(job))
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
    parser.add_argument("--student", action="append", help="a student of the ladder; may be given several times")
    parser.add_argument("--format", action="append", choices=FORMATS, help="may be given several times")
    parser.add_argument("--steps", type=int, default=30, help="optimizer steps of one run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-trl", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with_trl = not options.without_trl and importlib.util.find_spec("trl") is not None
    if not with_trl:
        reason = "as asked" if options.without_trl else "it is not installed (pip install trl datasets)"
        print(f"without TRL: {reason}")
    quickstart = load_quickstart()
    for student in options.student or quickstart.student_names():
        for format_name in options.format or FORMATS:
            job = Job(quickstart=quickstart, student=student, format_name=format_name, steps=options.steps)
            show(student, format_name, compare(contenders(with_trl), job, options.rounds))


if __name__ == "__main__":
    main()
