# The one door: what people and CI run. `make run` and `make test` set up all they need in .venv.
#
# PYTHON names the interpreter that makes .venv (3.11 or later); a changed one makes it anew.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python

# Folders are listed too, so that a deleted file is noticed.
SOURCES := pyproject.toml constraints.txt $(shell find src -name __pycache__ -prune -o -print)
INSTALL = $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Two cores are what the smallest machine has; a third worker uses them while tests of the others wait.
WORKERS ?= 3
PYTEST ?=

# The benchmarks have an environment of their own, with the peers. BENCHMARKS='tree web' picks some.
BENCH := .venv-bench
BENCHMARKS ?=

.PHONY: help run test check lint format types tests coverage docs bench bench-quick bench-docs clean FORCE
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo "make run       serve the example: TCP echo on 127.0.0.1:7001 (Ctrl-C ends it)"
	@echo "make test      everything CI runs: lint, types, all tests with coverage"
	@echo "make check     the quick part: lint, types and the house rules"
	@echo "make format    let ruff put the code in order"
	@echo "make tests     the tests only; PYTEST='-k name' picks some"
	@echo "make coverage  the tests with branch coverage"
	@echo "make docs      build the documentation into site/"
	@echo "make bench     measure plait beside its peers (20 minutes); bench-quick takes under 5"
	@echo "make bench-docs  put what the last 'make bench' found into docs/performance.md"
	@echo "make clean     remove everything that was made"

run: $(VENV)/.plait
	$(BIN)/plait run examples/echo.tac

test: lint types coverage

check: lint types
	$(PY) -m pytest -q -p no:randomly tests/test_house.py

lint: $(VENV)/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(VENV)/.dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(VENV)/.dev
	$(PY) -m mypy

tests: $(VENV)/.dev
	$(PY) -m pytest -n $(WORKERS) $(PYTEST)

coverage: $(VENV)/.dev
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest -n $(WORKERS) $(PYTEST)
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet

bench: $(BENCH)/.peers
	$(BENCH)/bin/python -m benchmarks $(BENCHMARKS)

bench-quick: $(BENCH)/.peers
	$(BENCH)/bin/python -m benchmarks --size quick $(BENCHMARKS)

bench-docs: $(BENCH)/.peers
	$(BENCH)/bin/python -m benchmarks.book

clean:
	rm -rf $(VENV) $(BENCH) benchmarks/results .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* .cache site build dist

# The stamps. The package is installed as a wheel, never linked to src, so what is tested is what is shipped.

$(VENV)/.plait: $(VENV)/.interpreter $(SOURCES)
	$(INSTALL) .
	@touch $@

$(VENV)/.dev: $(VENV)/.interpreter $(SOURCES)
	$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/.plait

$(VENV)/.docs: $(VENV)/.interpreter $(SOURCES)
	$(INSTALL) '.[docs]'
	@touch $@ $(VENV)/.plait

# Written only when the interpreter is another one than last time, so the stamps above stay valid.
$(VENV)/.interpreter: FORCE
	@PYTHON='$(PYTHON)' sh .ci/venv $(VENV)

# A peer that cannot be installed is left out, and the benchmarks say so.
$(BENCH)/.peers: $(BENCH)/.interpreter benchmarks/peers.txt $(SOURCES)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check '.[all]'
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers.txt || \
	grep -v '^#' benchmarks/peers.txt | while read -r peer; do \
		$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check "$$peer" || \
		echo "plait: cannot be installed, so it is not compared: $$peer" >&2; \
	done
	@touch $@

$(BENCH)/.interpreter: FORCE
	@PYTHON='$(PYTHON)' sh .ci/venv $(BENCH)
