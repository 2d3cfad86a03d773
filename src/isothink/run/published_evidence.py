"""Reads the published results that come with the package. Called by ask.py."""

import csv
from functools import cache
from importlib.resources import files

from isothink.evidence.published_table import PublishedTable

_FILES = {
    "accuracies": "accuracy.csv",
    "laws": "inference_flops.csv",
    "corpora": "corpora.csv",
    "benchmarks": "benchmarks.csv",
    "toggle": "thinking_toggle.csv",
}


@cache
def published_table() -> PublishedTable:
    """All tables, checked."""
    folder = files("isothink.evidence").joinpath("published")
    tables = {}
    for name, file in _FILES.items():
        tables[name] = list(csv.DictReader(folder.joinpath(file).read_text(encoding="utf-8").splitlines()))
    return PublishedTable.model_validate(tables)
