# `make compare` sets everything up in .venv and runs the main job; `make test` sets everything up and tests.
PYTHON ?= python3.11
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
COMPARE_ARGS ?=
PERF_ARGS ?=

.PHONY: setup compare test lint types test-slow test-lowest perf clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	touch $@

compare: $(READY)
	$(BIN)/nascurve compare out=results/compare $(COMPARE_ARGS)

test: lint types
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

# The lowest versions of the dependencies that pyproject.toml admits.
test-lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet $(PIP_ARGS) -c constraints-lowest.txt -e '.[collect,finals,tpe]' pytest hypothesis nats_bench protobuf networkx
	.venv-lowest/bin/python -m pytest

# The performance table (docs/performance.md). The peer lives in an environment of its own.
perf: $(READY) .venv-perf/.ready
	$(BIN)/python -m benchmarks_perf $(PERF_ARGS)

.venv-perf/.ready: benchmarks_perf/requirements.txt
	$(PYTHON) -m venv .venv-perf
	.venv-perf/bin/python -m pip install --quiet $(PIP_ARGS) -r $<
	touch $@

clean:
	rm -rf $(VENV) .venv-lowest .venv-perf
