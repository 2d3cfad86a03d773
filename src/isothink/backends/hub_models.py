"""Configurations of models on the Hugging Face Hub, for the shapes of students. Looked up by run/."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from isothink.compute.registry import read_config
from isothink.errors import UsageError

CONFIG = "config.json"
_FIRST_ANSWER_SECONDS = 20.0
_OFFLINE = "give the folder of a local copy as the model, or the fields of its config.json as `architecture`"


def read_hub_config(model: str, revision: str | None) -> Mapping[str, Any]:
    """The `config.json` of a model on the Hub; where the Hub cannot be reached, the one in the local cache.

    Raises:
        UsageError: it cannot be reached and is not in the cache, or there is no such model, revision or file.
    """
    try:
        # asked before anything else, since the library takes half a minute of retries to find that there is no network
        commit = HfApi().model_info(model, revision=revision, timeout=_FIRST_ANSWER_SECONDS).sha
        return read_config(Path(hf_hub_download(model, CONFIG, revision=commit)))
    except GatedRepoError:
        raise UsageError(
            f"{model}: gated: its owner must grant access on the Hub",
            hint="ask for access, then log in with `hf auth login` or HF_TOKEN",
        ) from None
    except RevisionNotFoundError:
        raise UsageError(f"{model}: no revision {revision!r} on the Hub") from None
    except EntryNotFoundError:
        raise UsageError(f"{model}: holds no {CONFIG}") from None
    except RepositoryNotFoundError:
        raise UsageError(
            f"{model}: no such model on the Hub, or it is private",
            hint="check the name; for a private one, log in with `hf auth login` or HF_TOKEN",
        ) from None
    except HFValidationError:
        raise UsageError(
            f"{model}: no such folder, and no name of a model on the Hub", hint="names are like Qwen/Qwen2.5-0.5B"
        ) from None
    except UsageError:
        raise
    except Exception:  # no network, a proxy's page, a server's fault: each HTTP library has errors of its own
        return _cached(model, revision)


def _cached(model: str, revision: str | None) -> Mapping[str, Any]:
    found = try_to_load_from_cache(model, CONFIG, revision=revision)
    if not isinstance(found, str):
        raise UsageError(f"{model}: the Hub cannot be reached, and its {CONFIG} is not in the cache", hint=_OFFLINE)
    return read_config(Path(found))
