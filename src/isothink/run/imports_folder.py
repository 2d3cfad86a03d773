"""The imports of a run folder, read back: manifests and samples. Used by load.py, imported.py and query.py."""

from collections.abc import Sequence
from typing import Any

from isothink.run.import_record import SAMPLES_OF_IMPORT, ImportManifest
from isothink.store.run_folder import IMPORTS, MANIFEST, RunFolder, read_record
from isothink.store.tables import read_columns


def read_imports(folder: RunFolder) -> list[ImportManifest]:
    """The manifests of all complete imports, in the order of their ids.

    Raises:
        RunFolderError: one is damaged.
    """
    found = (read_record(path, ImportManifest) for path in sorted((folder.path / IMPORTS).glob(f"*/{MANIFEST}")))
    return [manifest for manifest in found if manifest is not None]


def read_import_samples(folder: RunFolder, identity: str, columns: Sequence[str] | None = None) -> Any:
    """The samples of one import, or some columns of them, as an Arrow table."""
    return read_columns(folder.step_folder(IMPORTS, identity) / SAMPLES_OF_IMPORT, columns)
