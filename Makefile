# rolescope: one command per habit. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup demo test bench accuracy check format dev geo s3 docs lock clean

help: ## List the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(READY) ## Make .venv from locked versions, fetch the Delta jars once
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed; name one with PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "make: Python's venv module is missing (Debian, Ubuntu: sudo apt-get install python3-venv)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "setup: installing locked versions into .venv (a few minutes, once)"
	@PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --editable '.[dev]'
	@$(BIN)/python -m pipelines.jars
	@touch $@

demo: $(READY) ## Generate an organisation, run the nightly job over it
	@$(BIN)/python -m benchmarks.demo

test: $(READY) ## Run the whole suite, in two processes
	@$(BIN)/python -m pipelines.jars --s3 > /dev/null
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: $(READY) ## Measure rolescope beside a DuckDB script (an hour)
	@$(BIN)/python -m benchmarks.compare

accuracy: $(READY) ## Hold the attribution against the truth of the cases (three minutes)
	@$(BIN)/python -m benchmarks.accuracy

check: $(READY) ## Lint, types, Dagster definitions, generated docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/dagster definitions validate --module-name pipelines.definitions --log-level error
	@$(BIN)/python -m pipelines.docs --check

format: $(READY) ## Format the code
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .

docs: $(READY) ## Write the generated tables of the README and docs/
	@$(BIN)/python -m pipelines.docs

dev: $(READY) ## Open the Dagster UI on the demo's folders
	@DAGSTER_HOME="$(CURDIR)/dagster_home" \
	ROLESCOPE_CLOUDTRAIL="$${ROLESCOPE_CLOUDTRAIL:-demo/logs/cloudtrail}" ROLESCOPE_FINDINGS="$${ROLESCOPE_FINDINGS:-demo/logs/guardduty}" \
	ROLESCOPE_FLOWS="$${ROLESCOPE_FLOWS:-demo/logs/flows}" ROLESCOPE_LAKE="$${ROLESCOPE_LAKE:-demo/lake}" ROLESCOPE_REPORTS="$${ROLESCOPE_REPORTS:-demo/reports}" \
	$(BIN)/dagster dev --module-name pipelines.definitions --host 127.0.0.1

geo: $(READY) ## Fetch free geolocation data into geo/ (DB-IP and RouteViews, CC BY 4.0)
	@$(BIN)/python -m pipelines.sources.geo geo

s3: $(READY) ## Fetch what a lake on S3 needs (jars, 15 MB)
	@$(BIN)/python -m pipelines.jars --s3

lock: ## Resolve the newest versions anew into constraints.txt
	@rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet '.[dev]'
	@.venv-lock/bin/pip freeze --exclude rolescope | grep -E '^[A-Za-z0-9._-]+==' > constraints.txt && rm -rf .venv-lock

clean: ## Remove what was made: demo, caches, not .venv
	@rm -rf demo .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/out
