# Everything a person types: demo, test, check, bench. Each target installs what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ONCE ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check bench test-long lock components clean

$(VENV)/run.stamp: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements-test.lock
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock -r requirements-test.lock
	touch $@

demo: $(VENV)/run.stamp
	$(BIN)/mpi demo $(if $(ONCE),--once,) $(ARGS)

components:
	tests/house/components

check: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/test.stamp components check
	tests/house/run-tests

test-long: $(VENV)/test.stamp components
	tests/house/run-tests --long

bench: $(VENV)/test.stamp components
	tests/house/loopback-only $(BIN)/python -m benchmarks $(ARGS)

lock:
	$(BIN)/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --extra build --output-file requirements.lock pyproject.toml
	$(BIN)/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --extra build --extra test --constraint requirements.lock --output-file requirements-test.lock pyproject.toml

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage* htmlcov
