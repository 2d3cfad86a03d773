"""What planning needs of one student, derived once: shape, prices, caps, rates, recipe. Made and used by plan/."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isothink.compute.architecture import Architecture
from isothink.compute.lora import Adapters, adapter_parameters, lora_training_cost
from isothink.compute.parameters import parameter_counts
from isothink.compute.training_cost import TrainingCost, full_training_cost
from isothink.corpus.lengths import CorpusLengths
from isothink.corpus.order import ORDER_VERSION
from isothink.domain.study import Study
from isothink.domain.training_settings import FormatRates, LoraAdapters
from isothink.errors import ArchitectureError, StudyError
from isothink.plan.budgets import Cap, caps_of
from isothink.plan.rates import student_rates
from isothink.plan.record import StudentFacts
from isothink.plan.students import student_architecture


@dataclass(frozen=True, kw_only=True)
class PreparedStudent:
    """One student of the ladder, ready to be planned."""

    name: str
    architecture: Architecture
    cost: TrainingCost
    caps: list[Cap]
    rates: FormatRates
    recipe: Mapping[str, Any]
    """What its every segment depends on."""
    parameters: int
    trained_parameters: int
    """Those of the adapters, where only they are trained."""

    @property
    def facts(self) -> StudentFacts:
        """What the plan's record says of it."""
        return StudentFacts(
            name=self.name,
            parameters=self.parameters,
            matmul_parameters=parameter_counts(self.architecture).matmul,
            peak_rates={"ift": self.rates.ift, "reasoning": self.rates.reasoning, "mixed": self.rates.of("mixed")},
        )


def prepare_students(
    study: Study, lengths: CorpusLengths, chosen_rates: Mapping[str, FormatRates] | None
) -> list[PreparedStudent]:
    """Every student of a study.

    Raises:
        StudyError: an architecture is not covered by the formulas or does not fit the tokenizer, or has no rates.
    """
    return [_prepare(study, index, lengths, chosen_rates) for index in range(len(study.students))]


def _prepare(
    study: Study, index: int, lengths: CorpusLengths, chosen_rates: Mapping[str, FormatRates] | None
) -> PreparedStudent:
    architecture = student_architecture(study, index, lengths.vocabulary_size)
    adapters = study.training.adapters
    total = parameter_counts(architecture).total
    try:
        cost = full_training_cost(architecture)
        trained = total
        if adapters is not None:
            shape = _adapters(adapters)
            cost, trained = lora_training_cost(architecture, shape), adapter_parameters(architecture, shape)
    except ArchitectureError as error:
        raise StudyError(f"training.adapters: student {study.students[index].name}: {error.message}") from None
    return PreparedStudent(
        name=study.students[index].name,
        architecture=architecture,
        cost=cost,
        caps=caps_of(study.budgets, study.match, lengths, cost),
        rates=student_rates(study, index, architecture.hidden_size, chosen_rates),
        recipe=_recipe(study, index, lengths),
        parameters=total,
        trained_parameters=trained,
    )


def _adapters(settings: LoraAdapters) -> Adapters:
    return Adapters(rank=settings.rank, matrices=frozenset(settings.matrices))


def _recipe(study: Study, index: int, lengths: CorpusLengths) -> dict[str, Any]:
    """Identity of how a student is trained: contents, never paths, devices or bounds of patience."""
    student = study.students[index]
    training = study.training
    return {
        "backend": student.backend,
        "initial": _initial(study, index),
        "corpus": lengths.corpus,
        "tokenizer": lengths.tokenizer,
        "order": {"version": ORDER_VERSION, "balanced": lengths.is_balanced},
        "batch": training.batch.model_dump(),
        "warmup_steps": training.warmup_steps,
        "optimizer": training.optimizer.model_dump(),
        "precision": training.precision,
        "loss_weighting": training.loss_weighting,
        "adapters": None if training.adapters is None else training.adapters.model_dump(),
    }


def _initial(study: Study, index: int) -> dict[str, Any]:
    """What a student is before training: random weights of a shape, or those of a model."""
    student = study.students[index]
    if student.model is None:
        return {"architecture": student.architecture}
    if student.digest is not None:
        return {"digest": student.digest}
    return {"model": student.model, "revision": student.revision}
