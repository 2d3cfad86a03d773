"""The published benchmarks by name: the files in published/, which come with the package. Called by run/ and cli/.

None of their data sets could be loaded when they were written (`verified: false`). A wrong column is one line when the
rows are read; another number of items than the published one is a finding that is stored, not an error.
"""

from functools import cache
from importlib.resources import files

from isothink.domain.benchmark_settings import Benchmark
from isothink.store.study_file import parse_benchmark


@cache
def published_benchmarks() -> dict[str, Benchmark]:
    """Every published benchmark by its name, which is also its file's."""
    folder = files("isothink.benchmark").joinpath("published")
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".yaml")}
    found = [parse_benchmark(texts[name], name=name) for name in sorted(texts)]
    return {benchmark.name: benchmark for benchmark in found}
