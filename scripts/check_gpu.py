"""Holds packed training on a GPU against examples alone, and measures how much of the GPU it uses.

    python scripts/check_gpu.py                            all checks, then Qwen2.5-0.5B, 1.5B and 7B shapes
    python scripts/check_gpu.py --shape 1.5B --rows 8      one shape, 8 rows of 8,192 tokens to an optimizer step
    python scripts/check_gpu.py --device cpu --tiny        the same code on a CPU, in seconds: no figures

Checked are, for each architecture and each way of attention that this machine has: the logits of a packed row are those
of its examples alone; where a mask of ones takes the isolation away (the control) they are not; packed training follows
padded training. The exit status is 1 if one is not so.

Measured are tokens per second of whole optimizer steps (full fine-tuning, bfloat16 over weights and moments in 32
bits) and model-FLOPs utilisation: FLOPs in the `exact` convention (causal attention within each example) per second,
over the device's dense bf16 peak. Weights are random; prompts have one token, so that nearly all tokens carry loss.
"""

import argparse
import os
import statistics
import sys
from dataclasses import dataclass
from typing import Any

SHAPES: dict[str, dict[str, Any]] = {
    "0.5B": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
    "1.5B": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12},
    "7B": {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28},
}
KEY_VALUE_HEADS = {"0.5B": 2, "1.5B": 2, "7B": 4}
VOCABULARIES = {"0.5B": 151936, "1.5B": 151936, "7B": 152064}
"""As in the `config.json` of Qwen/Qwen2.5-0.5B, -1.5B and -7B."""
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "qwen2": {},
    "llama": {},
    "gpt_neox": {},
    "gemma3_text": {"sliding_window": 24, "sliding_window_pattern": 2, "query_pre_attn_scalar": 64},
    "mistral": {"sliding_window": 16},
    "qwen3_moe": {"moe_intermediate_size": 64, "num_experts": 4, "num_experts_per_tok": 2},
}
COMMON: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 256,
    "num_hidden_layers": 3,
    "intermediate_size": 384,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 512,
    "initializer_range": 0.06,
}
SAME = {"float32": 2e-5, "bfloat16": 3e-2}
"""How far logits may lie apart, as a share of the largest: what sums in another order leave."""
ROUTING = 8
"""So much farther in half precision where experts are chosen: rounding decides for a token that stands between two."""


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--shape", action="append", choices=SHAPES, help="may be given several times; all by default")
    parser.add_argument("--tokens", type=int, default=8192, help="of one packed row")
    parser.add_argument("--example-tokens", type=int, default=1024, help="mean length of an example")
    parser.add_argument("--rows", type=int, default=4, help="packed rows of one optimizer step")
    parser.add_argument("--steps", type=int, default=8, help="optimizer steps that are timed, after two that are not")
    parser.add_argument(
        "--checkpointing", choices=("auto", "on", "off"), default="auto", help="auto: the 7B shape only"
    )
    parser.add_argument("--compile", choices=("auto", "never"), default="auto", help="resources.compile of a study")
    parser.add_argument("--tiny", action="store_true", help="shapes of a few thousand parameters")
    parser.add_argument("--without-speed", action="store_true")
    return parser.parse_args()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One architecture attended in one way and precision."""

    name: str
    way: Any
    precision: Any

    def __str__(self) -> str:
        return f"{self.name:<12} {self.way:<7} {self.precision:<9}"


def cases(device: Any) -> list[Case]:
    """Masks in both precisions, and every kernel that is here in its own."""
    from isothink.backends.packed_attention import ways_of

    found = []
    for name in ARCHITECTURES:
        found += [Case(name=name, way="masks", precision=precision) for precision in ("float32", "bfloat16")]
        found += [Case(name=name, way=way, precision="bfloat16") for way in ways_of(_model(name), device, "bfloat16")]
        if device.type == "cpu":
            found.append(Case(name=name, way="varlen", precision="float32"))
    return list(dict.fromkeys(found))


def _model(name: str) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(2)
    config = AutoConfig.for_model(name, **COMMON, **ARCHITECTURES[name])
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def isolation(case: Case, device: Any) -> tuple[float, float]:
    """How far the logits of a packed row lie from those alone, and how far without isolation."""
    import torch

    from isothink.backends.packed_attention import attention_arguments, use_way
    from isothink.backends.training_batch import packed_batch

    model = _model(case.name).to(device)
    examples = tuple(_example(length, seed, COMMON["vocab_size"]) for seed, length in enumerate((40, 7, 90, 33, 64)))
    half = case.precision == "bfloat16"
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        rows = [packed_batch((one,), {}).to(device) for one in examples]
        alone = torch.cat([model(input_ids=row.ids, use_cache=False).logits[0] for row in rows]).float()
        batch = packed_batch(examples, {}).to(device)
        ones = torch.ones_like(batch.ids)
        leaking = model(input_ids=batch.ids, position_ids=batch.positions, attention_mask=ones, use_cache=False).logits[
            0
        ]
        use_way(model, case.way)
        extra = attention_arguments(batch, case.way)
        packed = model(input_ids=batch.ids, position_ids=batch.positions, use_cache=False, **extra).logits[0]
    largest = alone.abs().max()
    return tuple(float((found.float() - alone).abs().max() / largest) for found in (packed, leaking))  # type: ignore[return-value]


def _example(length: int, seed: int, vocabulary: int) -> Any:
    import numpy as np

    from isothink.student.protocol import Example

    tokens = np.random.default_rng(seed).integers(0, vocabulary, length).astype(np.int32)
    return Example(prompt=tokens[:1], answer=tokens[1:])


def follows_padding(device: Any) -> tuple[float, str]:
    """The largest relative difference of losses over ten steps, packed and padded, and how packed rows attended."""
    losses = {}
    for layout in ("padded", "packed"):
        state = _open({"model_type": "qwen2", **COMMON}, layout=layout, device=device)
        losses[layout] = [state.step(step).loss for step in _steps(10, 300, 40, COMMON["vocab_size"], seed=5)]
    apart = max(abs(one / other - 1) for one, other in zip(losses["packed"], losses["padded"], strict=True))
    return apart, f"{state._layout}, {state._way}"


def _open(config: dict[str, Any], *, layout: Any, device: Any, **changes: Any) -> Any:
    from isothink.backends.transformers_trainer import TransformersTrainer
    from isothink.domain.training_settings import AdamW
    from isothink.student.protocol import InitialStudent, TrainingTask

    settings: dict[str, Any] = {"precision": "bfloat16", "pad_id": 0, **changes}
    way: Any = "varlen" if layout == "packed" and device.type == "cpu" else None
    student = InitialStudent(config=config, seed=0)
    task = TrainingTask(student=student, state=None, optimizer=AdamW(), **settings)
    with device:  # random weights of 7B take minutes on a CPU
        return TransformersTrainer(layout=layout, way=way).open(task)


def _steps(count: int, tokens: int, mean: int, vocabulary: int, *, seed: int) -> list[Any]:
    """Optimizer steps whose examples, of half to one and a half times the mean length, fill `tokens` exactly."""
    import numpy as np

    from isothink.student.protocol import OptimizerStep

    chance = np.random.default_rng(seed)
    steps = []
    for number in range(count):
        lengths: list[int] = []
        while (left := tokens - sum(lengths)) > 0:
            length = int(chance.integers(max(mean // 2, 2), mean * 3 // 2 + 1))
            lengths.append(left if left < length + max(mean // 2, 2) else length)
        examples = tuple(_example(length + 1, int(chance.integers(2**31)), vocabulary) for length in lengths)
        steps.append(OptimizerStep(examples=examples, learning_rate=1e-5, number=number))
    return steps


def speed(shape: str, chosen: argparse.Namespace, device: Any) -> None:
    """Trains a shape for a moment and prints how fast."""
    import torch

    from isothink.compute.architecture import architecture_from_config
    from isothink.compute.flops import training_flops
    from isothink.run.utilisation import peak_flops

    config = _config(shape, chosen)
    architecture = architecture_from_config(config)
    checkpointing = chosen.checkpointing == "on" or (chosen.checkpointing == "auto" and shape == "7B")
    state = _open(
        config,
        layout="packed",
        device=device,
        micro_batch_tokens=chosen.tokens,
        activation_checkpointing=checkpointing,
        compiles=chosen.compile == "auto",
    )
    # rows are filled one by one: each takes as many whole examples as fill it
    rows = _steps((chosen.steps + 2) * chosen.rows, chosen.tokens, chosen.example_tokens, config["vocab_size"], seed=9)
    steps = [
        _joined(rows[first : first + chosen.rows], number)
        for number, first in enumerate(range(0, len(rows), chosen.rows))
    ]
    metrics = [state.step(step) for step in steps][2:]
    seconds = statistics.median(one.seconds for one in metrics)
    lengths = [[len(one.prompt) + len(one.answer) - 1 for one in step.examples] for step in steps[2:]]
    tokens = sum(lengths[0])
    flops = statistics.median(training_flops(architecture, one) for one in lengths)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    peak = peak_flops(name)
    used = "unknown (no dense bf16 peak for this device)" if peak is None else f"{flops / seconds / peak:.1%}"
    memory = f", {torch.cuda.max_memory_allocated(device) / 1e9:.0f} GB" if device.type == "cuda" else ""
    print(
        f"{shape:<5} {name or 'CPU'}: {tokens / seconds:,.0f} tokens/s, model-FLOPs utilisation {used}{memory};"
        f" {chosen.rows} x {chosen.tokens} tokens a step in {len(lengths[0])} examples, {state._layout}"
        f" ({state._way}), activations {'recomputed' if checkpointing else 'kept'}",
        flush=True,
    )
    if device.type == "cuda":
        del state
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _config(shape: str, chosen: argparse.Namespace) -> dict[str, Any]:
    config = {
        "model_type": "qwen2",
        **SHAPES[shape],
        "num_key_value_heads": KEY_VALUE_HEADS[shape],
        "vocab_size": VOCABULARIES[shape],
        "tie_word_embeddings": shape != "7B",
        "max_position_embeddings": 32768,
        "rope_theta": 1000000.0,
    }
    if chosen.tiny:
        heads = int(config["num_attention_heads"])
        config |= {"hidden_size": 8 * heads, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 512}
    return config


def _joined(rows: list[Any], number: int) -> Any:
    from dataclasses import replace

    return replace(rows[0], examples=tuple(one for row in rows for one in row.examples), number=number)


def main() -> int:
    """Runs the checks, then the measurements; returns the exit status."""
    chosen = options()
    if chosen.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if chosen.tiny:
        chosen.tokens, chosen.example_tokens, chosen.rows, chosen.steps = 128, 32, 2, 2
    import torch

    if chosen.device == "cuda" and not torch.cuda.is_available():
        print("check_gpu: this machine's torch sees no GPU; --device cpu --tiny runs the same code", file=sys.stderr)
        return 2
    device = torch.device(chosen.device)
    wrong = 0
    for case in cases(device):
        packed, leaking = isolation(case, device)
        chosen_by_router = "moe" in case.name and case.precision == "bfloat16"
        limit = SAME[case.precision] * (ROUTING if chosen_by_router else 1)
        right = packed <= limit < leaking / 2
        wrong += not right
        print(
            f"{'ok   ' if right else 'WRONG'} {case} packed - alone {packed:.1e}, the control {leaking:.1e}", flush=True
        )
    apart, way = follows_padding(device)
    wrong += apart > 2e-2
    print(f"{'ok   ' if apart <= 2e-2 else 'WRONG'} packed training ({way}) lies {apart:.1e} from padded training")
    for shape in [] if chosen.without_speed else (chosen.shape or list(SHAPES)):
        speed(shape, chosen, device)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
