"""Tries backends: `python -m isothink.backends.self_test NAME...` writes a line of JSON for each name.

In a process of its own, since libraries may hang, crash, or take seconds to import. Called by run/doctor.py.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any


def main(names: Iterable[str]) -> None:
    """Tries one after the other; what one of them imports stays for the next."""
    for name in names:
        started = time.perf_counter()
        try:
            found: dict[str, Any] = {"works": True, **TESTS[name]()}
        except Exception as error:
            lines = str(error).splitlines() or [""]
            found = {"works": False, "detail": f"{type(error).__name__}: {lines[0]}"}
        line = json.dumps({"name": name, **found, "seconds": time.perf_counter() - started})
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _training() -> dict[str, Any]:
    """A tiny student takes one step on every device, through the libraries that train and answer."""
    import torch

    from isothink.backends.words import build_words_tokenizer

    import_module("isothink.backends.transformers_trainer")
    import_module("isothink.backends.transformers_answerer")
    from transformers import AutoModelForCausalLM, Qwen3Config

    tokenizer = build_words_tokenizer()
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = Qwen3Config(vocab_size=len(tokenizer), num_key_value_heads=1, head_dim=16, **shape)
    devices = []
    for device in _devices(torch):
        model = AutoModelForCausalLM.from_config(config).to(device["torch_name"])
        tokens = torch.arange(8, device=device["torch_name"]).unsqueeze(0)
        loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        if not torch.isfinite(loss):
            raise ValueError(f"{device['name']}: the loss of a tiny model is {loss.item()}")
        devices.append(device)
    names = ", ".join(device["torch_name"] for device in devices)
    return {"detail": f"a tiny student took a step on {names}", "devices": devices}


def _devices(torch: Any) -> list[dict[str, Any]]:
    found = [{"torch_name": "cpu", "name": None, "memory_bytes": None}]
    for number in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(number)
        name = torch.cuda.get_device_name(number)
        found.append({"torch_name": f"cuda:{number}", "name": name, "memory_bytes": facts.total_memory})
    return found


def _adapters() -> dict[str, Any]:
    import_module("isothink.backends.adapters")
    import_module("peft")
    return {"detail": "imported"}


def _imported(module: str) -> Callable[[], dict[str, Any]]:
    def test() -> dict[str, Any]:
        import_module(module)
        return {"detail": "imported"}

    return test


def _mathematics() -> dict[str, Any]:
    from isothink.backends.math_checker import MathVerifyChecker

    with MathVerifyChecker(processes=1) as checker:
        [found] = checker.check([(r"\frac{1}{2}", "0.5")])
    if found.equal is not True:
        raise ValueError(f"1/2 and 0.5 were not found equal: {found.error}")
    return {"detail": "found 1/2 and 0.5 equal"}


def _instructions() -> dict[str, Any]:
    from isothink.backends.instruction_checker import IfevalChecker
    from isothink.scoring.instructions import write_instructions

    reference = write_instructions(["punctuation:no_comma"], [{}])
    with IfevalChecker(processes=1) as checker:
        [found] = checker.follow([(reference, "No comma here.")])
    if found.equal is not True:
        raise ValueError(f"an answer without a comma was not accepted: {found.error}")
    return {"detail": "checked an instruction"}


TESTS: dict[str, Callable[[], dict[str, Any]]] = {
    "training": _training,
    "adapters": _adapters,
    "servers": _imported("isothink.backends.openai_teacher"),
    "hub-sets": _imported("isothink.backends.hub_sets"),
    "mathematics": _mathematics,
    "instructions": _instructions,
    "vllm": _imported("vllm"),
}

if __name__ == "__main__":
    main(sys.argv[1:])
