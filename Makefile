# Everything sets itself up: `make demo` and `make test` are the first commands on a fresh machine
# that has python3 >= 3.11 and make. `make e2e` needs Go as well: it builds real servers.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what can be made.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-11s %s\n", $$1, $$2}'

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/runtime: $(VENV)/pyvenv.cfg pyproject.toml
	@echo "Installing Backup Sentinel into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[speed]'
	@touch $@

$(VENV)/dev: $(VENV)/runtime
	@echo "Installing the tools for tests into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[speed,dev]'
	@touch $@

.PHONY: demo
demo: $(VENV)/runtime ## Run the whole product on this machine, with simulated clusters.
	@$(BIN)/backup-sentinel demo $(ARGS)

.PHONY: test
test: $(VENV)/dev ## Run the tests; those that need servers built with Go say so and are skipped.
	@$(BIN)/python -m pytest -m "not e2e" -n $(WORKERS) --dist worksteal $(ARGS)

.PHONY: tools
tools: $(VENV)/dev ## Build the servers and tools that the tests use (needs Go; some minutes the first time).
	@$(PYTHON) tests/tools/build $(TOOLS)
	@[ -n "$(TOOLS)" ] || $(BIN)/python tests/tools/kubeconform/schemas

.PHONY: e2e
e2e: $(VENV)/dev tools ## Run the end-to-end tests against real servers.
	@$(BIN)/python -m pytest -m e2e -n $(WORKERS) --dist loadfile $(ARGS)

.PHONY: bench
bench: $(VENV)/dev ## Measure speed and size beside kube-state-metrics; needs Go and some minutes. ARGS="--size 100000 sync"
	@$(PYTHON) tests/tools/build apiserver
	@$(PYTHON) tests/tools/build --folder benchmarks/tools
	@PYTHONPATH=tests:. $(BIN)/python -m benchmarks $(ARGS)

.PHONY: lint
lint: $(VENV)/dev ## Check style, types and the direction of imports.
	@$(BIN)/ruff check exporter tests benchmarks
	@$(BIN)/ruff format --check exporter tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: screenshots
screenshots: $(VENV)/dev ## Take the pictures of the documentation from the demo; needs Chromium.
	@PYTHONPATH=tests $(BIN)/python -m support.screenshots exporter/images

.PHONY: generate
generate: $(VENV)/runtime ## Write all generated files anew.
	@$(BIN)/backup-sentinel generate all
	@[ ! -x .tools/bin/helm ] || $(MAKE) --no-print-directory manifests

.PHONY: manifests
manifests: $(VENV)/dev ## Write the manifests for those without Helm anew, from the chart; needs Go.
	@$(PYTHON) tests/tools/build helm
	@PYTHONPATH=tests $(BIN)/python -m chart.plain

.PHONY: clean
clean: ## Remove what was installed and built.
	@rm -rf $(VENV) .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
