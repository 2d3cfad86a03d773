"""What each of several processes runs in test_trainer_processes.py: trains, saves, tells what happened.

    python -m torch.distributed.run --nproc-per-node 2 tests/backends/several_processes.py JOBS.json

Writes one file of JSON per process beside the jobs: a report for each job.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from backends.trainer_example import losses, opened, steps, task

from isothink.backends import process_group
from isothink.domain.training_settings import AdamW, LoraAdapters
from isothink.errors import StepError


def run(job):
    """One job: its steps from its state, and what all processes said of them."""
    state = job.get("state")
    student = opened(
        task(
            job["config"],
            optimizer=AdamW(weight_decay=0.1, clip_gradient_norm=0.5),
            loss_weighting=job.get("weighting", "token"),
            precision=job.get("precision", "float32"),
            micro_batch_tokens=job.get("limit"),
            state=None if state is None else Path(state),
            adapters=LoraAdapters(rank=2, alpha=4.0) if job.get("adapters") else None,
            activation_checkpointing=job.get("checkpointing", False),
        ),
        layout=job.get("layout"),
    )
    metrics = [
        student.step(step) for step in steps(job["last"], rate=3e-3, size=job.get("size", 6))[job.get("first", 0) :]
    ]
    error = ""
    try:
        for step in steps(4, rate=1e30) if job.get("diverges") else []:
            student.step(step)
    except StepError as found:
        error = found.message
    if "folder" in job:
        student.save(Path(job["folder"]), optimizer=True)
        student.save_student(Path(job["folder"]) / "student")
    rank = process_group.rank()
    return {
        "losses": losses(metrics),
        "norms": [one.gradient_norm for one in metrics],
        "shapes": [one.shapes for one in metrics],
        "tokens": [[one.tokens, one.loss_tokens] for one in metrics],
        "agreed": [student.agree(rank == 0), student.agree(rank == 1)],
        "error": error,
    }


def main() -> None:
    path = Path(sys.argv[1])
    jobs = json.loads(path.read_text())
    reports = [run(job) for job in jobs]
    rank = process_group.rank()
    texts = [process_group.broadcast_text(text if rank == 0 else None) for text in ("", "täglich\n" * 1000)]
    last = {"size": process_group.size(), "texts": texts, "total": process_group.total(rank + 1.5)}
    process_group.close()
    path.with_name(f"report{rank}.json").write_text(json.dumps([*reports, last]))


if __name__ == "__main__":
    main()
