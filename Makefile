# The developer's commands. `make run` and `make test` set up everything they need; a second call reuses it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUITE ?= suites/nlp-core.yaml
READY := $(VENV)/.ready

export PIP_DISABLE_PIP_VERSION_CHECK := 1

GATED := --models majority,tfidf-logreg,minilm-l6 --adaptations fit,probe --set measure.efficiency=false

.PHONY: setup run test check gate bench format clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

run: $(READY)
	$(BIN)/fmbench run $(SUITE)
	$(BIN)/fmbench leaderboard build

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto $(PYTEST)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

gate: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/fmbench run suites/nlp-core.yaml $(GATED) --out reports/ci
	$(BIN)/fmbench gate reports/baselines/nlp-core reports/ci/nlp-core

bench: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,bench]"
	$(BIN)/python -m pytest -o python_files="bench_*.py" benchmarks --benchmark-only

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) reports/nlp-core leaderboards/site
