# Everything sets itself up: Python >= 3.11 (with venv), git and make are all it takes.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
# One of the peers needs Python 3.12 and is left out below it.
PEERS_PYTHON ?= $(PYTHON)
VENV   := .venv
PEERS  := .venv-peers
BIN    := $(VENV)/bin
LOCKS  := requirements/runtime.lock requirements/dev.lock
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate
export UV_NO_PROGRESS := 1
# Like pip, trust the certificates that this machine trusts; UV_SYSTEM_CERTS=0 trusts those that come with uv.
export UV_SYSTEM_CERTS ?= 1
# Extra arguments for pytest and for the benchmarks: make test ARGS="-k leases -x"
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo up test check format bench bench-peers docs lock clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## put everything Runyard needs into .venv

demo: setup ## review this repository with the built-in code reviewer
	@echo "demo: start Runyard on SQLite and review this repository"
	@$(BIN)/runyard demo

up: setup ## start Runyard for a person
	@echo "up: start Runyard; stop it with Ctrl-C"
	@$(BIN)/runyard up

# Kept bytecode saves each worker the seconds that rewriting the plugins of pytest takes. Tests wait for processes and
# sockets a fifth of their time: three workers keep two processors busy.
test: setup ## run every test on SQLite and on a PostgreSQL that the tests start themselves
	@echo "test: run every test on SQLite and on PostgreSQL"
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

check: setup ## check format, lint, types and imports
	@echo "check: format"
	@$(BIN)/ruff format --check --quiet --output-format concise
	@echo "check: lint"
	@$(BIN)/ruff check --quiet --output-format concise
	@echo "check: types"
	@$(BIN)/mypy --no-error-summary $(wildcard src tests bench tools)
	@echo "check: imports"
	@$(BIN)/lint-imports --no-logo

format: setup ## rewrite the code in the common format
	@echo "format: rewrite the code in the common format"
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check --quiet --fix --exit-zero

bench: setup ## measure this machine with both databases
	@echo "bench: measure SQLite and PostgreSQL"
	@$(BIN)/python -m bench $(ARGS)

bench-peers: setup $(PEERS)/.installed ## measure other systems on the same machine
	@echo "bench-peers: measure the peers"
	@$(PEERS)/bin/python -m bench.peers $(ARGS)

docs: setup ## write docs/reference from the code
	@echo "docs: write docs/reference from the code"
	@$(BIN)/python -m tools.reference docs/reference

lock: $(BIN)/uv ## resolve the newest allowed versions into requirements/*.lock
	@echo "lock: resolve requirements/*.lock"
	@$(LOCK) --upgrade requirements/bootstrap.in --output-file requirements/bootstrap.lock
	@$(LOCK) --upgrade pyproject.toml --output-file requirements/runtime.lock
	@$(LOCK) --upgrade requirements/dev.in --output-file requirements/dev.lock
	@$(LOCK) --upgrade requirements/peers.in --output-file requirements/peers.lock

clean: ## remove the environments and everything built or cached
	@echo "clean: remove environments, builds and caches"
	@rm -rf $(VENV) $(PEERS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	@find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The stamp is newer than the locks once they are installed, so that a second call has nothing to do.
$(VENV)/.installed: $(LOCKS) pyproject.toml $(BIN)/uv
	@echo "setup: install the locked packages into $(VENV)"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCKS:%=--requirement %)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/uv: requirements/bootstrap.lock
	@test -n "$(PYTHON)" || { echo "setup: needs Python 3.11 or newer; name it with make PYTHON=..." >&2; exit 1; }
	@echo "setup: make $(VENV)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/bootstrap.lock
	@touch $@

$(PEERS)/.installed: requirements/peers.lock $(BIN)/uv
	@echo "bench-peers: install the peers into $(PEERS)"
	@test -x $(PEERS)/bin/python || "$(PEERS_PYTHON)" -m venv $(PEERS)
	@$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --require-hashes --requirement requirements/peers.lock
	@touch $@
