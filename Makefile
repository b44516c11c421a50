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

# Two cores are what the smallest machine has; the figure is a limit, not a wish.
WORKERS ?= 2
PYTEST ?=

.PHONY: help run test check lint format types tests coverage docs bench clean FORCE
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
	@echo "make bench     measure, and print ratios"
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

bench: $(VENV)/.dev
	@for file in benchmarks/*.py; do echo "== $$file"; $(PY) "$$file" || exit 1; done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* .cache site build dist

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
