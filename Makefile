# Everything a person or CI does with this repository. `make help` prints the lines marked ##.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
SOURCES := server room flash_sale loadtest tests
UNIT_TESTS := $(wildcard tests/room tests/flash_sale tests/server)
# One process of tests a core, each with its own Redis, PostgreSQL, server and browser; a file stays in one.
SPREAD ?= --numprocesses auto --maxprocesses 4 --dist loadfile
DEMO_PORT ?= 8000
DEMO_DATA ?= data/demo
PEERS ?= build/bench-peers

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
	$(BIN)/pytest -q $(SPREAD) --ignore=tests/browser tests
	$(BIN)/pytest -q $(SPREAD) tests/browser

demo: $(VENV)/.run  ## Start a live room with a host, products, a sale and a simulated audience
	@exec $(BIN)/liveroom dev --demo --port $(DEMO_PORT) --data-dir $(DEMO_DATA)

docs: setup  ## Write the pages that are made from the code
	$(BIN)/python -m server.settings_page > docs/configuration.md
	$(BIN)/python -m server.protocol_page > docs/protocol.md

bench: bench-fanout bench-sale  ## Measure both: fan-out and the sale

goals: setup  ## Measure every goal anew and write the table into docs/performance.md; 35 minutes at most
	PYTHON=$(abspath $(BIN))/python loadtest/peers/install.sh $(PEERS)
	$(BIN)/python -m loadtest.goals --peers $(PEERS) --write docs/performance.md

bench-fanout: setup  ## Measure fan-out beside a C send loop, uWebSockets, nchan, ws and two in Python
	PYTHON=$(abspath $(BIN))/python loadtest/peers/install.sh $(PEERS)
	$(BIN)/python -m loadtest.bench_fanout --peers $(PEERS) --search --json $(PEERS)/fanout.json --svg $(PEERS)/fanout.svg

bench-room: setup  ## Measure what a viewer costs: a comment, a join, memory, beside bare aiohttp
	$(BIN)/python -m loadtest.bench_room

bench-scale: setup  ## Measure what growth costs: 100 to 18,000 viewers, comments, rooms, workers
	$(BIN)/python -m loadtest.bench_scale --peers $(PEERS) --json $(PEERS)/scale.json --svg $(PEERS)/scale.svg

capacity: setup  ## Fit the capacity model to what bench-scale measured; write docs/capacity.md
	$(BIN)/python -m loadtest.capacity $(PEERS)/scale.json --write docs/capacity.md

bench-ticks: setup  ## Measure a room behind nginx over plain HTTP: 100 viewers and 10,000
	$(BIN)/python -m loadtest.bench_ticks

bench-sale: setup  ## Measure the sale beside redis-benchmark, bare aiohttp and PostgreSQL
	$(BIN)/python -m tests.with_postgres --durable --if-there $(BIN)/python -m loadtest.bench_sale

loadtest: setup  ## Locust with two workers and a sale's stampede on a server of its own; data/loadtest.html
	@mkdir -p data
	$(BIN)/python -m loadtest.locust_run --own-server 2 --workers 2 --users 60 --seconds 30 \
		--shape stampede --html data/loadtest.html --csv data/loadtest

loadtest-web: setup  ## Locust's web interface on a server of its own, until Ctrl-C
	$(BIN)/python -m loadtest.locust_run --own-server 2 --workers 2 --shape stampede --web

swarm: setup  ## An open-loop crowd with a sale and a draw on a server of its own; data/swarm.html
	@mkdir -p data
	$(BIN)/python -m loadtest.swarm --own-server 2 --viewers 1000 --comments 50 --seconds 20 \
		--buyers 300 --stock 100 --cuts 5 --processes 2 --html data/swarm.html --json data/swarm.json

prove-stampede: setup  ## 300 buyers on two workers for 1, 7 and 100 units, twenty times each
	$(BIN)/python -m loadtest.stampede --rounds 20

prove-sellouts: setup  ## 1,000 sell-outs of 1 to 1,000 units, 200 buyers and two workers, on each database
	$(BIN)/python -m loadtest.sellouts --runs 500 --seed 1 --database sqlite
	$(BIN)/python -m tests.with_postgres $(BIN)/python -m loadtest.sellouts --runs 500 --seed 501 --database postgresql

prove-crash: setup  ## A sale while workers and Redis are killed every few seconds
	$(BIN)/python -m loadtest.crash --seed 1 --seconds 60

prove-faults: setup  ## 200 sell-outs under faults: kills, a cut log, no database, a bad bank, one key
	$(BIN)/python -m loadtest.prove_faults --runs 100 --seed 1 --database sqlite
	$(BIN)/python -m tests.with_postgres $(BIN)/python -m loadtest.prove_faults --runs 100 --seed 101 --database postgresql

prove-rain: setup  ## 500 people grab for 100 packets, 200 rains on two workers, every cent accounted for
	$(BIN)/python -m loadtest.rains --runs 200 --people 500 --seed 1

prove-frozen: setup  ## Redis stopped for 3, 6 and 12 s in mid-sale: every answer within a second, all kept
	$(BIN)/python -m loadtest.prove_frozen --frozen 3 6 12 --seed 1

prove-draw: setup  ## 10,000 enter at two workers, draws are killed; every proof is recomputed
	$(BIN)/python -m loadtest.prove_draw --seed 1

prove-unpaid: setup  ## Holds that nobody pays: all stock back within two seconds, and sold again
	$(BIN)/python -m loadtest.unpaid

prove-storm: setup  ## 5,000 viewers thrown out at once come back and miss nothing
	$(BIN)/python -m loadtest.storm --viewers 5000

prove-flood: setup  ## 3,000 comments a second into a room of 1,000: counts add up, nothing critical waits
	$(BIN)/python -m loadtest.flood

prove-overload: setup  ## Three times the load a room can bear: nothing critical lost, memory bounded, soon back
	$(BIN)/python -m loadtest.prove_overload --seed 1

prove-pages: setup  ## The tour of every page on phone and desk, in both languages
	$(BIN)/pytest -q -m "" $(SPREAD) $(wildcard tests/browser/test_tour_*.py)

clean:  ## Remove the virtual environment and caches (not data/)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build dist

# Every target with a help text is a command, not a file.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\#.*/\1/p' $(firstword $(MAKEFILE_LIST)))
