"""Finished students on the Hugging Face Hub, where a study asks for it. Called by run/training.py and pipeline.py."""

import re
from collections.abc import Callable
from pathlib import Path

from isothink.domain.record import Record
from isothink.errors import StepError
from isothink.plan.record import Plan, Segment
from isothink.run.backends import upload_student
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder

LONGEST_NAME = 96
"""Of a repository, by the Hub's rules."""


class Publication(Record):
    """What became of an upload: the commit, or why there is none."""

    repository: str
    commit: str | None = None
    error: str | None = None


def publish(workspace: Workspace, segment: Segment, folder: Path, say: Callable[[str], None]) -> Publication | None:
    """Uploads a finished student; None where the study does not ask for it. A failure is recorded, training goes on."""
    namespace = workspace.study.resources.push_to_hub
    if namespace is None or segment.purpose != "training":
        return None
    repository = f"{namespace}/{repository_name(workspace.study.name, segment.id)}"
    try:
        commit = upload_student(folder, repository)
    except StepError as error:
        say(error.message)
        return Publication(repository=repository, error=error.message)
    say(f"uploaded to {repository}, private")
    return Publication(repository=repository, commit=commit)


def repository_name(study: str, segment: str) -> str:
    """A name that the Hub allows; it ends with the segment's identity, so that no two students share one."""
    return re.sub(r"[-.]{2,}", "-", f"{study}-{segment}")[-LONGEST_NAME:].lstrip("-.")


def is_missing_on_the_hub(folder: RunFolder, segment: str) -> bool:
    """Whether a student could not be uploaded: its weights are the only ones."""
    return _error(folder, segment) is not None


def missing_on_the_hub(plan: Plan, folder: RunFolder) -> list[str]:
    """Why students of a plan are not on the Hub, a line each."""
    return [error for segment in plan.segments if (error := _error(folder, segment.id)) is not None]


def _error(folder: RunFolder, segment: str) -> str | None:
    found = (folder.manifest("segments", segment) or {}).get("hub")
    return None if found is None else found.get("error")
