# Every target does its own set-up; nothing but Python 3.11 or newer has to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# what other frameworks are converted with, in environments of their own
export TRADEWIND_HOME ?= $(CURDIR)/.environments
FRAMEWORKS := torch transformers keras tensorflow tflite jax paddle xgboost lightgbm catboost

# tests that install what others wrote into environments of their own
OTHERS := tests/serve/test_tritonclient.py tests/serve/test_perf_analyzer.py \
	tests/serve/test_schemathesis.py tests/fuzz/test_atheris.py

.PHONY: demo test test-standard test-clients test-frameworks check bench docs clean

demo: $(VENV)/.core  ## the main job on a small data set, then a served request
	$(BIN)/tradewind demo

test: $(VENV)/.test  ## every test that needs no other framework and no program of others
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/frameworks --ignore tests/conformance \
		$(OTHERS:%=--ignore %)

test-standard: $(VENV)/.test  ## ONNX's own tests on every engine
	$(BIN)/python -m pytest tests/conformance

test-clients: $(VENV)/.test  ## the server and clients, load generators and fuzzers of others; downloads them
	$(BIN)/python -m pytest -n 2 --dist loadfile $(OTHERS)

test-frameworks: $(VENV)/.test  ## models of other frameworks, imported and compared; downloads them
	$(BIN)/tradewind doctor $(FRAMEWORKS:%=--install %) >/dev/null
	$(BIN)/python -m pytest -n 2 tests/frameworks tests/importers/test_openvino.py \
		--imports docs/reference/imports.md

check: $(VENV)/.check  ## formatting, lint and types, as CI runs them
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.test  ## the figures of the README, measured here
	$(BIN)/python benchmarks/main_job.py

docs: $(VENV)/.docs  ## the documentation as a site under site/
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"
	touch $@

$(VENV)/.core: $(VENV)/.python pyproject.toml
	$(PIP) install --editable .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) install --editable ".[auth,otel,sklearn,text,train,trees]" --group test
	touch $@

$(VENV)/.check: $(VENV)/.test
	$(PIP) install --group check
	touch $@

$(VENV)/.docs: $(VENV)/.core
	$(PIP) install --group docs
	touch $@

clean:  ## remove what the targets made
	rm -rf $(VENV) .venv-* .environments site dist tradewind-demo
