"""Fingerprints: the identity of a result, as a hash of what made it. Used by plan/, corpus/ and run/."""

import hashlib
import json
from typing import Any

SCHEME_VERSION = 1
"""Part of every identity: raise it when the meaning of a recipe changes, and everything is done anew."""

IDENTITY_LENGTH = 12


def fingerprint(recipe: Any, *, length: int = IDENTITY_LENGTH) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of `recipe` as canonical JSON.

    Raises:
        TypeError, ValueError: `recipe` is not JSON (NaN and infinity are not).
    """
    text = json.dumps(
        {"scheme": SCHEME_VERSION, "recipe": recipe}, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()[:length]
