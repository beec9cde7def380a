# `make help` lists the targets. They need Python 3.13 and Node 20 or newer.

SHELL := /bin/sh
PYTHON_VENV := .venv/bin/python
SETUP := ./local/setup/setup.sh
API_TYPES := pages/dashboard/schema.d.ts
# Without reordering, the long files of tests/app start first.
IN_PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Requests between the parts on this machine bypass any proxy.
export NO_PROXY := localhost,127.0.0.1,::1,$(or $(NO_PROXY),$(no_proxy))
export no_proxy := $(NO_PROXY)

.DEFAULT_GOAL := help
.PHONY: help setup run test coverage test-browser test-slow test-package screenshots bench mutate reliability lint lint-bicep lint-packages lint-checkov lock openapi package audit format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Set up .venv and node_modules and build the pages, if they are missing or out of date
	@$(SETUP)

run: setup ## Run the whole system on this machine (ONCE=1: until all sample jobs have ended; LOGS=1: show all log lines)
	@$(PYTHON_VENV) -m local.system $(if $(filter-out 0,$(ONCE)),--once) $(if $(filter-out 0,$(LOGS)),--logs)

# In CI this also measures coverage, unless ARGS selects tests.
test: setup ## Run the tests (ARGS="-k name" selects some)
	@$(PYTHON_VENV) -m pytest --ignore tests/browser -m "not slow" $(IN_PARALLEL) $(if $(filter true,$(CI)),$(if $(ARGS),,--cov)) $(ARGS)

coverage: setup ## Run the tests, and fail if they reach too little of the code
	@$(PYTHON_VENV) -m pytest --ignore tests/browser -m "not slow" $(IN_PARALLEL) --cov --cov-report=term-missing --junit-xml .local/tests.xml
	@$(PYTHON_VENV) -m tests.reliability.branch_coverage

test-browser: setup ## Run the tests of the dashboard in Chromium, which apt installs if it is missing and may be
	@./local/setup/apt.sh chromium
	@$(PYTHON_VENV) -m pytest tests/browser -m "not slow" $(IN_PARALLEL) $(ARGS)

test-slow: setup ## Run the tests that take minutes
	@$(PYTHON_VENV) -m pytest -m slow $(ARGS)

screenshots: setup ## Take the pictures of the dashboard in docs/images (ARGS="jobs overview" selects some)
	@./local/setup/apt.sh chromium fonts-inter optipng
	@$(PYTHON_VENV) -m local.screenshots $(ARGS)

bench: setup ## Measure, and compare with the ideal and with simple alternatives
	@$(PYTHON_VENV) -m bench $(ARGS)

lint: setup ## Check style, format, types and unused code, of the pages too, and the API's description
	@$(PYTHON_VENV) -m ruff check .
	@$(PYTHON_VENV) -m ruff format --check .
	@$(PYTHON_VENV) -m mypy
	@$(PYTHON_VENV) -m vulture
	@REDOCLY_SUPPRESS_UPDATE_NOTICE=true node node_modules/@redocly/cli/bin/cli.js lint --config openapi/redocly.yaml shared/http/openapi.json
	@node node_modules/@biomejs/biome/bin/biome ci --error-on-warnings
	@$(MAKE) --no-print-directory $(API_TYPES)
	@node node_modules/typescript/bin/tsc --project pages/dashboard

# The types of the API that the dashboard is checked against. The build does without them.
$(API_TYPES): shared/http/openapi.json package-lock.json
	@node node_modules/openapi-typescript/bin/cli.js shared/http/openapi.json --output $@ >/dev/null

openapi: setup ## Write the API's description again, with its examples (shared/http/openapi.json)
	@REPLACE_EXAMPLES=1 $(PYTHON_VENV) -m pytest tests/openapi/test_examples.py
	@$(PYTHON_VENV) -m openapi

package: setup ## Build the deployment package into dist/, with its bill of materials, licences and checksums
	@$(PYTHON_VENV) infra/scripts/package.py

mutate: setup ## Change the code in small ways, and see whether the tests notice (ARGS=webhooks selects a package)
	@$(PYTHON_VENV) -m tests.reliability.mutation_run $(ARGS)
	@$(PYTHON_VENV) -m tests.reliability.mutations

reliability: setup ## Run every proof, and write docs/reliability.md from what they saw (hours)
	@$(MAKE) --no-print-directory test-slow ARGS="tests/reliability tests/openapi/test_fuzzing.py"
	@$(MAKE) --no-print-directory coverage
	@$(MAKE) --no-print-directory mutate

test-package: setup ## Build the package twice, compare, and run the app from it with nothing else installed
	@$(PYTHON_VENV) -m pytest -m slow tests/infra/test_package.py $(ARGS)

lock: setup ## Write requirements.lock and requirements-dev.lock again
	@./infra/scripts/lock.sh

audit: setup ## Check the deployed packages for known vulnerabilities (needs the internet)
	@$(PYTHON_VENV) -m pip_audit --strict --require-hashes --disable-pip --requirement requirements.lock

lint-bicep: ## Compile and lint infra/, where the Bicep CLI is installed
	@./infra/scripts/lint-bicep.sh

lint-packages: setup ## Check for unused, missing and wrongly licensed packages
	@$(PYTHON_VENV) -m deptry . --config .ci/deptry-app.toml
	@$(PYTHON_VENV) -m deptry . --config .ci/deptry-tools.toml
	@mkdir -p .local
	@.venv/bin/pip-licenses >.local/licences.txt || { cat .local/licences.txt; exit 1; }

lint-checkov: setup ## Scan infra/ with checkov, in a separate environment
	@./infra/scripts/lint-checkov.sh

format: setup ## Format the code
	@$(PYTHON_VENV) -m ruff check --fix .
	@$(PYTHON_VENV) -m ruff format .
	@node node_modules/@biomejs/biome/bin/biome check --write

clean: ## Remove everything that make created
	rm -rf .venv .venv-checkov .venv-openapi node_modules dist shared/pages $(API_TYPES) .local .pytest_cache .mypy_cache .ruff_cache .hypothesis mutants .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
