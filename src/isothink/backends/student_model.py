"""Opens a student's weights with `transformers`: random ones, a checkpoint's, or saved ones. Used by the trainer.

Master weights are in 32 bits and files are safetensors; code that comes with a model runs only where the study says so.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from isothink.errors import StepError, UsageError
from isothink.student.protocol import InitialStudent

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()

LOADING_ERRORS = (OSError, ValueError, KeyError, AttributeError, ImportError, RuntimeError, SafetensorError)


def initial_model(student: InitialStudent) -> PreTrainedModel:
    """A student before any training.

    Raises:
        UsageError: there is no such model, or no safetensors of it, or weights are missing.
    """
    if student.model is None:
        return _random_model(student)
    with _usage_errors(student.model):
        model, report = AutoModelForCausalLM.from_pretrained(
            student.model,
            revision=student.revision,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=student.runs_remote_code,
            output_loading_info=True,
        )
    missing = _missing(report)
    if missing:
        raise UsageError(
            f'student model: found "{student.model}", whose files hold no weights of {missing}',
            hint="they would be random; allowed is a complete checkpoint of a causal language model",
        )
    return model


def continued_model(student: InitialStudent, folder: Path) -> PreTrainedModel:
    """A student as `save_model` left it.

    Raises:
        StepError: the files are missing or damaged.
    """
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=student.runs_remote_code,
            output_loading_info=True,
            local_files_only=True,
        )
    except LOADING_ERRORS as error:
        raise StepError(f"{folder}: the weights to go on from cannot be read: {_first_line(error)}") from error
    if missing := _missing(report):
        raise StepError(f"{folder}: the weights to go on from lack {missing}")
    return model


def save_model(
    model: PreTrainedModel, folder: Path, student: InitialStudent, weights: Mapping[str, torch.Tensor] | None = None
) -> None:
    """Writes a plain Hugging Face folder; `weights` take the place of the model's own."""
    model.save_pretrained(folder, state_dict=None if weights is None else dict(weights))
    if student.runs_remote_code and student.model is not None and Path(student.model).is_dir():
        for source in Path(student.model).glob("*.py"):  # the Hub's code is found by its id
            copyfile(source, folder / source.name)


def _random_model(student: InitialStudent) -> PreTrainedModel:
    config = dict(student.config)
    torch.manual_seed(student.seed)
    return AutoModelForCausalLM.from_config(
        AutoConfig.for_model(config.pop("model_type"), **config), dtype=torch.float32
    )


@contextmanager
def _usage_errors(name: str) -> Iterator[None]:
    """Turns the many ways in which a model cannot be loaded into one line."""
    try:
        yield
    except LOADING_ERRORS as error:
        text = _first_line(error)
        needs_code = "trust_remote_code" in str(error)
        raise UsageError(
            f'student model: found "{name}", which cannot be loaded: {text}',
            hint='its code is run only under `remote_code: "run the code that comes with this model"`'
            if needs_code
            else "allowed are a folder with config.json and safetensors, or a model's id on the Hugging Face Hub",
        ) from error


def _missing(report: Mapping[str, Any]) -> str:
    """The first weights that a checkpoint lacks, in words; empty where it has all."""
    names = sorted(report["missing_keys"])
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}" if names else ""


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
