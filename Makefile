# Everything a person or CI does with this repository. `make help` prints the lines marked ##.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
SOURCES := server room flash_sale loadtest tests
UNIT_TESTS := $(wildcard tests/room tests/flash_sale tests/server)
DEMO_PORT ?= 8000
DEMO_DATA ?= data/demo

help:  ## Print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.dev  ## Make .venv with everything that running and testing need

# Running needs fewer packages than testing: `make demo` installs only these.
$(VENV)/.run: pyproject.toml constraints.txt
	@.ci/venv "$(PYTHON)" $(VENV) embedded
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	@.ci/venv "$(PYTHON)" $(VENV) embedded,dev
	@touch $(VENV)/.run $@

check: format-check lint types imports unit  ## Format, lint, types, import rules and unit tests, under a minute

format: setup  ## Rewrite the sources in the one format
	$(BIN)/ruff check --select I --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

format-check: setup
	$(BIN)/ruff format --check $(SOURCES)

lint: setup  ## Look for likely mistakes
	$(BIN)/ruff check $(SOURCES)

types: setup  ## Check types strictly
	$(BIN)/mypy

imports: setup  ## Check who may import whom
	$(BIN)/lint-imports

unit: setup  ## Run the unit tests
	$(BIN)/pytest -q $(UNIT_TESTS)

test: setup  ## Run everything: checks, unit, contracts, integration, browser
	tests/needs.sh
	$(MAKE) --no-print-directory format-check lint types imports
	$(BIN)/pytest -q --ignore=tests/browser tests
	$(BIN)/pytest -q tests/browser

demo: $(VENV)/.run  ## Start a live room with a host, products, a sale and a simulated audience
	@exec $(BIN)/liveroom dev --demo --port $(DEMO_PORT) --data-dir $(DEMO_DATA)

docs: setup  ## Write the pages that are made from the code
	$(BIN)/python -m server.settings_page > docs/configuration.md
	$(BIN)/python -m server.protocol_page > docs/protocol.md

bench: setup  ## Measure fan-out and sale on this machine, server and load on loopback
	$(BIN)/python -m loadtest.bench

prove-stampede: setup  ## 300 buyers on two workers for 1, 7 and 100 units, twenty times each
	$(BIN)/python -m loadtest.stampede --rounds 20

prove-sellouts: setup  ## 1,000 sell-outs of 1 to 1,000 units, 200 buyers and two workers, on each database
	$(BIN)/python -m loadtest.sellouts --runs 500 --seed 1 --database sqlite
	$(BIN)/python -m tests.with_postgres $(BIN)/python -m loadtest.sellouts --runs 500 --seed 501 --database postgresql

prove-crash: setup  ## A sale while workers and Redis are killed every few seconds
	$(BIN)/python -m loadtest.crash --seed 1 --seconds 60

prove-unpaid: setup  ## Holds that nobody pays: all stock back within two seconds, and sold again
	$(BIN)/python -m loadtest.unpaid

clean:  ## Remove the virtual environment and caches (not data/)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build dist

.PHONY: help setup check format format-check lint types imports unit test demo docs bench prove-stampede prove-sellouts prove-crash prove-unpaid clean
