"""What an import is, as records: facts of a cell, what was read of it, the manifest. Written by run/importing.py."""

from typing import Any, Literal

from pydantic import Field

from isothink.domain.arm import parse_arm
from isothink.domain.numbers import scientific
from isothink.domain.record import Record
from isothink.store.fingerprint import fingerprint

ImportKind = Literal["table", "lm-eval", "inspect"]
InferenceSource = Literal["given", "architecture", "parameters"]
SAMPLES_OF_IMPORT = "samples.parquet"
DOCUMENTS_OF_IMPORT = "documents.parquet"


class ImportedCell(Record):
    """One model as it was trained, or taken as it is; what identifies it, and what it cost.

    `fixed_flops` is what else a deployment pays once. `architecture` is the shape that the registry knows for `model`,
    kept so that costs never change afterwards.
    """

    student: str
    arm: str
    seed: int = 0
    parameters: int = Field(gt=0)
    training_flops: float = Field(ge=0)
    budget_flops: float | None = Field(default=None, gt=0)
    fixed_flops: float = Field(default=0.0, ge=0)
    model: str | None = None
    architecture: dict[str, Any] | None = None

    @property
    def key(self) -> tuple[str, str, int, float]:
        """What tells cells apart."""
        return self.student, self.arm, self.seed, self.training_flops

    @property
    def id(self) -> str:
        """A readable name that no other cell has, whatever signs the names hold."""
        mark = fingerprint(list(self.key))[:6]
        return f"{self.student}-{self.arm}-{scientific(self.training_flops)}-seed{self.seed}-{mark}"

    @property
    def arm_kind(self) -> str:
        """As `domain.arm` has it, `other` for any label that is none of isothink's arms."""
        try:
            return str(parse_arm(self.arm).kind)
        except ValueError:
            return "other"


class ImportedPart(Record):
    """One cell's answers to one benchmark. `digest` is of facts and answers: what has the same one is the same.

    `guesses` names what the files lack and had to be filled in, see import_samples.GUESSES.
    """

    cell: ImportedCell
    benchmark: str
    family: str
    items: int
    samples: int
    unscored: int
    accuracy: float | None
    inference: InferenceSource
    guesses: tuple[str, ...]
    digest: str


class ImportedFile(Record):
    """A file that was read: its name without its folder, and its content."""

    name: str
    sha256: str


class ImportManifest(Record):
    """The manifest of `imports/ID/`; its presence says that the import is complete."""

    schema_version: int = 1
    id: str
    kind: ImportKind
    files: tuple[ImportedFile, ...]
    parts: tuple[ImportedPart, ...]


class ImportResult(Record):
    """What an import did. `id` is null where everything was there already; `present` counts such parts."""

    run: str
    id: str | None
    parts: tuple[ImportedPart, ...]
    present: int
    notes: tuple[str, ...]
    caveats: tuple[str, ...]
