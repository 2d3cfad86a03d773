"""TensorBoard, Weights & Biases and trackio behind one small face. Looked up by run/, used by run/reporters.py."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoard:
    """Event files under `folder`, one sub-folder per segment; after a resumption the steps done again are replaced."""

    def __init__(self, *, folder: Path, project: str, run: str, about: Mapping[str, Any], first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / run), purge_step=first_step)
        self._writer.add_text("segment", "  \n".join(f"{name}: {value}" for name, value in about.items()), first_step)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """See Reporter."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """See Reporter."""
        self._writer.close()


class WeightsAndBiases:
    """A run of `wandb` per segment, continued under the same id after an interruption."""

    def __init__(self, *, folder: Path, project: str, run: str, about: Mapping[str, Any], first_step: int) -> None:
        import wandb  # type: ignore[import-not-found]

        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=project, name=run, id=run, resume="allow", dir=str(folder), config=dict(about), reinit="create_new"
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """See Reporter."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """See Reporter."""
        self._run.finish()


class Trackio:
    """A run of `trackio` per segment."""

    def __init__(self, *, folder: Path, project: str, run: str, about: Mapping[str, Any], first_step: int) -> None:
        import trackio  # type: ignore[import-not-found]

        self._run = trackio.init(project=project, name=run, config=dict(about), resume="allow")
        self._library = trackio

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """See Reporter."""
        self._library.log(dict(values), step=step)

    def close(self) -> None:
        """See Reporter."""
        self._library.finish()
