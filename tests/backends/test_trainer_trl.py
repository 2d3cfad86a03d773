"""The losses are those of TRL's `SFTTrainer` where both are set to the same work."""

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("trl", reason="compares with TRL: pip install 'isothink[test]'")

from transformers import PrinterCallback, TrainerCallback  # noqa: E402

from isothink.backends.student_model import initial_model  # noqa: E402
from isothink.backends.words import WordsTokenizer  # noqa: E402
from isothink.domain.training_settings import AdamW  # noqa: E402
from isothink.student.protocol import InitialStudent, OptimizerStep  # noqa: E402

from .trainer_example import CONFIG, losses, random_examples, trained  # noqa: E402

STEPS = 20
SIZE = 6
RATE = 3e-3
OPTIMIZER = AdamW(weight_decay=0.1, clip_gradient_norm=0.5)


def plan():
    """The rate falls linearly to nothing, as the trainer of `transformers` has it."""
    return [
        OptimizerStep(
            examples=random_examples(number, SIZE), learning_rate=RATE * (STEPS - number) / STEPS, number=number
        )
        for number in range(STEPS)
    ]


def trained_by_trl(folder, of, accumulated):
    """TRL over the same rows in the same order; its losses, and its model."""
    from datasets import Dataset
    from torch.utils.data import SequentialSampler
    from trl import SFTConfig, SFTTrainer

    rows = [row for step in of for row in step.examples]
    data = {
        "input_ids": [[*row.prompt.tolist(), *row.answer.tolist()] for row in rows],
        "completion_mask": [[0] * len(row.prompt) + [1] * len(row.answer) for row in rows],
    }
    seen = []

    class InOrder(SFTTrainer):
        def _get_train_sampler(self, *args, **rest):
            return SequentialSampler(self.train_dataset)

    class Losses(TrainerCallback):
        def on_log(self, arguments, state, control, logs=None, **rest):
            if "loss" in logs:
                seen.append(logs["loss"])

    trainer = InOrder(
        model=initial_model(InitialStudent(config=CONFIG, seed=0)),
        args=SFTConfig(
            output_dir=str(folder),
            max_length=None,
            per_device_train_batch_size=SIZE // accumulated,
            gradient_accumulation_steps=accumulated,
            completion_only_loss=True,
            num_train_epochs=1,
            learning_rate=RATE,
            lr_scheduler_type="linear",
            adam_beta1=OPTIMIZER.beta1,
            adam_beta2=OPTIMIZER.beta2,
            adam_epsilon=OPTIMIZER.epsilon,
            weight_decay=OPTIMIZER.weight_decay,
            max_grad_norm=OPTIMIZER.clip_gradient_norm,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            dataloader_pin_memory=False,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_dict(data),
        processing_class=WordsTokenizer().transformers,
        callbacks=[Losses()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return seen, trainer.model


@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_trajectory_is_that_of_trl(tmp_path, accumulated):
    """With accumulation, too: both take one mean over the loss tokens of the whole optimizer step."""
    theirs, model = trained_by_trl(tmp_path, plan(), accumulated)
    state, metrics = trained(plan(), optimizer=OPTIMIZER)
    assert len(theirs) == STEPS
    assert losses(metrics) == pytest.approx(theirs, rel=1e-3)
    assert abs(losses(metrics)[0] - losses(metrics)[-1]) > 1e-2, "the control: something was learned"
    for (name, ours), weight in zip(state._model.named_parameters(), model.parameters(), strict=True):
        assert torch.allclose(ours, weight.to(ours.device), atol=1e-4), name
