# The whole project from the command line: `make help`. Needs Python 3.13, Node 20 or newer, and nothing else.

SHELL := /bin/sh
PYTHON_VENV := .venv/bin/python
SETUP := ./local/setup/setup.sh
# Requests between the parts on this machine go round any proxy.
export NO_PROXY := localhost,127.0.0.1,::1,$(or $(NO_PROXY),$(no_proxy))
export no_proxy := $(NO_PROXY)

.DEFAULT_GOAL := help
.PHONY: help setup run test coverage test-slow test-package bench lint lint-bicep lint-checkov lock package audit format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Set up .venv and node_modules and build the pages, if they are not
	@$(SETUP)

run: setup ## Run the whole system on this machine (ONCE=1: until all sample jobs have ended; LOGS=1: all log lines)
	@$(PYTHON_VENV) -m local.system $(if $(filter-out 0,$(ONCE)),--once) $(if $(filter-out 0,$(LOGS)),--logs)

# In CI the tests measure their coverage too, unless ARGS chooses some of them.
test: setup ## Run the tests (ARGS="-k name" chooses)
	@$(PYTHON_VENV) -m pytest -m "not slow" -n auto --maxprocesses 4 --dist loadfile $(if $(filter true,$(CI)),$(if $(ARGS),,--cov)) $(ARGS)

coverage: setup ## Run the tests, and fail if they run less of the app than the floor in pyproject.toml
	@$(PYTHON_VENV) -m pytest -m "not slow" -n auto --maxprocesses 4 --dist loadfile --cov --cov-report=term-missing

test-slow: setup ## Run the proofs that take minutes
	@$(PYTHON_VENV) -m pytest -m slow $(ARGS)

bench: setup ## Measure against the ideal and against simple rivals
	@$(PYTHON_VENV) -m bench $(ARGS)

lint: setup ## Check style, format and types
	@$(PYTHON_VENV) -m ruff check .
	@$(PYTHON_VENV) -m ruff format --check .
	@$(PYTHON_VENV) -m mypy

package: setup ## Build what is deployed into dist/: the package, its bill of materials, licences and checksums
	@$(PYTHON_VENV) infra/scripts/package.py

test-package: setup ## Build the package twice, and run the app from it with nothing else installed
	@$(PYTHON_VENV) -m pytest -m slow tests/infra/test_package.py $(ARGS)

lock: setup ## Write requirements.lock and requirements-dev.lock anew
	@./infra/scripts/lock.sh

audit: setup ## Look up known vulnerabilities of what is deployed (needs the internet)
	@$(PYTHON_VENV) -m pip_audit --strict --require-hashes --disable-pip --requirement requirements.lock

lint-bicep: ## Compile and lint infra/, where the Bicep CLI is installed
	@./infra/scripts/lint-bicep.sh

lint-checkov: setup ## Scan infra/ with checkov, in an environment of its own
	@./infra/scripts/lint-checkov.sh

format: setup ## Format the code
	@$(PYTHON_VENV) -m ruff check --fix .
	@$(PYTHON_VENV) -m ruff format .

clean: ## Remove everything that make has made
	rm -rf .venv .venv-checkov node_modules dist shared/pages .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
