# The two commands: `make serve` and `make test`. Each installs what it needs first, once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

# Where the public question sets lie, if they do; the gate says what it skipped.
export YOUJU_BENCHMARKS ?= ../shared/benchmarks

.PHONY: serve test fast llm gate format screenshots clean

serve: .venv/.serve
	@$(BIN)/youju build
	@exec $(BIN)/youju serve

test: .venv/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile
	$(BIN)/python -m evals gate

# Tests that need no model, browser or server, and take no seconds each: under a minute.
fast: .venv/.test
	$(BIN)/pytest -n 2 --dist loadfile -m "not model and not browser and not server and not llm and not crash and not milvus and not slow"

# Tests with a real language model; fetches it the first time (0.5 GB). `make test` skips them where it is absent.
llm: .venv/.test
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,local-llm]'
	$(BIN)/youju llm pull 0.5b
	$(BIN)/pytest -m llm

gate: .venv/.test
	$(BIN)/python -m evals gate

format: .venv/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: .venv/.test
	$(BIN)/python -m tests.screenshots

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "YouJu needs Python 3.11 to 3.13; name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.serve: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e .
	@touch $@

.venv/.test: .venv/.serve
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv index/g-* index/CURRENT
