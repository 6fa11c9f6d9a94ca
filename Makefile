# `make` lists what there is to do. Two commands matter: `make run` serves the sample, `make test` runs every check.

PYTHON ?= python3
PORT   ?= 8000
INDEX  ?= var/sample-index
TEST   ?=
BIN    := .venv/bin
# Installed again when a lock file or pyproject.toml has changed: what serving needs, and what developing needs.
SERVING    := .venv/installed
DEVELOPING := .venv/installed-dev

.PHONY: help setup run test check format lock quality bench opensearch faults attack

help:  ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(SERVING)  ## Install what serving needs into .venv

$(SERVING): requirements.lock pyproject.toml client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Outpost needs Python 3.11 or newer; PYTHON= names another one"; exit 1; }
	@echo "Installing what serving needs into .venv: about a minute, 400 MB …"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable ./client --editable .
	@$(BIN)/python -m index.engines.columns.warm
	@touch $@

$(DEVELOPING): requirements-dev.lock $(SERVING)
	@echo "Installing what the tests need into .venv: a minute, 400 MB more …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: $(INDEX)/current  ## Build the sample index and serve it on http://127.0.0.1:8000 (PORT= changes the port)
	@echo "Serving in this terminal until Ctrl-C; type queries in another one."
	@$(BIN)/outpost serve --index $(INDEX) --port $(PORT)

# Built again when the sample, or what gives an index its form, has changed.
$(INDEX)/current: sample/stories.ndjson $(wildcard index/*.py index/*/*.py index/engines/*/*.py index/engines/*/*/*.py) | $(SERVING)
	@echo "Building the index of the sample …"
	@$(BIN)/outpost build sample/stories.ndjson --index $(INDEX)

test: $(if $(TEST),,check) $(DEVELOPING)  ## Run all checks and tests; TEST=path or TEST="path -k name" runs some tests alone
	$(BIN)/pytest $(if $(TEST),$(TEST),-n 2 --dist loadgroup)

check: $(DEVELOPING)  ## Lint, formatting, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEVELOPING)  ## Format the code and fix what lint can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# `make quality QUALITY_DATA=directory` prints the table of docs/ranking.md. Without the third-party collections only the
# made-up one is measured; `make test` checks that one always.
quality: $(DEVELOPING)  ## Measure the quality of ranking on judged collections
	$(if $(QUALITY_DATA),OUTPOST_QUALITY_DATA=$(QUALITY_DATA)) $(BIN)/python -m tests.quality.table

# `make bench DATA="stories.ndjson.gz …"` writes docs/benchmarks.md. The part over HTTP needs wrk.
bench: $(DEVELOPING)  ## Measure speed beside tantivy, SQLite FTS5 and plain Whoosh
	$(BIN)/pip install --quiet tantivy==0.27.0
	$(BIN)/python -m benchmarks --data $(DATA)

opensearch: $(DEVELOPING)  ## Run an OpenSearch node until Ctrl-C; needs Maven and Java 21, no container
	$(BIN)/python -m tools.opensearch_node

faults: $(DEVELOPING)  ## Kill nodes of a cluster of three, under load and during a build: three minutes
	$(BIN)/pytest --faults tests/engines/opensearch/test_killing.py

# ATTACK="--attack-requests 100000" sends as many different requests to each endpoint, which takes hours.
attack: $(DEVELOPING)  ## Attack real servers and builds on loopback: under five minutes
	$(BIN)/pytest -q --attack --show-capture=no tests/attack $(ATTACK)

# Run this after a change of the dependencies in pyproject.toml.
lock: $(DEVELOPING)  ## Write the lock files anew
	$(BIN)/pip install --quiet uv
	for group in build dev; do \
	    $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-package outpost-client --group $$group \
	        --custom-compile-command "make lock" pyproject.toml \
	        --output-file $$(test $$group = dev && echo requirements-dev.lock || echo requirements.lock); \
	done
