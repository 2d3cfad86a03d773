"""The benchmark items of a study. Called by inputs.py, and by prompt_sources.py for decontamination."""

from isothink.benchmark.items import procedural_items
from isothink.domain.sample import Item
from isothink.domain.study import Study


def study_items(study: Study) -> tuple[Item, ...]:
    """Every item that a study's students answer."""
    settings = study.evaluation
    return tuple(procedural_items(settings.tasks, items_per_benchmark=settings.items_per_task, seed=settings.seed))
