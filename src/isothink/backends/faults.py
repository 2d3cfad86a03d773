"""What went wrong in a model of this process: which errors mean that memory ran out, and an error in one line."""

import torch


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; without a GPU PyTorch raises a plain RuntimeError, whose text depends on the system."""
    words = ("not enough memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(word in str(error) for word in words)


def first_line(error: Exception) -> str:
    """The first line of what it says, or its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
