# Two commands: `make run` serves the sample, `make test` runs every check. PORT= changes the port.

PYTHON ?= python3
PORT   ?= 8000
INDEX  ?= var/sample-index
BIN    := .venv/bin
# Set up again when the lock file or the interpreter of .venv has changed.
STAMP  := .venv/installed

.PHONY: setup run test lint lock quality benchmark opensearch faults attack

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Outpost needs Python 3.11 or newer; PYTHON= names another one"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m index.engines.columns.warm
	@touch $@

run: $(INDEX)/current
	$(BIN)/outpost serve --index $(INDEX) --port $(PORT)

# Older than its input, or than what gives the index its form.
$(INDEX)/current: sample/stories.ndjson index/schema.py index/documents.py $(wildcard index/engines/*/*.py) | $(STAMP)
	$(BIN)/outpost build sample/stories.ndjson --index $(INDEX)

test: lint
	$(BIN)/pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# How good the order of answers is: `make quality QUALITY_DATA=directory` prints the table of docs/ranking.md. Without
# the third-party collections only the made-up one is measured; `make test` checks that one always.
quality: $(STAMP)
	$(if $(QUALITY_DATA),OUTPOST_QUALITY_DATA=$(QUALITY_DATA)) $(BIN)/python -m tests.quality.table

# Beside tantivy, SQLite FTS5 and plain Whoosh: `make benchmark DATA="stories.ndjson.gz …"` writes docs/benchmarks.md.
# The part over HTTP needs wrk. Not part of the tests.
benchmark: $(STAMP)
	$(BIN)/pip install --quiet tantivy==0.27.0
	$(BIN)/python -m benchmarks --data $(DATA)

# A real OpenSearch for developers, until Ctrl-C; needs Maven and a Java 21 or newer, no container.
opensearch: $(STAMP)
	$(BIN)/python -m tools.opensearch_node

# Nodes of a cluster of three are killed, under load and during a build, and one has no room: three minutes.
faults: $(STAMP)
	$(BIN)/pytest -n0 --faults tests/engines/opensearch/test_killing.py

# What an attacker would try, on real servers and builds, with a table of figures: under five minutes, loopback only.
# ATTACK="--attack-requests 100000" sends as many different requests to each endpoint, which takes hours.
attack: $(STAMP)
	$(BIN)/pytest -n0 -q --attack --show-capture=no tests/attack $(ATTACK)

# After a change of the dependencies in pyproject.toml.
lock: $(STAMP)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --group dev \
	    --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml
