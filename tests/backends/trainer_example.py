"""Small students and random examples for the trainer's tests, and short ways to train with them."""

from dataclasses import replace

import numpy as np
import torch

from isothink.backends.transformers_trainer import TransformersTrainer
from isothink.domain.training_settings import AdamW
from isothink.student.protocol import Example, InitialStudent, OptimizerStep, TrainingTask

torch.set_num_threads(1)  # models this small are only slowed down by a second thread

CONFIG = {
    "model_type": "qwen3",
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "tie_word_embeddings": True,
    "max_position_embeddings": 64,
}


def example(prompt, answer):
    return Example(prompt=np.array(prompt, dtype=np.int32), answer=np.array(answer, dtype=np.int32))


def random_examples(seed, count=6, vocabulary=50, longest=12):
    chance = np.random.default_rng(seed)
    return tuple(
        example(
            chance.integers(2, vocabulary, chance.integers(1, longest)),
            chance.integers(2, vocabulary, chance.integers(1, longest)),
        )
        for _ in range(count)
    )


def steps(count, seed=1, rate=1e-2, size=6):
    return [
        OptimizerStep(examples=random_examples(seed * 100 + index, size), learning_rate=rate, number=index)
        for index in range(count)
    ]


def task(config=CONFIG, *, seed=0, optimizer=None, model=None, **changes):
    plain = TrainingTask(
        student=InitialStudent(config=config, seed=seed, model=model),
        state=None,
        optimizer=optimizer or AdamW(),
        precision="float32",
        pad_id=0,
    )
    return replace(plain, **changes)


def opened(of=None, *, layout=None, way=None, **changes):
    return TransformersTrainer(layout=layout, way=way).open(of or task(**changes))


def trained(of, *, layout=None, way=None, **changes):
    """The state after these steps, and their metrics."""
    state = opened(layout=layout, way=way, **changes)
    return state, [state.step(step) for step in of]


def losses(metrics):
    return [one.loss for one in metrics]
