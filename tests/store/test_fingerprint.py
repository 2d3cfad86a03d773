"""Fingerprints: equal recipes, equal identity, in every process."""

import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.store.fingerprint import fingerprint

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def test_it_is_sha256_of_canonical_json():
    expected = hashlib.sha256(b'{"recipe":{"a":1,"b":[2.5,null]},"scheme":1}').hexdigest()
    assert fingerprint({"b": [2.5, None], "a": 1}) == expected[:12]
    assert fingerprint({"a": 1, "b": (2.5, None)}, length=64) == expected


@given(JSON, JSON)
def test_different_recipes_have_different_fingerprints(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (fingerprint(one) == fingerprint(other)) == same


@pytest.mark.parametrize("recipe", [float("nan"), float("inf"), object(), {1, 2}, b"a"])
def test_what_is_not_json_has_none(recipe):
    with pytest.raises((TypeError, ValueError)):
        fingerprint({"a": recipe})


def test_it_does_not_depend_on_the_process():
    recipe = "{'b': 1, 'a': ['ü', 0.1, {'c': None}]}"
    code = f"from isothink.store.fingerprint import fingerprint; print(fingerprint({recipe}))"
    found = set()
    for seed in ("0", "1", "4242"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
        found.add(run.stdout.strip())
    assert found == {fingerprint({"a": ["ü", 0.1, {"c": None}], "b": 1})}
