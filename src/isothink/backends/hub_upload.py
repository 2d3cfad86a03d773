"""Uploads finished students to the Hugging Face Hub. Looked up by run/.

The token is huggingface_hub's to find (HF_TOKEN, or `hf auth login`); it is in no message.
"""

import re
from pathlib import Path

from huggingface_hub import HfApi

from isothink.errors import StepError
from isothink.student.protocol import OPTIMIZER_FILE

_TOKEN = re.compile(r"hf_\w+")


def upload_student(folder: Path, repository: str) -> str:
    """Uploads a folder as a private model of the Hub, a new one or a new commit of it; returns the commit's id.

    Raises:
        StepError: it could not be uploaded, whatever the reason.
    """
    try:
        api = HfApi()
        api.create_repo(repository, private=True, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository, folder_path=folder, ignore_patterns=[OPTIMIZER_FILE, "*.parquet"]
        )
    except Exception as error:  # no network, no token, a quota: each has a type of its own, and training goes on
        reason = _TOKEN.sub("[redacted]", " ".join(str(error).split())[:300])
        raise StepError(f"{repository} could not be uploaded: {type(error).__name__}: {reason}") from None
    return str(commit.oid)
